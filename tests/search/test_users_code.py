"""What users write in a folder of their own runs unchanged."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from PIL import Image

from pipeline.datasets import wine
from pipeline.journal.history import read
from tests.commands import alone
from tests.training.test_callback_folders import shown

pytestmark = pytest.mark.usefixtures("tested_untraced")

TINY = "--config-dir conf model=mine dataset=wine training.epochs=2 strategy.max_trials=2"

SEEDS_MODEL = """
import keras
from keras.layers import BatchNormalization, Dense, Dropout, Flatten
from keras_tuner import HyperModel


class ExampleKerasHyperModel(HyperModel):

    def __init__(self, base_model, num_classes):
        super().__init__()
        self.base_model = base_model
        self.num_classes = num_classes

    def build(self, hp):
        self.base_model.trainable = False
        last_layer = self.base_model.get_layer('mixed5')

        model_extension = Flatten()(last_layer.output)

        dense_units_1 = hp.Int('dense_units_1', min_value=32, max_value=512, step=32)
        dense_units_2 = hp.Int('dense_units_2', min_value=32, max_value=512, step=32)
        dropout_rate1 = hp.Float('dropout_rate1', min_value=0.1, max_value=0.5, step=0.1)
        dropout_rate2 = hp.Float('dropout_rate2', min_value=0.1, max_value=0.5, step=0.1)

        model_extension = Dense(units=dense_units_1, activation='relu')(model_extension)
        model_extension = BatchNormalization(name='batch_norm_1')(model_extension)
        model_extension = Dropout(rate=dropout_rate1)(model_extension)
        model_extension = Dense(units=dense_units_2, activation='relu')(model_extension)
        model_extension = BatchNormalization(name='batch_norm_2')(model_extension)
        model_extension = Dropout(rate=dropout_rate2)(model_extension)
        model_extension = Dense(self.num_classes, activation='softmax')(model_extension)

        model = keras.models.Model(inputs=self.base_model.input, outputs=model_extension)

        learning_rate = hp.Float(name='learning_rate', min_value=0.0001, max_value=0.01)

        model.compile(
            optimizer=keras.optimizers.Adam(learning_rate=learning_rate),
            loss=keras.losses.SparseCategoricalCrossentropy(),
            metrics=['accuracy']
        )

        return model
"""

SEEDS_YAML = """
_target_: flowers.ExampleKerasHyperModel
base_model:
  _target_: keras.applications.InceptionV3
  weights: null
  include_top: false
  input_shape: [75, 75, 3]
num_classes: 3
"""

HEAD = """
import keras
import keras_tuner
import numpy as np


def finish(hp, layers=()):
    model = keras.Sequential(
        [keras.Input((13,)), *layers, keras.layers.Dense(3, activation="softmax")]
    )
    model.compile(
        keras.optimizers.Adam(hp.Float("rate", 1e-3, 1e-1, sampling="log")),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model
"""


def write_model(folder: Path, code: str, yaml: str) -> None:
    """Write a user's module `mine.py`, and the group choice `model=mine`."""
    (folder / "mine.py").write_text(HEAD + code)
    (folder / "conf/model").mkdir(parents=True)
    (folder / "conf/model/mine.yaml").write_text(yaml)


def write_choice(folder: Path, group: str, yaml: str) -> None:
    (folder / "conf" / group).mkdir(parents=True)
    (folder / "conf" / group / "mine.yaml").write_text(yaml)


def runs(uri: str, kind: str) -> list[Run]:
    """Return the runs of a kind in all experiments, oldest first."""
    client = MlflowClient(uri)
    return client.search_runs(
        [experiment.experiment_id for experiment in client.search_experiments()],
        f"tags.`pipeline.kind` = '{kind}'",
        order_by=["attributes.start_time ASC"],
    )


def check_layout(uri: str, trials: int, epochs: int = 2, objective: str = "val_loss") -> list[Run]:
    """Check what every finished search of two levels has; return its trials."""
    (search,) = runs(uri, "search")
    assert search.info.status == "FINISHED"
    assert search.data.tags["pipeline.model"] == "mine"
    assert "best_score" in search.data.metrics
    assert search.outputs.model_outputs
    found = runs(uri, "trial")
    assert len(found) == trials
    client = MlflowClient(uri)
    for trial in found:
        assert trial.info.status == "FINISHED"
        assert trial.data.tags["mlflow.parentRunId"] == search.info.run_id
        curve = client.get_metric_history(trial.info.run_id, objective)
        assert [point.step for point in curve] == list(range(epochs))
        best = min if objective == "val_loss" else max
        assert trial.data.metrics["score"] == best(point.value for point in curve)
    return found


@pytest.mark.parametrize(
    "strategies",
    [
        pytest.param(["hyperband"], id="one"),
        pytest.param(["hyperband", "random", "grid"], id="all", marks=pytest.mark.thorough),
    ],
)
def test_the_seeds_hypermodel_under_the_seeds_strategies(strategies, tmp_path):
    (tmp_path / "flowers.py").write_text(SEEDS_MODEL)
    write_choice(tmp_path, "model", SEEDS_YAML)
    random = np.random.default_rng(0)
    for shade, name in enumerate(["daisy", "rose", "tulip"]):
        (tmp_path / "flowers" / name).mkdir(parents=True)
        for number in range(8):
            pixels = random.integers(80 * shade, 80 * shade + 80, (60, 60, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "flowers" / name / f"{number}.png")
    ended = alone(
        f"-m strategy={','.join(strategies)} --config-dir conf model=mine dataset=images "
        "dataset.path=flowers 'dataset.image_size=[75,75]' training.epochs=1 "
        "hyperparameters.dense_units_1=32 hyperparameters.dense_units_2=32 "
        "hyperparameters.dropout_rate1=0.1 'hyperparameters.dropout_rate2=[0.2,0.3]' "
        "hyperparameters.learning_rate=0.001",
        tmp_path,
    )
    assert (ended.code, ended.err) == (0, "")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    searches = runs(uri, "search")
    assert [run.data.tags["pipeline.strategy"] for run in searches] == strategies
    assert {run.info.status for run in searches} == {"FINISHED"}
    trials = runs(uri, "trial")
    for search in searches:
        own = [t for t in trials if t.data.tags["mlflow.parentRunId"] == search.info.run_id]
        assert {trial.data.params["dropout_rate2"] for trial in own} <= {"0.2", "0.3"}
        assert len(own) == (1 if search.data.tags["pipeline.strategy"] == "hyperband" else 2)
    assert {*trials[0].data.params} == {
        *("dense_units_1", "dense_units_2", "dropout_rate1", "dropout_rate2", "learning_rate")
    }
    assert len(runs(uri, "comparison")) == 1
    (version,) = MlflowClient(uri).search_model_versions("name='flowers-mine'", max_results=1)
    assert version.name == "flowers-mine"


@pytest.mark.thorough
def test_a_function_that_builds(command, tmp_path, store):
    code = """
def build(hp, width):
    return finish(hp, [keras.layers.Dense(hp.Int("units", 4, width, step=4))])
"""
    write_model(tmp_path, code, "_target_: mine.build\nwidth: 8\n")
    ended = command(f"{TINY} model.width=16")
    assert (ended.code, ended.err) == (0, "")
    for trial in check_layout(store, trials=2):
        assert {*trial.data.params} == {"rate", "units"}
        assert int(trial.data.params["units"]) in (4, 8, 12, 16)


@pytest.mark.thorough
def test_what_the_yaml_nests_is_seeded(command, tmp_path, store):
    code = """
def base():
    return keras.Sequential([keras.Input((13,)), keras.layers.Dense(8)], name="base")


class OnBase(keras_tuner.HyperModel):
    def __init__(self, base):
        super().__init__()
        self.base = base

    def build(self, hp):
        self.base.trainable = False
        return finish(hp, [self.base])
"""
    write_model(tmp_path, code, "_target_: mine.OnBase\nbase:\n  _target_: mine.base\n")
    scores = []
    for _ in range(2):
        assert command(f"{TINY} strategy.max_trials=1 training.epochs=1 resume=never").code == 0
        keras.utils.set_random_seed(len(scores))  # whatever else the process does
        (*_, newest) = sorted((tmp_path / "outputs/searches").iterdir())
        scores.append([attempt.end.score for attempt in read(newest).attempts])
    assert scores[0] == scores[1]


def test_a_fit_of_its_own(command, tmp_path, store):
    code = """
class Own(keras_tuner.HyperModel):
    def build(self, hp):
        return finish(hp)

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(
            *args,
            batch_size=hp.Choice("batch_size", [16, 32]),
            shuffle=hp.Boolean("shuffle"),
            **kwargs,
        )
"""
    write_model(tmp_path, code, "_target_: mine.Own\n")
    ended = command(TINY)
    assert (ended.code, ended.err) == (0, "")
    for trial in check_layout(store, trials=2):
        assert {*trial.data.params} == {"rate", "batch_size", "shuffle"}
        assert trial.data.params["batch_size"] in ("16", "32")


@pytest.mark.thorough
def test_a_fit_that_fine_tunes_in_two_phases(command, tmp_path, store):
    code = """
class FineTuned(keras_tuner.HyperModel):
    def build(self, hp):
        model = finish(hp, [keras.layers.Dense(8, name="base")])
        model.get_layer("base").trainable = False
        return model

    def fit(self, hp, model, *args, **kwargs):
        model.fit(*args, **kwargs)
        model.get_layer("base").trainable = True
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model.fit(*args, **kwargs)
"""
    write_model(tmp_path, code, "_target_: mine.FineTuned\n")
    ended = command(f"{TINY} strategy.max_trials=1")
    assert (ended.code, ended.err) == (0, "")
    check_layout(store, trials=1, epochs=4)
    (folder,) = (tmp_path / "outputs/searches").iterdir()
    best = read(folder).ranked()[0].end
    model = keras.saving.load_model(folder / "best_model.keras")
    validation = wine(validation_size=0.15, test_size=0.15, seed=0).validation
    loss, _ = model.evaluate(validation.x, validation.y, verbose=0)
    assert loss == pytest.approx(best.score, rel=1e-5)


@pytest.mark.thorough
def test_a_metric_with_a_value_for_each_class(command, tmp_path, store):
    code = """
@keras.saving.register_keras_serializable("mine")
class OfEachClass(keras.metrics.F1Score):
    def update_state(self, y_true, y_pred, sample_weight=None):
        classes = keras.ops.one_hot(keras.ops.reshape(y_true, (-1,)), 3)
        super().update_state(classes, y_pred)


def build(hp):
    model = finish(hp)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=[OfEachClass(name="f1")])
    return model
"""
    write_model(tmp_path, code, "_target_: mine.build\n")
    ended = command(f"{TINY} strategy.max_trials=1 objective.name=val_f1 objective.direction=max")
    assert (ended.code, ended.err) == (0, "")
    names = {"loss", "f1", "f1_0", "f1_1", "f1_2"}
    for trial in check_layout(store, trials=1, objective="val_f1"):
        metrics = trial.data.metrics
        assert names | {f"val_{name}" for name in names} <= {*metrics}
        of_classes = [metrics[f"val_f1_{number}"] for number in range(3)]
        assert metrics["val_f1"] == pytest.approx(np.mean(of_classes))
    (search,) = runs(store, "search")
    assert {f"test_{name}" for name in names} <= {*search.data.metrics}
    (table,) = (tmp_path / "outputs/searches").glob("*/epochs.csv")
    assert {"f1_0", "val_f1_2"} <= {*table.read_text().partition("\n")[0].split(",")}


@pytest.mark.thorough
def test_conditional_scopes(command, tmp_path, store):
    code = """
def build(hp):
    layers = []
    if hp.Choice("kind", ["linear", "deep"]) == "deep":
        with hp.conditional_scope("kind", ["deep"]):
            layers = [keras.layers.Dense(hp.Choice("units", [4, 8]))]
    return finish(hp, layers)
"""
    write_model(tmp_path, code, "_target_: mine.build\n")
    ended = command(f"{TINY} strategy=grid hyperparameters.rate=0.01 strategy.max_trials=null")
    assert (ended.code, ended.err) == (0, "")
    chosen = [trial.data.params for trial in check_layout(store, trials=3)]
    assert sorted((p["kind"], p.get("units")) for p in chosen if p["kind"] == "deep") == [
        *(("deep", "4"), ("deep", "8"))
    ]
    assert {"kind": "linear", "rate": "0.01"} in chosen


SUBCLASSED = """
class Net(keras.Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = keras.layers.Dense(units, activation="relu")
        self.out = keras.layers.Dense(3, activation="softmax")

    def call(self, inputs):
        return self.out(self.hidden(inputs))
"""
SERIALIZABLE = """
    def get_config(self):
        return {**super().get_config(), "units": self.units}
"""
OF_SUBCLASS = """

def build(hp):
    model = Net(hp.Int("units", 4, 8))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
"""


@pytest.mark.thorough
def test_a_subclassed_model(command, tmp_path, store):
    register = '\n\n@keras.saving.register_keras_serializable("mine")'
    code = register + SUBCLASSED + SERIALIZABLE + OF_SUBCLASS
    write_model(tmp_path, code, "_target_: mine.build\n")
    ended = command(TINY)
    assert (ended.code, ended.err) == (0, "")
    check_layout(store, trials=2)
    assert list((tmp_path / "outputs/searches").glob("*/best_model.keras"))


def test_a_subclassed_model_that_cannot_be_loaded_again(command, tmp_path, store):
    write_model(tmp_path, SUBCLASSED + OF_SUBCLASS, "_target_: mine.build\n")
    ended = command(TINY)
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
    assert "error: model: it cannot be saved and loaded again" in ended.err
    assert "@keras.saving.register_keras_serializable()" in ended.err
    assert "get_config" in ended.err
    assert not (tmp_path / "outputs").exists()


@pytest.mark.thorough
def test_a_fit_that_crops_and_a_model_that_it_builds(command, tmp_path, store):
    register = '\n\n@keras.saving.register_keras_serializable("mine")'
    code = """

class Cropping(keras_tuner.HyperModel):
    def build(self, hp):
        return build(hp)

    def fit(self, hp, model, x, y, validation_data, **kwargs):
        x_val, y_val = validation_data
        return model.fit(x[:, :5], y, validation_data=(x_val[:, :5], y_val), **kwargs)
"""
    code = register + SUBCLASSED + SERIALIZABLE + OF_SUBCLASS + code
    write_model(tmp_path, code, "_target_: mine.Cropping\n")
    ended = command(TINY)
    assert (ended.code, ended.err) == (0, "")
    check_layout(store, trials=2)
    (folder,) = (tmp_path / "outputs/searches").iterdir()
    model = keras.saving.load_model(folder / "best_model.keras")
    dataset = wine(validation_size=0.15, test_size=0.15, seed=0)
    history = read(folder)
    for split, expected in (
        (dataset.validation, history.ranked()[0].end.score),
        (dataset.test, history.evaluation.metrics["loss"]),
    ):
        loss, _ = model.evaluate(split.x[:, :5], split.y, verbose=0)
        assert loss == pytest.approx(expected, rel=1e-5)


def test_a_dataset(command, tmp_path, store):
    code = """
from pipeline.datasets import Dataset, Split
from pipeline.preprocessing import Standardization


def points(count):
    random = np.random.default_rng(0)
    x = random.normal(size=(count, 2)).astype("float32")
    y = (x.sum(axis=1) > 0).astype("int64")
    parts = [Split(x[rows], y[rows]) for rows in np.array_split(np.arange(count), 3)]
    encoding = Standardization.fit(x)
    return Dataset("points", "classification", *parts, ("below", "above"), "mine", encoding)
"""
    write_model(tmp_path, code, "_target_: pipeline.hypermodels.MLP\n")
    write_choice(tmp_path, "dataset", "_target_: mine.points\ncount: 90\n")
    line = TINY.replace("dataset=wine", "dataset=mine")
    ended = command(f"{line} strategy.max_trials=1 hyperparameters.layers=1")
    assert (ended.code, ended.err) == (0, "")
    check_layout(store, trials=1)
    (search,) = runs(store, "search")
    (used,) = search.inputs.dataset_inputs
    assert used.dataset.name == search.data.tags["pipeline.dataset"] == "points"
    assert MlflowClient(store).get_experiment(search.info.experiment_id).name == "points"
    assert json.loads(used.dataset.profile)["classes"] == ["below", "above"]


@pytest.mark.parametrize(
    "yaml",
    [
        pytest.param(
            "_target_: keras_tuner.oracles.RandomSearchOracle\nmax_trials: 2\n",
            id="of KerasTuner",
            marks=pytest.mark.thorough,  # see test_tuner.py
        ),
        pytest.param("_target_: mine.Halves\nmax_trials: 2\n", id="of their own"),
    ],
)
def test_a_strategy(yaml, command, tmp_path, store):
    code = """
from pipeline.strategies import RandomSearch


class Halves(RandomSearch):
    def populate_space(self, trial_id):
        answer = super().populate_space(trial_id)
        if answer["values"]:
            answer["values"]["rate"] = 0.5
        return answer


def build(hp):
    return finish(hp, [keras.layers.Dense(hp.Int("units", 4, 8))])
"""
    write_model(tmp_path, code, "_target_: mine.build\n")
    write_choice(tmp_path, "strategy", yaml)
    ended = command(f"{TINY} strategy=mine")
    assert (ended.code, ended.err) == (0, "")
    trials = check_layout(store, trials=2)
    assert {trial.data.tags["pipeline.strategy"] for trial in trials} == {"mine"}
    halves = {trial.data.params["rate"] for trial in trials} == {"0.5"}
    assert halves == ("Halves" in yaml)


def test_a_keras_callback(command, tmp_path, store):
    code = """
class Diary(keras.callbacks.Callback):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch, logs=None):
        logs["val_error"] = 1 - logs["val_accuracy"]
        with open(self.path, "a") as file:
            file.write(f"{epoch}\\n")


def build(hp):
    return finish(hp)
"""
    write_model(tmp_path, code, "_target_: mine.build\n")
    ended = command(
        f"{TINY} objective.name=val_error objective.direction=min "
        "+callbacks.diary._target_=mine.Diary +callbacks.diary.path=diary.txt"
    )
    assert (ended.code, ended.err) == (0, "")
    (first, second) = runs(store, "trial")
    assert first.data.metrics["val_error"] == 1 - first.data.metrics["val_accuracy"]
    assert "score" in second.data.metrics
    assert (tmp_path / "diary.txt").read_text().split() == ["0", "1", "0", "1"]


def test_callbacks_that_write_files(command, tmp_path, store):
    write_model(tmp_path, "def build(hp):\n    return finish(hp)\n", "_target_: mine.build\n")
    ended = command(
        f"{TINY} final.retrain=true '~callbacks.early_stopping' "
        "'+callbacks.board={_target_: keras.callbacks.TensorBoard, log_dir: tb}' "
        "'+callbacks.best={_target_: keras.callbacks.ModelCheckpoint, filepath: kept/best.keras, "
        "save_best_only: true}' '+callbacks.log={_target_: keras.callbacks.CSVLogger, "
        "filename: log.csv}'"
    )
    assert (ended.code, ended.err) == (0, "")
    (folder,) = (tmp_path / "outputs/searches").iterdir()
    validation = wine(validation_size=0.15, test_size=0.15, seed=0).validation
    ranked = read(folder).ranked()
    assert sorted(attempt.begin.trial for attempt in ranked) == ["0000", "0001"]
    for attempt in ranked:
        trial = f"{attempt.begin.trial}/execution0"
        model = keras.saving.load_model(tmp_path / "kept" / trial / "best.keras")
        loss, _ = model.evaluate(validation.x, validation.y, verbose=0)
        assert loss == pytest.approx(attempt.end.score, rel=1e-5)
        assert len((tmp_path / trial / "log.csv").read_text().splitlines()) == 1 + 2
        rate = attempt.hyperparameters["rate"]
        assert shown(tmp_path / "tb")[attempt.begin.trial][:2] == ({"rate": rate}, [trial])
    assert list((tmp_path / "tb/final").rglob("events.*"))


ONE_HOT = """
from pipeline.datasets import Dataset, Split
from pipeline.preprocessing import Standardization


def images():
    random = np.random.default_rng(0)
    x = random.uniform(0, 255, size=(36, 8, 8, 3)).astype("float32")
    y = np.eye(3, dtype="float32")[np.arange(36) % 3]
    parts = [Split(x[rows], y[rows]) for rows in np.array_split(np.arange(36), 3)]
    classes, encoding = ("a", "b", "c"), Standardization.fit(np.zeros((2, 1)))
    return Dataset("images", "classification", *parts, classes, "mine", encoding)
"""
XCEPTION = """
_target_: keras_tuner.applications.HyperXception
input_shape: [8, 8, 3]
classes: 3
"""


@pytest.mark.thorough
def test_a_model_of_keras_tuner_with_one_hot_targets(command, tmp_path, store):
    write_model(tmp_path, ONE_HOT, XCEPTION)
    write_choice(tmp_path, "dataset", "_target_: mine.images\n")
    line = TINY.replace("dataset=wine", "dataset=mine").replace("epochs=2", "epochs=1")
    ended = command(
        f"{line} strategy.max_trials=1 hyperparameters.num_residual_blocks=2 "
        "hyperparameters.sep_num_filters=128 hyperparameters.conv2d_num_filters=32 "
        "hyperparameters.num_dense_layers=1 'compile.metrics=[categorical_accuracy]' "
        "'compile.optimizer={_target_: keras.optimizers.SGD, learning_rate: 0.01}'"
    )
    assert (ended.code, ended.err) == (0, "")
    (trial,) = check_layout(store, trials=1, epochs=1)
    assert {"val_loss", "val_categorical_accuracy"} <= {*trial.data.metrics}
    (folder,) = (tmp_path / "outputs/searches").iterdir()
    model = keras.saving.load_model(folder / "best_model.keras")
    assert type(model.optimizer) is keras.optimizers.SGD
    assert model.loss == "categorical_crossentropy"
