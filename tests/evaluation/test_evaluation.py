"""The best model's test: metrics, reports, and a file that gives the model back."""

import csv
import json
import math
import re

import keras
import numpy as np
import pytest

from pipeline.datasets import Dataset, Split, diabetes, wine
from pipeline.evaluation.best_model import EvaluationError, VerificationError, evaluate
from pipeline.evaluation.predictions import (
    draw_confusion_matrix,
    predicted_classes,
    predicted_values,
    report_classification,
)
from pipeline.evaluation.regression import report_regression
from pipeline.evaluation.reports import check_predictions
from pipeline.preprocessing import Standardization
from pipeline.training.notices import Notices

SIZES = {"validation_size": 0.2, "test_size": 0.2, "seed": 0}


def make_dataset(x, y, classes=()) -> Dataset:
    """A dataset whose splits are all the same rows."""
    split = Split(x, y)
    return Dataset(
        name="made",
        task="classification" if classes else "regression",
        train=split,
        validation=split,
        test=split,
        classes=classes,
        source="made",
        preprocessing=Standardization.fit(np.zeros((2, 1))),
    )


@pytest.fixture(scope="module")
def two_classes() -> Dataset:
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    return make_dataset(x, (x[:, 0] > 0).astype(np.int64), ("no", "yes"))


@pytest.fixture(scope="module")
def line() -> Dataset:
    x = np.linspace(-1, 1, 30, dtype=np.float32)[:, np.newaxis]
    return make_dataset(x, 3 * x[:, 0] + 1)


def make_model(features: int, units: int, activation=None, **compile_arguments) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((features,)), keras.layers.Dense(units, activation=activation)]
    )
    model.compile(**compile_arguments)
    return model


def softmax_model(features: int, classes: int) -> keras.Model:
    return make_model(
        features,
        classes,
        "softmax",
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )


def run(model, dataset, directory, objective="val_loss", notices=None):
    return evaluate(
        model,
        dataset,
        directory,
        objective=objective,
        batch_size=16,
        notices=notices or Notices(),
    )


def test_three_classes(tmp_path):
    dataset = wine(**SIZES)
    model = softmax_model(13, 3)
    result = run(model, dataset, tmp_path, "val_accuracy")
    expected = model.evaluate(dataset.test.x, dataset.test.y, verbose=0, return_dict=True)
    assert result.metrics == pytest.approx(expected)
    assert result.score_name == "accuracy"
    assert result.model == "best_model.keras"
    assert {path.name for path in tmp_path.iterdir()} == {"best_model.keras", "evaluation"}
    assert sorted(result.artifacts) == sorted(
        str(path.relative_to(tmp_path)) for path in (tmp_path / "evaluation").iterdir()
    )
    report = json.loads((tmp_path / "evaluation/classification_report.json").read_text())
    assert report["accuracy"] == pytest.approx(result.metrics["accuracy"])
    assert set(dataset.classes) < report.keys()
    assert "class_2" in (tmp_path / "evaluation/classification_report.txt").read_text()
    with (tmp_path / "evaluation/confusion_matrix.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["true / predicted", *dataset.classes]
    counts = np.array([row[1:] for row in rows[1:]], dtype=int)
    assert counts.sum() == len(dataset.test)
    assert counts.trace() / counts.sum() == pytest.approx(result.metrics["accuracy"])
    reloaded = keras.saving.load_model(tmp_path / result.model)
    again = reloaded.evaluate(dataset.test.x, dataset.test.y, verbose=0, return_dict=True)
    assert again == pytest.approx(expected)


def test_single_sigmoid_output(two_classes, tmp_path):
    model = make_model(3, 1, "sigmoid", loss="binary_crossentropy", metrics=["accuracy"])
    model.set_weights([np.array([[5.0], [0], [0]]), np.zeros(1)])
    result = run(model, two_classes, tmp_path, "val_auc")
    assert result.metrics["accuracy"] == 1
    assert result.score_name == "loss"
    matrix = (tmp_path / "evaluation/confusion_matrix.csv").read_text().splitlines()
    no = int((two_classes.test.y == 0).sum())
    assert matrix[1:] == [f"no,{no},0", f"yes,0,{len(two_classes.test) - no}"]


@keras.saving.register_keras_serializable("test_evaluation")
class ToldOtherwise(keras.Sequential):
    """Its metrics are of predictions that it does not make."""

    def test_step(self, data):
        x, y = data
        return self.compute_metrics(x, y, 1 - self(x, training=False))


def test_the_report_is_of_what_the_model_predicts(two_classes, tmp_path):
    model = ToldOtherwise([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(loss="binary_crossentropy", metrics=["accuracy"])
    model.set_weights([np.array([[5.0], [0], [0]]), np.zeros(1)])
    result = run(model, two_classes, tmp_path)
    assert result.metrics["accuracy"] == 0
    report = json.loads((tmp_path / "evaluation/classification_report.json").read_text())
    assert report["accuracy"] == 1


def stateful_model(**compiled):
    """Return a model that takes four rows at a time, and goes on where it ended."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(batch_shape=(4, 3))
    steps = keras.layers.Reshape((3, 1))(inputs)
    outputs = keras.layers.Dense(1, activation="sigmoid")(keras.layers.GRU(2, stateful=True)(steps))
    model = keras.Model(inputs, outputs)
    model.compile(loss="binary_crossentropy", **compiled)
    return model


def test_stateful_layers(two_classes, tmp_path):
    """They are tested as the model in the file is, which has seen no batch."""
    test = two_classes.test
    model = stateful_model()
    model.fit(test.x, test.y, batch_size=4, verbose=0)
    result = run(model, two_classes, tmp_path)
    reloaded = keras.saving.load_model(tmp_path / result.model)
    expected = reloaded.evaluate(test.x, test.y, batch_size=4, verbose=0, return_dict=True)
    assert result.metrics == pytest.approx(expected)
    with np.load(tmp_path / "evaluation/input_example.npz") as example:
        assert reloaded(example["x"]).shape == (4, 1)


def test_stateful_layers_that_cannot_take_the_last_batch(tmp_path):
    rows = np.zeros((10, 3), np.float32)
    dataset = make_dataset(rows, np.arange(10) % 2, ("no", "yes"))
    with pytest.raises(EvaluationError, match=r"batches of 4 rows alone.* has 10 rows; choose"):
        run(stateful_model(), dataset, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "compiled", [{"steps_per_execution": 4}, {"run_eagerly": True}], ids=["steps", "eager"]
)
def test_as_it_is_compiled(line, tmp_path, compiled):
    model = make_model(1, 1, loss="mse", **compiled)
    result = run(model, line, tmp_path)
    again = keras.saving.load_model(tmp_path / result.model)
    assert {name: getattr(again, name) for name in compiled} == compiled
    assert again.evaluate(line.test.x, line.test.y, verbose=0) == pytest.approx(
        result.metrics["loss"], rel=1e-5
    )


@keras.saving.register_keras_serializable("test_evaluation")
def refuses_few(y_true, y_pred):
    """A metric of a whole batch."""
    return keras.ops.mean(keras.ops.reshape(y_pred, (16,)))


def test_a_metric_that_raises_is_one_sentence(line, tmp_path):
    with pytest.raises(EvaluationError) as raised:
        run(make_model(1, 1, loss="mse", metrics=[refuses_few]), line, tmp_path)
    said = r"it cannot be evaluated on the test split, 30 rows in batches of 16 \(\w+: .*14"
    assert re.match(said, str(raised.value))
    assert "\n" not in str(raised.value)


def test_a_model_without_optimizer_is_one_sentence(line, tmp_path):
    with pytest.raises(VerificationError, match="compile it with any optimizer"):
        run(make_model(1, 1, optimizer=None, loss="mse"), line, tmp_path)


def test_regression(tmp_path):
    dataset = diabetes(**SIZES)
    model = make_model(10, 1, loss="mse", metrics=["mae"])
    result = run(model, dataset, tmp_path)
    errors = json.loads((tmp_path / "evaluation/errors.json").read_text())
    assert errors.keys() == {"rmse", "mae", "r2", "median_absolute_error"}
    assert errors["rmse"] ** 2 == pytest.approx(result.metrics["loss"], rel=1e-4)
    assert errors["mae"] == pytest.approx(result.metrics["mae"], rel=1e-4)
    assert (tmp_path / "evaluation/predicted_vs_true.png").stat().st_size > 5000
    assert (result.score_name, len(result.artifacts)) == ("loss", 3)
    with np.load(tmp_path / "evaluation/input_example.npz", allow_pickle=False) as example:
        np.testing.assert_array_equal(example["x"], dataset.test.x[:5])


def test_table_with_text(tmp_path):
    x = {
        "colour": np.array(["red", "", "blue", "red", "blue", "green"], dtype=object),
        "file": np.array([1, 2, math.nan, 4, 5, 6], dtype=np.float32),
    }
    dataset = make_dataset(x, np.array([0, 1, 0, 1, 0, 1]), ("a", "b"))
    colour = keras.Input((), name="colour", dtype="string")
    number = keras.Input((), name="file")
    lookup = keras.layers.StringLookup(vocabulary=["red", "blue"], output_mode="one_hot")
    known = keras.ops.where(keras.ops.isnan(number), 0.0, number)
    features = keras.ops.concatenate([lookup(colour), known[:, None]], axis=-1)
    outputs = keras.layers.Dense(2, activation="softmax")(features)
    model = keras.Model({"colour": colour, "file": number}, outputs)
    model.compile(loss="sparse_categorical_crossentropy")
    result = run(model, dataset, tmp_path)
    assert result.metrics.keys() == {"loss"}
    with np.load(tmp_path / "evaluation/input_example.npz", allow_pickle=False) as example:
        assert example.files == ["colour", "file"]
        assert example["colour"].tolist() == ["red", "", "blue", "red", "blue"]
        np.testing.assert_array_equal(example["file"], x["file"][:5])


@keras.saving.register_keras_serializable("test_evaluation")
class Registered(keras.Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense = keras.layers.Dense(units, activation="softmax")

    def call(self, inputs):
        return self.dense(inputs)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Unregistered(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2, activation="softmax")

    def call(self, inputs):
        return self.dense(inputs)


class WithoutConfig(Unregistered):
    def __init__(self, extra):
        super().__init__()
        self.extra = extra


def test_subclassed_model_that_was_never_called(two_classes, tmp_path):
    model = Registered(2)
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    result = run(model, two_classes, tmp_path, "val_accuracy")
    assert result.score_name == "accuracy"
    assert (tmp_path / "best_model.keras").exists()


def test_model_with_a_training_loop_of_its_own_is_not_compiled(two_classes, line, tmp_path):
    model = softmax_model(3, 2)
    accuracy = model.evaluate(two_classes.test.x, two_classes.test.y, verbose=0)[1]
    result = run(keras.Model(model.inputs, model.outputs), two_classes, tmp_path)
    assert result.metrics == {"accuracy": pytest.approx(accuracy)}
    assert result.score_name == "accuracy"
    loose = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    result = run(loose, line, tmp_path)
    assert result.metrics.keys() == {"mean_squared_error", "mean_absolute_error"}
    assert result.score_name == "mean_squared_error"


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Unregistered, "Could not locate class 'Unregistered'"),
        (lambda: WithoutConfig(object()), ""),
    ],
    ids=["not registered", "no get_config"],
)
def test_model_that_cannot_be_saved_or_loaded(two_classes, tmp_path, model, reason):
    made = model()
    made.compile(loss="sparse_categorical_crossentropy")
    with pytest.raises(VerificationError, match="register_keras_serializable") as raised:
        run(made, two_classes, tmp_path)
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_cannot_be_loaded_is_left_out_of_the_file(line, tmp_path):
    def squares(true, predicted):
        return keras.ops.square(true - predicted)

    told = []
    model = make_model(1, 1, loss=squares)
    received = run(model, line, tmp_path, notices=Notices(told.append))
    (sentence,) = told
    assert "without the loss, metrics and optimizer" in sentence
    assert "squares" in sentence
    expected = model.evaluate(line.test.x, line.test.y, verbose=0, return_dict=True)
    assert received.metrics == pytest.approx(expected)
    loaded = keras.saving.load_model(tmp_path / received.model)
    np.testing.assert_array_equal(loaded.predict(line.test.x), model.predict(line.test.x))
    assert not loaded.compiled


@keras.saving.register_keras_serializable("test_evaluation")
class WithOwnCompile(keras.Sequential):
    """Is compiled with what Keras does not save, as the two optimizers of a GAN."""

    def compile(self, own=None, **arguments):
        super().compile(**arguments)
        self.own = own

    def test_step(self, data):
        x, y = data
        return {"own": self.own(y, self(x))}


@pytest.mark.filterwarnings("ignore:.compile... was not called as part of model loading")
def test_a_model_that_is_loaded_without_what_its_test_needs(line, tmp_path):
    told = []
    model = WithOwnCompile([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(own=keras.losses.MeanSquaredError())
    received = run(model, line, tmp_path, notices=Notices(told.append))
    expected = model.evaluate(line.test.x, line.test.y, batch_size=16, verbose=0)
    assert received.metrics == {"own": pytest.approx(expected)}
    assert "without the loss, metrics and optimizer: its evaluation fails" in told[0]
    loaded = keras.saving.load_model(tmp_path / received.model)
    np.testing.assert_array_equal(loaded.predict(line.test.x), model.predict(line.test.x))


@keras.saving.register_keras_serializable("test_evaluation")
class Forgetful(keras.layers.Layer):
    """Keeps a state that neither weights nor get_config hold."""

    factor = 1.0

    def call(self, inputs):
        return inputs * self.factor


@pytest.mark.parametrize("compiled", [True, False])
def test_model_that_changes_when_reloaded(line, tmp_path, compiled):
    layer = Forgetful()
    layer.factor = 2.0
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1), layer])
    if compiled:
        model.compile(loss="mse")
    with pytest.raises(VerificationError, match="after it was saved and loaded again"):
        run(model, line, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nan_predictions(line, tmp_path):
    model = make_model(1, 1, loss="mse")
    model.set_weights([np.array([[np.nan]]), np.zeros(1)])
    with pytest.raises(EvaluationError, match="NaN or infinite values for 30 of 30 rows"):
        run(model, line, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_model_stays_when_its_predictions_cannot_be_reported(two_classes, tmp_path):
    model = softmax_model(3, 4)
    with pytest.raises(EvaluationError, match=r"shape \(40, 4\).*2 classes needs \(rows, 2\) or"):
        run(model, two_classes, tmp_path)
    assert (tmp_path / "best_model.keras").exists()


def test_several_outputs(two_classes, tmp_path):
    single = softmax_model(3, 2)
    model = keras.Model(single.inputs, {"first": single.outputs[0], "second": single.outputs[0]})
    with pytest.raises(EvaluationError, match=r"several outputs \(dict\)"):
        run(model, two_classes, tmp_path)


def test_predicted_classes():
    crossentropy = keras.losses.BinaryCrossentropy(from_logits=True)
    one = np.array([[0.2], [0.7], [0.5]])
    assert predicted_classes(one, "binary_crossentropy", 2).tolist() == [0, 1, 0]
    assert predicted_classes(one.reshape(-1), None, 2).tolist() == [0, 1, 0]
    assert predicted_classes(4 * one - 2, crossentropy, 2).tolist() == [0, 1, 0]
    assert predicted_classes(np.array([[-3, 5.0], [9, 5]]), None, 2).tolist() == [1, 0]
    with pytest.raises(EvaluationError, match=r"between -1\.2 and 0\.8"):
        predicted_classes(4 * one - 2, "hinge", 2)
    with pytest.raises(EvaluationError, match=r"3 classes needs \(rows, 3\)$"):
        predicted_classes(one, None, 3)


def test_predicted_values():
    assert predicted_values(np.array([[1.5], [2]])).tolist() == [1.5, 2]
    with pytest.raises(EvaluationError, match=r"shape \(1, 2\); regression needs \(rows, 1\)"):
        predicted_values(np.array([[1.5, 2]]))


def test_no_picture_of_more_classes_than_can_be_told_apart(tmp_path):
    names = tuple(map(str, range(101)))
    every = np.arange(101)
    files = report_classification(every, every, np.eye(101, dtype=int), names, tmp_path)
    assert sorted(files) == sorted(path.name for path in tmp_path.iterdir())
    assert "confusion_matrix.png" not in files


def test_a_row_of_indices_may_look_one_hot():
    """Where an example has as many places as there are classes, such as words with a tag each."""
    tags = np.array([[0, 1, 0], [2, 2, 1]])
    dataset = make_dataset(np.zeros((2, 3), np.float32), tags, ("a", "b", "c"))
    check_predictions(np.zeros((2, 3, 3)), dataset, None)
    with pytest.raises(EvaluationError, match=r"3 classes needs \(rows, 3, 3\)$"):
        check_predictions(np.zeros((2, 3)), dataset, None)


def test_one_row_has_no_r2(tmp_path):
    report_regression(np.array([1.0]), np.array([2.0]), tmp_path)
    assert json.loads((tmp_path / "errors.json").read_text())["r2"] is None


@pytest.mark.parametrize("count", [2, 10, 100])
def test_confusion_matrix_is_drawn(count, tmp_path):
    rng = np.random.default_rng(0)
    matrix = rng.poisson(0.02, (count, count)) + np.diag(rng.integers(20, 90, count))
    figure = draw_confusion_matrix(matrix, tuple(f"${i} to ${i + 1}" for i in range(count)))
    figure.savefig(tmp_path / "matrix.png")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert sum(map(int, texts)) == matrix.sum()
