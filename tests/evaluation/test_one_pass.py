"""One pass gives what Keras gives in two."""

import subprocess
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.datasets import Split, Stream
from pipeline.evaluation.one_pass import evaluate_and_predict, forget_batches, predict
from tests.processes import ROOT

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


class TellsMetricsOtherPredictions(keras.Sequential):
    """Its metrics are of what it does not predict, such as those of a teacher."""

    def test_step(self, data):
        x, y = data
        return self.compute_metrics(x, y, 1 - self(x, training=False))


class ChangesWhileItIsEvaluated(keras.Sequential):
    """Its loss moves the weights, as center losses move their centers."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        self.weights[-1].assign_add(keras.ops.ones_like(self.weights[-1]) * [0.0, 0.5, 1.0])
        return super().compute_loss(x, y, y_pred, sample_weight, training)


class MakesItsOwnTest(keras.Sequential):
    def make_test_function(self, force=False):
        self.test_function = self._make_function(
            lambda data: self.compute_metrics(data[0], data[1], 1 - self(data[0]))
        )


class ReportsOtherwise(keras.Sequential):
    """Gives the metrics' names to values of its own, which Keras then ignores."""

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        super().compute_metrics(x, y, y_pred, sample_weight)
        return {"loss": keras.ops.mean(y_pred[:, 0])}


class PredictsOtherwise(keras.Sequential):
    def predict_step(self, data):
        return super().predict_step(data) + 1.0


class EvaluatesOtherwise(keras.Sequential):
    def evaluate(self, x, y, batch_size, verbose, return_dict):
        return super().evaluate(x, y, batch_size, verbose, return_dict=return_dict) | {"own": 1.0}


def quantiles():
    """Return a model whose outputs are a list of arrays of one shape."""
    inputs = keras.Input((4,))
    outputs = [keras.layers.Dense(1, name=name)(inputs) for name in ("low", "high")]
    model = keras.Model(inputs, outputs)
    model.compile(loss=["mae", "mse"])
    return model


def sequential(kind, **compiled):
    model = kind([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy", **compiled)
    return model


def with_own(name, function):
    """Return a model that one method of its own was given to."""
    model = sequential(keras.Sequential)
    setattr(model, name, types.MethodType(function, model))
    return model


def predicted_before():
    model = sequential(keras.Sequential)
    model.make_predict_function()
    make, model.predict_function = model.predict_function, None
    model.predict_function = lambda data: make(data) + 1.0
    return model


def stateful():
    """Return a model whose layers go on with a batch where the one before ended."""
    inputs = keras.Input(batch_shape=(6, 4))
    steps = keras.layers.Reshape((2, 2))(inputs)
    hidden = keras.layers.Bidirectional(keras.layers.GRU(2, stateful=True))(steps)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))
    model.compile(loss="sparse_categorical_crossentropy")
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
        pytest.param(lambda: sequential(ReportsOtherwise), split(), id="own metrics"),
        pytest.param(quantiles, split(lambda x: [x[:, :1], x[:, 1:2]]), id="a list of outputs"),
    ],
)
def test_what_keras_gives_in_two_passes(model, data):
    model = model()
    metrics, told = evaluate_and_predict(model, data, 6)
    expected, predicted = as_keras_does(model, data)
    assert metrics == pytest.approx(expected, rel=1e-6)
    assert type(told.predictions) is type(predicted)
    np.testing.assert_allclose(told.predictions, predicted, rtol=1e-6)
    assert told.y is data.y
    assert "compute_metrics" not in vars(model)


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize(
    "model",
    [
        lambda: sequential(WithOwnStep),
        lambda: sequential(PredictsOtherwise),
        lambda: sequential(EvaluatesOtherwise),
        lambda: sequential(TellsMetricsOtherPredictions, metrics=["accuracy"]),
        lambda: sequential(MakesItsOwnTest, metrics=["accuracy"]),
        lambda: with_own("test_step", TellsMetricsOtherPredictions.test_step),
        lambda: with_own(
            "predict_step", lambda model, data: keras.Model.predict_step(model, data) + 1.0
        ),
        predicted_before,
        lambda: sequential(keras.Sequential, steps_per_execution=2),
    ],
    ids=[
        "own test step",
        "own predict step",
        "own evaluate",
        "test step with other predictions",
        "own test function",
        "test step of one model",
        "predict step of one model",
        "predict function of one model",
        "several steps a call",
    ],
)
def test_metrics_alone_where_predictions_cannot_be_told(model):
    model, data = model(), split()
    metrics, predictions = evaluate_and_predict(model, data, 6)
    assert predictions is None
    assert metrics == pytest.approx(as_keras_does(model, data)[0], rel=1e-6)


def test_a_model_that_changes_while_it_is_evaluated_predicts_with_what_it_became():
    keras.utils.set_random_seed(0)
    model = sequential(ChangesWhileItIsEvaluated)
    _, predictions = evaluate_and_predict(model, split(), 6)
    assert predictions is None


def test_stateful_layers_begin_anew():
    model, generator = stateful(), np.random.default_rng(0)
    data = Split(generator.normal(size=(18, 4)), generator.integers(0, 3, 18))
    metrics, told = evaluate_and_predict(model, data, 6)
    assert model.evaluate(data.x, data.y, 6, verbose=0) != metrics["loss"]  # plain Keras goes on
    again, same = evaluate_and_predict(model, data, 6)
    assert (again, same) == (metrics, None)  # it was traced without predictions
    forget_batches(model)
    again = model.predict(data.x, 6, verbose=0)
    np.testing.assert_allclose(told.predictions, again, rtol=1e-6)


def test_batches_of_a_length_each_are_predicted_one_by_one():
    def texts():
        for rows, words in ((2, 3), (2, 4), (1, 1)):
            yield np.ones((rows, words, 1), np.float32), np.ones((rows, words, 2), np.float32)

    inputs = keras.Input((None, 1))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    model.compile(loss="mse")
    stream = Stream(texts, batched=True)
    metrics, together = evaluate_and_predict(model, stream, 6)
    told = predict(model, stream, 6)
    assert together is None
    assert [one.shape for one in told.predictions] == [(2, 3, 2), (2, 4, 2), (1, 1, 2)]
    assert [one.shape for one in told.y] == [(2, 3, 2), (2, 4, 2), (1, 1, 2)]
    losses = [np.mean((one - 1) ** 2) for one in told.predictions]
    assert metrics["loss"] == pytest.approx(np.average(losses, weights=[2, 2, 1]), rel=1e-5)


def test_the_targets_of_a_stream_are_those_of_the_same_pass():
    """Its examples come in another order in each."""
    data = split()
    source = tf.data.Dataset.from_tensor_slices((data.x, np.arange(ROWS)))
    stream = Stream(source.shuffle(ROWS).batch(5))
    for model in (sequential(keras.Sequential), sequential(PredictsOtherwise)):
        model.compile(loss=lambda y, y_pred: keras.ops.mean(y_pred, axis=-1))
        metrics, told = evaluate_and_predict(model, stream, 6)
        told = told or predict(model, stream, 6)
        expected = model.predict(data.x, verbose=0)
        np.testing.assert_allclose(told.predictions, expected[told.y], rtol=1e-5)
        assert sorted(told.y) == list(range(ROWS))
        assert metrics["loss"] == pytest.approx(1 / 3, rel=1e-4)


ON_TWO_DEVICES = """
import tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.evaluation import test_one_pass
from pipeline.evaluation.one_pass import evaluate_and_predict
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    model = test_one_pass.of_digits()
metrics, predictions = evaluate_and_predict(model, test_one_pass.split(), 6)
assert predictions is None
assert metrics == model.evaluate(
    test_one_pass.split().x, test_one_pass.split().y, 6, verbose=0, return_dict=True
)
"""


@pytest.mark.thorough
def test_a_model_on_several_devices():
    """Keras takes the mean of what each device reports, and fails where a batch is uneven."""
    subprocess.run([sys.executable, "-c", ON_TWO_DEVICES], cwd=ROOT, check=True)
