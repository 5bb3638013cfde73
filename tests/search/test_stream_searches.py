"""Searches on streams: of each kind, whole; and what is refused before the first trial."""

import csv
import json

import keras
import numpy as np
import pytest
from mlflow import MlflowClient

from pipeline.journal.history import read

pytestmark = [
    pytest.mark.usefixtures("tested_untraced"),
    # Keras says so of its own default, whoever gives `fit` a tf.data.Dataset.
    pytest.mark.filterwarnings("ignore:`shuffle=True` was passed"),
]

TINY = "--config-dir conf dataset=mine training.epochs=2 strategy.max_trials=1"
OWN = f"{TINY} model=mine"

MINE = """
import keras
import keras_tuner
import numpy as np
import tensorflow as tf
from pipeline.datasets import Dataset, Split, Stream
from pipeline.preprocessing import Standardization

rng = np.random.default_rng(0)
x = rng.normal(size=(120, 4)).astype("float32")
first = x[:, :3].argmax(1)
PARTS = (slice(0, 80), slice(80, 100), slice(100, 120))


def made(task, parts, classes="", **more):
    return Dataset(name="made", task=task, train=parts[0], validation=parts[1], test=parts[2],
                   classes=tuple(classes), source="mine", **more)


def tensors():
    inputs = {"a": x[:, :2], "b": x[:, 2:]}
    whole = tf.data.Dataset.from_tensor_slices((inputs, first, x[:, 0] ** 2))
    parts = [whole.skip(p.start).take(p.stop - p.start) for p in PARTS]
    train = Stream(parts[0].shuffle(80), shuffle_buffer=20)
    return made("classification", [train, parts[1].batch(7), parts[2].shuffle(20).batch(7)], "abc")


class Batches(keras.utils.PyDataset):
    def __init__(self, part):
        super().__init__(workers=2)
        self.part = part

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return x[self.part][index::4], (x[self.part][index::4, :3] > 0).astype("int64")


def py_datasets():
    return made("multilabel", [Batches(part) for part in PARTS], "abc")


def function():
    def examples(part):
        return lambda: zip(x[part], x[part, 0] * 2, strict=True)

    return made("regression", list(map(examples, PARTS)),
                preprocessing=Standardization.fit(x[:80]))


def generator():
    return made("regression", [zip(x, x), Split(x, x), Split(x, x)])


def build(hp):
    inputs = {name: keras.Input((2,), name=name) for name in "ab"}
    hidden = keras.layers.Concatenate()([*inputs.values()])
    hidden = keras.layers.Dense(hp.Int("units", 4, 8))(hidden)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class OfLabels(keras_tuner.HyperModel):
    def build(self, hp):
        hidden = keras.layers.Dense(hp.Int("units", 4, 8))
        last = keras.layers.Dense(3, activation="sigmoid")
        model = keras.Sequential([keras.Input((4,)), hidden, last])
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
        return model


class WithOwnFit(OfLabels):
    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, **kwargs)
"""


@pytest.fixture
def mine(tmp_path):
    """Writes a user's module, with a choice of the dataset and one of the model."""

    def write(dataset, model="build"):
        for group, name in {"dataset": dataset, "model": model}.items():
            folder = tmp_path / "conf" / group
            folder.mkdir(parents=True)
            (folder / "mine.yaml").write_text(f"_target_: mine.{name}\n")
        (tmp_path / "mine.py").write_text(MINE)

    return write


def searched(folder):
    (search,) = folder.glob("outputs/searches/*")
    return search, read(search)


def test_a_tf_data_dataset(mine, command, tmp_path, store):
    """Its test split comes in another order in each pass, and its targets with it."""
    mine("tensors")
    ended = command(f"{OWN} hyperparameters.batch_size=[16,20] training.class_weight=balanced")
    assert (ended.code, ended.err) == (0, "")
    assert "train gives its examples in another order, or others, whenever it is read" in ended.out
    folder, history = searched(tmp_path)
    report = json.loads((folder / "evaluation/classification_report.json").read_text())
    assert report["accuracy"] == pytest.approx(history.evaluation.metrics["accuracy"])
    client = MlflowClient(store)
    (run,) = client.search_runs(
        [one.experiment_id for one in client.search_experiments()],
        "tags.`pipeline.kind` = 'search'",
    )
    (used,) = run.inputs.dataset_inputs
    assert json.loads(used.dataset.profile)["rows"] == {"train": 80, "validation": 20, "test": 20}


@pytest.mark.sampled("OfLabels")
@pytest.mark.parametrize("model", ["OfLabels", "WithOwnFit"])
def test_a_py_dataset(model, mine, command, tmp_path):
    mine("py_datasets", model)
    ended = command(f"{OWN} final.retrain=true")
    assert (ended.code, ended.err) == (0, "")
    folder, history = searched(tmp_path)
    with (folder / "evaluation/labels.csv").open() as file:
        labels = list(csv.DictReader(file))
    import mine as module

    best = keras.saving.load_model(folder / "best_model.keras")
    predicted = best.predict(module.x[100:], verbose=0)
    true = module.x[100:, :3] > 0
    assert [float(row["support"]) for row in labels] == true.sum(axis=0).tolist()
    hits = ((predicted > 0.5) & true).sum(axis=0) / true.sum(axis=0)
    assert [float(row["recall"]) for row in labels] == pytest.approx(hits.tolist())
    assert history.evaluation.retrained


@pytest.mark.thorough
def test_a_function_and_a_model_of_ours(mine, command, tmp_path):
    mine("function")
    ended = command(f"{TINY} model=mlp report.every_seconds=60")
    assert (ended.code, ended.err) == (0, "")
    folder, history = searched(tmp_path)
    errors = json.loads((folder / "evaluation/errors.json").read_text())
    assert errors["mae"] == pytest.approx(history.evaluation.metrics["mae"], rel=1e-4)
    assert (folder / "report.html").exists()
    (trial,) = history.ranked()
    assert np.isfinite(trial.end.score)


@pytest.mark.parametrize(
    ("dataset", "line", "sentence"),
    [
        ("generator", OWN, "dataset: train: a builtins.zip can be read once"),
        (
            "py_datasets",
            f"{OWN} hyperparameters.batch_size=[16,32]",
            "hyperparameters.batch_size cannot be searched where the training examples come in "
            "batches: give them one by one, with Stream(source, batched=False)",
        ),
        ("tensors", f"{TINY} model=mlp", "has no preprocessing"),
    ],
)
def test_what_cannot_work_is_told_before_the_first_trial(
    dataset, line, sentence, mine, command, tmp_path
):
    mine(dataset)
    ended = command(line)
    assert ended.code == 2
    assert sentence in " ".join(ended.err.split())
    assert not (tmp_path / "outputs").exists()
