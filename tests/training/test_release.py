"""A training leaves nothing behind in TensorFlow."""

import gc
import weakref

import keras
import keras_tuner
import numpy as np
import pytest
from tensorflow.python.eager import context
from tensorflow.python.framework import func_graph

from pipeline.datasets import wine
from pipeline.datasets.batches import Examples
from pipeline.training.release import build_state, gradients_released
from pipeline.training.traces import Traces
from pipeline.training.trainer import Execution, Trainer

DATASET = wine(validation_size=0.2, test_size=0.2, seed=0)


class Deep(keras_tuner.HyperModel):
    """Layers, losses and metrics of several kinds."""

    def build(self, hp):
        inputs = keras.Input((13,))
        hidden = keras.layers.Dense(hp.Int("units", 16, 64), activation="gelu")(inputs / 100)
        hidden = keras.layers.Dropout(0.3)(keras.layers.BatchNormalization()(hidden))
        model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))
        metrics = ["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(k=2)]
        model.compile("adam", "sparse_categorical_crossentropy", metrics=metrics)
        return model


def trainer(hypermodel=None, **arguments):
    objective = keras_tuner.Objective("val_loss", "min")
    return Trainer(hypermodel or Deep(), DATASET, objective, batch_size=32, **arguments)


def train(with_, units=16):
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values["units"] = units
    with_.train(Execution(hyperparameters, 1, 0, 2), lambda epoch, logs: None)


def left():
    """Return what TensorFlow holds: functions in the eager context, and graphs."""
    keras.backend.clear_session()
    gc.collect()
    graphs = sum(isinstance(item, func_graph.FuncGraph) for item in gc.get_objects())
    return len(context.context().list_function_names()), graphs


@pytest.mark.sampled("1")
@pytest.mark.parametrize("most_models", [0, 1])
def test_nothing_is_left_of_a_training_but_what_is_kept_for_the_next(most_models):
    with_ = trainer(traces=Traces(most_models))
    for units in (15, 16):
        train(with_, units)
    before = left()
    for units in (17, 18, 19):  # each is traced anew
        train(with_, units)
    assert left() == before


@pytest.mark.thorough
def test_plain_keras_leaves_functions_and_a_graph_of_every_fit():
    """What the test above repairs."""

    def fit():
        model = Deep().build(keras_tuner.HyperParameters())
        model.fit(DATASET.train.x, DATASET.train.y, verbose=0)

    fit()
    functions, graphs = left()
    fit()
    after = left()
    assert after[0] > functions
    assert after[1] > graphs


def test_results_do_not_change():
    model, other = (Deep().build(keras_tuner.HyperParameters()) for _ in range(2))
    other.set_weights(model.get_weights())
    build_state(other, Examples.of(DATASET.train))
    assert other.optimizer.built
    assert int(other.optimizer.iterations.numpy()) == 0
    split = DATASET.validation
    expected = model.evaluate(split.x, split.y, verbose=0, return_dict=True)
    assert other.evaluate(split.x, split.y, verbose=0, return_dict=True) == expected


def test_a_step_of_its_own_is_left_alone():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, inputs):
            return self.dense(inputs)

        def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
            pytest.fail("it was called")

    model = Own()
    model(np.zeros((1, 13), np.float32))
    build_state(model, Examples.of(DATASET.train))
    model.compile("adam", "mse")
    build_state(model, Examples.of(DATASET.train))
    assert model.optimizer.built


def test_a_loss_that_a_layer_adds_needs_no_other():
    penalty = keras.layers.ActivityRegularization(l2=0.1)
    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(3), penalty])
    model.compile("adam")
    build_state(model, Examples.of(DATASET.train))
    assert model.optimizer.built
    assert model.evaluate(DATASET.test.x, DATASET.test.y, verbose=0) > 0


def test_what_was_registered_before_stays():
    from tensorflow.python.framework import ops

    registry = ops.gradient_registry._registry
    before = set(registry)
    with gradients_released():
        train(trainer())
    assert set(registry) == before


@pytest.mark.parametrize("nested", [True, False])
def test_layers_that_models_share_do_not_keep_the_models(nested):
    shared = keras.Sequential([keras.Input((13,)), keras.layers.Dense(4, trainable=False)])
    heads = []

    class OnShared(keras_tuner.HyperModel):
        def build(self, hp):
            inputs = keras.Input((13,)) if nested else shared.inputs[0]
            outputs = keras.layers.Dense(3, name="head")
            heads.append(weakref.ref(outputs))
            model = keras.Model(inputs, outputs(shared(inputs) if nested else shared.outputs[0]))
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile("adam", loss)
            return model

    with_ = trainer(OnShared())
    train(with_)
    train(with_)
    del with_  # it keeps the last models, to train them again
    keras.backend.clear_session()
    gc.collect()
    assert [head() for head in heads] == [None, None]
