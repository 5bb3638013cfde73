"""How much a model is given at once."""

import keras
import keras_tuner
import pytest

from pipeline.datasets import wine
from pipeline.training.throughput import steps_per_execution, validation_batch_size
from pipeline.training.trainer import Execution, Trainer


def model(units=1000, **arguments):
    made = keras.Sequential([keras.Input((13,)), keras.layers.Dense(units), keras.layers.Dense(3)])
    made.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), **arguments)
    return made


class Watching(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


class WatchingTests(keras.callbacks.Callback):
    def on_test_batch_end(self, batch, logs=None):
        pass


class OwnFunction(keras.Sequential):
    def make_train_function(self, force=False):
        return super().make_train_function(force)


STOP = keras.callbacks.EarlyStopping()


@pytest.mark.parametrize(
    ("arguments", "callbacks", "steps", "epochs", "expected"),
    [
        ({}, [STOP], 100, 10, 50),
        ({}, [STOP], 53, 20, 53),
        ({}, [STOP], 127, 20, 1),  # a prime: calls would not end with the epoch
        ({}, [STOP], 10, 30, 10),
        ({}, [STOP], 10, 29, 1),  # too short for the longer trace
        ({}, [Watching()], 100, 10, 1),
        ({}, [WatchingTests()], 100, 10, 1),
        (
            {},
            [keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)],
            99,
            9,
            1,
        ),
        ({}, [keras.callbacks.TerminateOnNaN()], 100, 10, 1),
        ({"steps_per_execution": 7}, [STOP], 100, 10, 7),
        ({"run_eagerly": True}, [STOP], 100, 10, 1),
    ],
)
def test_steps_of_one_call(arguments, callbacks, steps, epochs, expected):
    made = model(**arguments)
    assert steps_per_execution(made, callbacks, steps=steps, epochs=epochs) == expected


def test_a_model_that_makes_its_own_steps_takes_as_many_a_call_as_it_was_compiled_with():
    made = OwnFunction([keras.Input((13,)), keras.layers.Dense(3)])
    made.compile("adam", "mse")
    assert steps_per_execution(made, [], steps=100, epochs=10) == 1


@pytest.mark.parametrize(
    "watching",
    [WatchingTests(), keras.callbacks.LambdaCallback(on_test_batch_end=lambda batch, logs: None)],
    ids=["class", "instance"],
)
def test_who_looks_at_every_batch_of_the_validation_sees_those_of_keras(watching):
    assert validation_batch_size(model(), [watching], 32) == 32


def test_validation_takes_what_64_mb_of_activations_allow():
    assert validation_batch_size(model(), [], 32) == pytest.approx((1 << 26) / (4 * 1003), rel=0.03)
    assert validation_batch_size(model(units=10**6), [], 32) == 32


def test_a_model_that_does_not_say_its_shapes_keeps_the_batch_size():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    assert validation_batch_size(Own(), [], 32) == 32


class Long(keras_tuner.HyperModel):
    def build(self, hp):
        return model(units=4, metrics=["accuracy"])


@pytest.fixture
def logs_of():
    dataset = wine(validation_size=0.2, test_size=0.2, seed=0)
    objective = keras_tuner.Objective("val_loss", "min")

    def logs_of(callbacks):
        trainer = Trainer(Long(), dataset, objective, batch_size=2, callbacks=callbacks)
        execution = Execution(keras_tuner.HyperParameters(), 1, 0, 20)
        return trainer.train(execution, lambda epoch, logs: None).logs

    return logs_of


def test_results_do_not_depend_on_the_steps_of_a_call(logs_of):
    assert logs_of(list) == logs_of(lambda: [Watching()])
