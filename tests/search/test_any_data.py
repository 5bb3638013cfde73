"""Data and models of every form that Keras can fit go through a whole search."""

import json
import textwrap

import keras
import numpy as np
import pytest

from pipeline.journal.history import read

pytestmark = pytest.mark.usefixtures("tested_untraced")

TINY = "--config-dir conf model=mine dataset=mine training.epochs=2 strategy.max_trials=1"

DATA = """
import keras
import numpy as np
from pipeline.datasets import Dataset, Split
from pipeline.preprocessing import Standardization

rng = np.random.default_rng(0)
x = rng.normal(size=(120, 4)).astype("float32")
image = rng.uniform(size=(120, 6, 6, 1)).astype("float32")
first = x[:, :3].argmax(1)
TARGETS = {
    "column": (x[:, :1] * 3 + 1, "regression", ()),
    "forecast": (np.stack([x[:, 0] * k for k in (1, 2, 3)], 1), "regression", ()),
    "onehot": (keras.utils.to_categorical(first, 3), "classification", "abc"),
    "texts": (np.array(["a", "b", "c"])[first], "classification", "abc"),
    "labels": ((x[:, :3] > 0).astype("int64"), "multilabel", "abc"),
    "hot labels": ((x[:, :3] > 0).astype("int64"), "classification", "abc"),
    "masks": ((image[..., 0] > 0.5).astype("int64"), "classification", "ab"),
    "same": (image, "regression", ()),
    "nothing": (None, "custom", ()),
    "two": ({"label": first, "size": x[:, 3]}, "custom", ()),
    "inputs": (first, "classification", "abc"),
    "weights": (first, "classification", "abc"),
}


def data(kind):
    y, task, classes = TARGETS[kind]
    given = image if kind in ("masks", "same", "nothing") else x
    if kind == "inputs":
        given = [image, x]

    def cut(a, b):
        some = [one[a:b] for one in given] if kind == "inputs" else given[a:b]
        ys = {k: v[a:b] for k, v in y.items()} if kind == "two" else None if y is None else y[a:b]
        return Split(some, ys, np.linspace(0, 1, b - a) if kind == "weights" else None)

    return Dataset(name="made", task=task, train=cut(0, 80), validation=cut(80, 100),
                   test=cut(100, 120), classes=tuple(classes), source="my.data",
                   preprocessing=Standardization.fit(x[:80]))
"""

MODELS = """
import keras
from keras import layers


def build(hp, kind):
    units = hp.Int("units", 4, 8)
    if kind in ("masks", "same", "nothing"):
        inputs = keras.Input((6, 6, 1))
        f = layers.Conv2D(units, 3, padding="same", activation="relu")(inputs)
        if kind == "masks":
            model = keras.Model(inputs, layers.Conv2D(2, 1, activation="softmax")(f))
            model.compile("adam", "sparse_categorical_crossentropy", metrics=[
                "accuracy", keras.metrics.MeanIoU(2, sparse_y_pred=False, name="iou")])
            return model
        model = (Autoencoder if kind == "nothing" else keras.Model)(inputs, layers.Conv2D(1, 1)(f))
        model.compile("adam", "mse")
        return model
    if kind == "inputs":
        inputs = [keras.Input((6, 6, 1)), keras.Input((4,))]
        f = layers.Concatenate()([layers.Flatten()(inputs[0]), inputs[1]])
    else:
        inputs = f = keras.Input((4,))
    f = layers.Dense(units, activation="relu")(f)
    if kind == "two":
        model = keras.Model(inputs, {
            "label": layers.Dense(3, activation="softmax", name="label")(f),
            "size": layers.Dense(1, name="size")(f)})
        model.compile("adam", {"label": "sparse_categorical_crossentropy", "size": "mse"},
                      metrics={"label": ["accuracy"]})
        return model
    last, loss, metrics = {
        "column": (layers.Dense(1), "mse", ["mae"]),
        "forecast": (layers.Dense(3), "mse", ["mae"]),
        "onehot": (layers.Dense(3, activation="softmax"), "categorical_crossentropy", [
            "accuracy", keras.metrics.F1Score(average="macro", name="f1")]),
        "labels": (layers.Dense(3, activation="sigmoid"), "binary_crossentropy", ["accuracy"]),
    }.get(kind.removeprefix("hot "),
          (layers.Dense(3, activation="softmax"), "sparse_categorical_crossentropy", ["accuracy"]))
    model = keras.Model(inputs, last(f))
    model.compile(keras.optimizers.Adam(0.05), loss, metrics=metrics)
    return model


@keras.saving.register_keras_serializable(package="mine")
class Autoencoder(keras.Model):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(keras.ops.square(x - y_pred))
"""


@pytest.fixture
def search(command, tmp_path):
    """Runs a search of a kind of data and model, and returns how it ended and its history."""
    for group, module in {"dataset": "any_data.data", "model": "any_models.build"}.items():
        folder = tmp_path / "conf" / group
        folder.mkdir(parents=True)
        (folder / "mine.yaml").write_text(f"_target_: {module}\nkind: ???\n")
    (tmp_path / "any_data.py").write_text(textwrap.dedent(DATA))
    (tmp_path / "any_models.py").write_text(textwrap.dedent(MODELS))

    def run(kind, *overrides):
        ended = command(
            " ".join([TINY, f"dataset.kind='{kind}'", f"model.kind='{kind}'", *overrides])
        )
        folders = list(tmp_path.glob("outputs/searches/*"))
        return ended, read(folders[0]) if folders else None, folders[0] if folders else None

    return run


ENDED = {  # metrics and files of the test
    "column": ({"loss", "mae"}, {"errors.json", "predicted_vs_true.png"}),
    "forecast": ({"loss", "mae"}, {f"predicted_vs_true_{i}.png" for i in range(3)}),
    "onehot": ({"loss", "accuracy", "f1"}, {"confusion_matrix.csv"}),
    "texts": ({"loss", "accuracy"}, {"confusion_matrix.csv"}),
    "labels": ({"loss", "accuracy"}, {"labels.json", "labels.csv"}),
    "masks": ({"loss", "accuracy", "iou"}, {"confusion_matrix.csv"}),
    "same": ({"loss"}, {"errors.json", "predicted_vs_true.png"}),
    "nothing": ({"loss"}, set()),
    "two": ({"loss", "label_loss", "size_loss", "label_accuracy"}, set()),
    "inputs": ({"loss", "accuracy"}, {"confusion_matrix.csv"}),
    "weights": ({"loss", "accuracy"}, {"confusion_matrix.csv"}),
}


@pytest.mark.sampled("onehot", "labels", "masks")
@pytest.mark.parametrize("kind", ENDED)
def test_a_search_of_any_data(search, kind):
    metrics, files = ENDED[kind]
    ended, history, folder = search(kind)
    assert ended.code == 0, ended.out + ended.err
    assert set(history.evaluation.metrics) == metrics
    assert files <= {path.name for path in (folder / "evaluation").iterdir()}


def test_errors_of_targets_in_a_column_are_those_of_keras(search):
    """A column less a row would be a matrix of all differences."""
    _, history, folder = search("column")
    errors = json.loads((folder / "evaluation" / "errors.json").read_text())
    assert errors["mae"] == pytest.approx(history.evaluation.metrics["mae"], rel=1e-4)
    assert errors["rmse"] ** 2 == pytest.approx(history.evaluation.metrics["loss"], rel=1e-4)


@pytest.mark.thorough
def test_each_step_of_a_forecast_has_its_errors(search):
    _, history, folder = search("forecast")
    errors = json.loads((folder / "evaluation" / "errors.json").read_text())
    each = [one["mae"] for one in errors["targets"].values()]
    assert len(each) == 3
    assert np.mean(each) == pytest.approx(history.evaluation.metrics["mae"], rel=1e-4)


def test_the_best_model_predicts_what_was_tested_of_weighted_examples(search):
    """Keras weighs the test's loss, but no metric that is not among `weighted_metrics`."""
    _, history, folder = search("weights", "'training.class_weight={a: 3}'")
    import any_data

    model = keras.saving.load_model(folder / "best_model.keras")
    test = any_data.data("weights").test
    loss, _ = model.evaluate(test.x, test.y, sample_weight=test.sample_weight, verbose=0)
    assert history.evaluation.metrics["loss"] == pytest.approx(loss, rel=1e-4)


def test_predictions_are_kept_if_asked_for(search):
    _, history, folder = search("two", "final.predictions=true")
    import any_data

    model = keras.saving.load_model(folder / "best_model.keras")
    test = any_data.data("two").test
    predicted = model.predict(test.x, verbose=0)
    assert "evaluation/predictions.npz" in history.evaluation.artifacts
    with np.load(folder / "evaluation" / "predictions.npz") as kept:
        assert set(kept) == {f"{kind}/{of}" for kind in ("predictions", "y") for of in predicted}
        for of in predicted:
            np.testing.assert_allclose(kept[f"predictions/{of}"], predicted[of], rtol=1e-4)
            np.testing.assert_array_equal(kept[f"y/{of}"], test.y[of])


@pytest.mark.parametrize(
    ("kind", "model", "overrides", "told"),
    [
        ("hot labels", "labels", (), "use task='multilabel'"),
        (
            "forecast",
            "column",
            (),
            "predictions have the shape (8, 1); regression needs (rows, 3); if that is meant, use "
            "task='custom'",
        ),
        ("masks", "column", (), "it cannot be given the examples of the dataset"),
        ("texts", "labels", (), "its loss or a metric does not fit the targets"),
        (
            "texts",
            "texts",
            ("objective.name=val_acuracy", "objective.direction=max"),
            "objective.name=val_acuracy is not reported by the model; allowed: accuracy, loss, "
            "val_accuracy, val_loss",
        ),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_written(
    search, tmp_path, kind, model, overrides, told
):
    ended, history, _ = search(kind, f"model.kind={model}", *overrides)
    assert ended.code == 2
    assert told in " ".join(ended.err.split())
    assert history is None
