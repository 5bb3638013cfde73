"""The baseline of a test: what the same prediction for every row has of the model's metrics."""

import dataclasses

import keras
import numpy as np
import pytest

from pipeline.datasets import Dataset, Split
from pipeline.evaluation.best_model import evaluate
from pipeline.preprocessing import Standardization
from pipeline.training.notices import Notices

TRAIN = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 2])  # their shares are 0.5, 0.3 and 0.2
TEST = np.array([0, 1, 1, 2, 2, 2, 0, 1])


def made(train, test, classes=(), task=None, **given) -> Dataset:
    """A dataset of random inputs for targets of its training and its test split."""
    random = np.random.default_rng(0)
    train, test = (
        Split(random.normal(size=(len(y), 3)).astype("f4"), y, **given) for y in (train, test)
    )
    return Dataset(
        name="made",
        task=task or ("classification" if classes else "regression"),
        train=train,
        validation=train,
        test=test,
        classes=classes,
        source="made",
        preprocessing=Standardization.fit(np.zeros((2, 1))),
    )


THREE = made(TRAIN, TEST, ("a", "b", "c"))
TWO = made(TRAIN % 2, TEST % 2, ("no", "yes"))  # the share of "yes" is 0.3 of 10, 3 of 8
NUMBERS = made(np.float32([1, 2, 3, 6]), np.float32([2, 3, 7]))  # their mean is 3


def judged(dataset, folder, units, activation=None, *, model=None, notices=None, **compiled):
    if model is None:
        keras.utils.set_random_seed(0)
        dense = keras.layers.Dense(units, activation=activation, name="answer")
        model = keras.Sequential([keras.Input((3,)), dense])
    if compiled:
        model.compile(run_eagerly=True, **compiled)
    told = notices or Notices()
    return evaluate(model, dataset, folder, objective="val_loss", batch_size=3, notices=told)


def cross_entropy(shares, true) -> float:
    return float(-np.mean(np.log(np.asarray(shares)[true])))


def test_classes(tmp_path):
    result = judged(
        THREE,
        tmp_path,
        3,
        "softmax",
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2, name="top")],
    )
    assert result.baseline.keys() == result.metrics.keys()
    assert result.baseline["accuracy"] == 2 / 8  # of the class that most training rows have
    assert result.baseline["top"] == 5 / 8  # of the first and the second class
    assert result.baseline["loss"] == pytest.approx(cross_entropy([0.5, 0.3, 0.2], TEST))
    assert result.confusion is not None
    assert np.sum(result.confusion) == 8
    assert np.trace(result.confusion) / 8 == pytest.approx(result.metrics["accuracy"])


@pytest.mark.parametrize("units", [1, 2])
@pytest.mark.parametrize("logits", [False, True])
def test_probabilities_and_logits(tmp_path, units, logits):
    kind = keras.losses.BinaryCrossentropy
    if units == 2:
        kind = keras.losses.SparseCategoricalCrossentropy
    activation = None if logits else "sigmoid" if units == 1 else "softmax"
    result = judged(TWO, tmp_path, units, activation, loss=kind(from_logits=logits))
    assert result.baseline == {"loss": pytest.approx(cross_entropy([0.7, 0.3], TEST % 2))}


def test_a_class_that_no_training_row_has(tmp_path):
    dataset = made(np.array([0, 0, 1]), np.array([2, 2]), ("a", "b", "c"))
    result = judged(dataset, tmp_path, 3, "softmax", loss="sparse_categorical_crossentropy")
    assert 15 < result.baseline["loss"] < 17


def test_regression(tmp_path):
    result = judged(NUMBERS, tmp_path, 1, loss="mse", metrics=["mae", keras.metrics.R2Score()])
    assert result.baseline["loss"] == pytest.approx((1 + 0 + 16) / 3)
    assert result.baseline["mae"] == pytest.approx((1 + 0 + 4) / 3)
    assert result.baseline["r2_score"] == pytest.approx(1 - 17 / 14)
    assert result.confusion is None


def test_metrics_by_the_name_of_an_output(tmp_path):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1, name="answer")(inputs))
    by_name = {"loss": {"answer": "mse"}, "metrics": {"answer": ["mae"]}}
    result = judged(NUMBERS, tmp_path, 1, model=model, **by_name)
    assert result.baseline == {
        "loss": pytest.approx(17 / 3),
        **{name: pytest.approx(5 / 3) for name in result.metrics if name != "loss"},
    }


def test_a_model_that_is_not_compiled(tmp_path):
    assert judged(NUMBERS, tmp_path, 1).baseline == {
        "mean_squared_error": pytest.approx(17 / 3),
        "mean_absolute_error": pytest.approx(5 / 3),
    }
    assert judged(THREE, tmp_path, 3).baseline == {"accuracy": 2 / 8}


@keras.saving.register_keras_serializable("test_baseline")
class Doubled(keras.Sequential):
    """Its loss is another one than it is compiled with."""

    def compute_loss(self, *given, **named):
        return 2 * super().compute_loss(*given, **named)


def test_a_loss_of_the_models_own_has_no_baseline(tmp_path):
    model = Doubled([keras.Input((3,)), keras.layers.Dense(3, activation="softmax")])
    compiled = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    assert judged(THREE, tmp_path, 3, model=model, **compiled).baseline == {"accuracy": 2 / 8}


@keras.saving.register_keras_serializable("test_baseline")
def of_what_differs(y_true, y_pred):
    """A metric that constant predictions do not have."""
    if float(keras.ops.std(y_pred)) == 0:
        raise ValueError("they are all the same")
    return keras.ops.std(y_pred)


def test_a_metric_that_takes_no_constant_is_told(tmp_path):
    told = []
    result = judged(
        NUMBERS, tmp_path, 1, loss="mse", metrics=[of_what_differs], notices=Notices(told.append)
    )
    assert result.metrics.keys() == {"loss", "of_what_differs"}
    assert result.baseline == {}
    (sentence,) = told
    assert sentence.startswith("the test has no baseline to compare with: ")
    assert "they are all the same" in sentence


def test_one_hot_targets_and_weights(tmp_path):
    one_hot = np.eye(3, dtype=np.float32)
    weighted = Split(THREE.test.x, one_hot[TEST], np.where(TEST == 0, 3.0, 1.0))
    dataset = made(one_hot[TRAIN], one_hot[TEST], ("a", "b", "c"))
    dataset = dataclasses.replace(dataset, test=weighted)
    compiled = {"loss": "categorical_crossentropy", "weighted_metrics": ["accuracy"]}
    result = judged(dataset, tmp_path, 3, "softmax", **compiled)
    assert result.baseline["accuracy"] == pytest.approx(3 * 2 / (3 * 2 + 6))


@pytest.mark.parametrize("logits", [False, True])
def test_labels(tmp_path, logits):
    train = np.float32([[1, 0], [1, 0], [1, 1], [0, 0]])  # their shares are 0.75 and 0.25
    test = np.float32([[1, 1], [0, 0]])
    dataset = made(train, test, ("red", "big"), "multilabel")
    loss = keras.losses.BinaryCrossentropy(from_logits=logits)
    result = judged(dataset, tmp_path, 2, None if logits else "sigmoid", loss=loss)
    expected = -np.mean([np.log(0.75), np.log(0.25), np.log(0.25), np.log(0.75)])
    assert result.baseline == {"loss": pytest.approx(expected)}
    uncompiled = judged(made(train, test, ("red", "big"), "multilabel"), tmp_path, 2, "sigmoid")
    assert uncompiled.baseline == {"binary_accuracy": 0.5}


def test_several_numbers_a_row(tmp_path):
    train, test = np.float32([[1, 10], [3, 30]]), np.float32([[2, 20], [4, 24]])
    result = judged(made(train, test), tmp_path, 2, loss="mae")
    assert result.baseline == {"loss": pytest.approx((0 + 0 + 2 + 4) / 4)}


def test_a_class_for_each_place(tmp_path):
    places = np.array([[0, 0, 1], [0, 1, 2]])
    inputs = keras.Input((3,))
    each = keras.layers.Dense(3, activation="softmax")(keras.layers.Reshape((3, 1))(inputs))
    compiled = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    dataset = made(places, places, ("a", "b", "c"))
    result = judged(dataset, tmp_path, 3, model=keras.Model(inputs, each), **compiled)
    assert result.baseline["accuracy"] == pytest.approx(3 / 6)
    assert np.sum(result.confusion) == 6


def test_a_task_of_ones_own_has_none(tmp_path):
    dataset = made(np.float32([1, 2]), np.float32([1, 2]), task="custom")
    result = judged(dataset, tmp_path, 1, loss="mse")
    assert (result.baseline, result.confusion) == ({}, None)


def test_many_classes_stay_out_of_the_journal(tmp_path):
    every = np.arange(101)
    dataset = made(every, every, tuple(map(str, every)))
    result = judged(dataset, tmp_path, 101, "softmax", loss="sparse_categorical_crossentropy")
    assert result.confusion is None
    assert (tmp_path / "evaluation/confusion_matrix.csv").exists()
