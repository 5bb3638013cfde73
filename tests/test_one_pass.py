"""One pass gives what Keras gives in two."""

import keras
import numpy as np
import pytest

from pipeline.one_pass import evaluate_and_predict
from pipeline.splits import Split

ROWS = 19  # with 6 a batch, the last batch has one row


def of_digits(units=3, activation="softmax", **compiled):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(5, activity_regularizer="l2", kernel_regularizer="l1")(inputs)
    hidden = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(hidden))
    model = keras.Model(inputs, keras.layers.Dense(units, activation=activation)(hidden))
    arguments = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile(**(arguments | compiled))
    return model


class WithOwnStep(keras.Sequential):
    """Its metrics are named by itself, and it never asks for those of Keras."""

    def test_step(self, data):
        x, y = data
        return {"own": keras.ops.mean(self(x, training=False)[:, 0] * keras.ops.cast(y, "float32"))}


class PredictsOtherwise(keras.Sequential):
    def predict_step(self, data):
        return super().predict_step(data) + 1.0


class EvaluatesOtherwise(keras.Sequential):
    def evaluate(self, x, y, batch_size, verbose, return_dict):
        return super().evaluate(x, y, batch_size, verbose, return_dict=return_dict) | {"own": 1.0}


def sequential(kind, **compiled):
    model = kind([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy", **compiled)
    return model


def split(targets=None):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(ROWS, 4))
    return Split(x, generator.integers(0, 3, ROWS) if targets is None else targets(x))


def as_keras_does(model, data):
    metrics = model.evaluate(x=data.x, y=data.y, batch_size=6, verbose=0, return_dict=True)
    return metrics, model.predict(data.x, batch_size=6, verbose=0)


@pytest.mark.parametrize(
    ("model", "data"),
    [
        pytest.param(of_digits, split(), id="classes"),
        pytest.param(
            lambda: of_digits(1, "sigmoid", loss="binary_crossentropy", metrics=["auc"]),
            split(lambda x: (x[:, 0] > 0).astype(int)),
            id="one output",
        ),
        pytest.param(lambda: of_digits(run_eagerly=True), split(), id="eager"),
    ],
)
def test_what_keras_gives_in_two_passes(model, data):
    model = model()
    metrics, predictions = evaluate_and_predict(model, data, 6)
    expected, predicted = as_keras_does(model, data)
    assert metrics == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(predictions, predicted, rtol=1e-6)
    assert "compute_metrics" not in vars(model)


@pytest.mark.parametrize(
    "model",
    [
        lambda: sequential(WithOwnStep),
        lambda: sequential(PredictsOtherwise),
        lambda: sequential(EvaluatesOtherwise),
        lambda: sequential(keras.Sequential, steps_per_execution=2),
    ],
    ids=["own test step", "own predict step", "own evaluate", "several steps a call"],
)
def test_metrics_alone_where_predictions_cannot_be_told(model):
    model, data = model(), split()
    metrics, predictions = evaluate_and_predict(model, data, 6)
    assert predictions is None
    assert metrics == pytest.approx(as_keras_does(model, data)[0], rel=1e-6)
