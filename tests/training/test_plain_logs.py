"""Metrics of several values, beside what Keras makes of them."""

import keras
import keras_tuner
import numpy as np
import pytest

from pipeline.evaluation.one_pass import evaluate_and_predict
from pipeline.training.plain_logs import plain_logs
from pipeline.training.trainer import Execution, Trainer
from tests.training.test_own_fit import ARGUMENTS, DATASET, ROWS, SEED

EPOCHS = 6


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), {"m": 0.5}),
        (np.array([0.25, 0.5, 1.5]), {"m": 0.75, "m_0": 0.25, "m_1": 0.5, "m_2": 1.5}),
        (np.array([[1, 2], [3, 4]]), {"m": 2.5, "m_0_0": 1, "m_0_1": 2, "m_1_0": 3, "m_1_1": 4}),
        (np.array([0.5]), {"m": 0.5}),
        (np.array([[0.5]]), {"m": 0.5}),
        ([0.5], {"m": 0.5}),
        (np.array([]), {}),
        (keras.ops.convert_to_tensor([0.5, 1], "bfloat16"), {"m": 0.75, "m_0": 0.5, "m_1": 1.0}),
        ((1.0, np.array([2.0, 3.0])), {"m": 2.0, "m_0": 1.0, "m_1_0": 2.0, "m_1_1": 3.0}),
        (
            [np.inf, -np.inf],
            {"m": pytest.approx(np.nan, nan_ok=True), "m_0": np.inf, "m_1": -np.inf},
        ),
        ({"a": 1.0, "b": {"c": np.array([2, 3])}}, {"a": 1.0, "c": 2.5, "c_0": 2.0, "c_1": 3.0}),
        (True, {"m": 1.0}),
        ("warming up", {}),
        (None, {}),
    ],
)
def test_a_name_for_each_number(value, expected):
    logs = plain_logs({"m": value, "loss": 2})
    assert logs == expected | {"loss": 2.0}
    assert {type(number) for number in logs.values()} == {float}


def test_no_logs():
    assert plain_logs(None) == {}


class ErrorsOfBoth(keras.metrics.Metric):
    """The mean error of small targets, and that of large ones, in a form to choose."""

    def __init__(self, form, name="errors"):
        super().__init__(name=name)
        self.form = form
        self.sums = self.add_weight(shape=(2,), initializer="zeros")
        self.counts = self.add_weight(shape=(2,), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = keras.ops.reshape(y_true, (-1, 1))
        large = keras.ops.cast(y_true > 0, "float32")
        which = keras.ops.concatenate([1 - large, large], axis=1)
        self.sums.assign_add(keras.ops.sum(which * keras.ops.abs(y_true - y_pred), axis=0))
        self.counts.assign_add(keras.ops.sum(which, axis=0))

    def result(self):
        means = self.sums / keras.ops.maximum(self.counts, 1)
        if self.form == "tuple":
            return (means[0], means[1])
        return {"small": means[0], "both": means} if self.form == "dictionary" else means


class OfErrors(keras_tuner.HyperModel):
    def __init__(self, form):
        super().__init__()
        self.form = form

    def build(self, hp):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse", metrics=[ErrorsOfBoth(self.form)], run_eagerly=True)
        model.optimizer.learning_rate = 0.7  # too fast: errors rise
        return model


def history_of_plain_keras(form):
    keras.utils.set_random_seed(SEED)
    model = OfErrors(form).build(None)
    history = model.fit(DATASET.train.x, DATASET.train.y, epochs=EPOCHS, **ARGUMENTS)
    return model, history.history


def train(form, objective, callbacks=list):
    trainer = Trainer(
        hypermodel=OfErrors(form),
        dataset=DATASET,
        objective=keras_tuner.Objective(objective, "min"),
        batch_size=ROWS,
        callbacks=callbacks,
    )
    execution = Execution(keras_tuner.HyperParameters(), SEED, 0, EPOCHS)
    return trainer.train(execution, lambda epoch, logs: None)


ERRORS = {"errors": ("errors",), "errors_0": ("errors", 0), "errors_1": ("errors", 1)}


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("array", ERRORS),
        ("tuple", ERRORS),
        (
            "dictionary",
            {"small": ("small",), "both": ("both",), "both_0": ("both", 0), "both_1": ("both", 1)},
        ),
    ],
)
def test_epochs_report_what_keras_does(form, names):
    _, history = history_of_plain_keras(form)
    result = train(form, "val_loss")
    for epoch, logs in result.logs.items():
        assert {*logs} == {"loss", "val_loss", *names, *(f"val_{name}" for name in names)}
        for name, (of_keras, *index) in names.items():
            for prefix in ("", "val_"):
                expected = history[prefix + of_keras][epoch]
                expected = float(expected[index[0]] if index else np.mean(expected))
                assert logs[prefix + name] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("objective", "of_keras"), [("val_errors_1", lambda both: both[1]), ("val_errors", np.mean)]
)
def test_one_of_the_values_or_their_mean_is_the_objective_and_stops_early(objective, of_keras):
    _, history = history_of_plain_keras("array")
    errors = [of_keras(values) for values in history["val_errors"]]
    best = int(np.argmin(errors))
    assert best < EPOCHS - 2

    def callbacks():
        return [keras.callbacks.EarlyStopping(objective, mode="min", patience=1)]

    result = train("array", objective, callbacks)
    assert result.best_epoch == best
    assert result.score == pytest.approx(float(errors[best]), rel=1e-5)
    assert len(result.logs) == best + 2


def test_a_test_reports_what_keras_does():
    model, _ = history_of_plain_keras("array")
    metrics, _ = evaluate_and_predict(model, DATASET.test, ROWS)
    expected = model.evaluate(DATASET.test.x, DATASET.test.y, verbose=0, return_dict=True)
    assert metrics == pytest.approx(
        {
            "loss": expected["loss"],
            "errors": float(np.mean(expected["errors"])),
            "errors_0": float(expected["errors"][0]),
            "errors_1": float(expected["errors"][1]),
        }
    )
