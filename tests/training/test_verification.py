"""A search that gave something else than plain Keras says so, and what is to blame."""

import contextlib
from dataclasses import replace

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers

from pipeline.training import throughput, traces
from pipeline.training.notices import Notices
from pipeline.training.stopping import never
from pipeline.training.throughput import Throughput
from pipeline.training.trainer import Execution
from pipeline.training.verification import DifferenceError, Verification
from tests.frozen.test_exact_features import backbone
from tests.training import test_exact_training as exact


def verify(trainer, values, *, trial="0000", trials=9, epochs=3, **arguments):
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values = values
    verification = trainer if isinstance(trainer, Verification) else Verification(trainer, trials)
    execution = Execution(hyperparameters, 1, 0, epochs, **arguments)
    return verification.train(trial, execution, lambda epoch, logs: None, never)


def huber(delta):
    return exact.dense(loss=keras.losses.Huber(delta))


@pytest.mark.thorough
def test_a_reused_trace_of_another_model(monkeypatch):
    monkeypatch.setattr(traces, "identity", lambda *objects, **settings: "always the same")
    verification = Verification(exact.make_trainer(), 2)
    verify(verification, {"build": huber, "delta": 100.0})
    with pytest.raises(DifferenceError, match=r"loss of epoch 0 is .* without a traced model"):
        verify(verification, {"build": huber, "delta": 0.001}, trial="0001")


@pytest.mark.thorough
def test_features_of_another_layer():
    features = exact.make_features()
    trainer = exact.make_trainer(features=features)
    verify(trainer, {"build": backbone})
    for _, examples in features._memory.values():
        examples.x = examples.x + 1
        vars(examples).pop("_sources")
        examples._in_order.clear()
    with pytest.raises(DifferenceError, match="without the features of frozen layers"):
        verify(trainer, {"build": backbone}, trial="0001")


@pytest.mark.thorough
def test_a_validation_in_other_batches():
    wrong = Throughput(validation=lambda model, callbacks, size: 1000)
    trainer = exact.make_trainer(throughput=wrong)
    with pytest.raises(DifferenceError, match=r"val_loss of .* without larger batches"):
        verify(trainer, {"build": exact.BATCHED["a sum"]})


@pytest.mark.thorough
def test_another_number_of_steps():
    @contextlib.contextmanager
    def ahead(optimizer):
        yield optimizer.iterations.assign_add(2)

    trainer = exact.make_trainer(throughput=Throughput(stepping=ahead))
    with pytest.raises(DifferenceError, match="iteration is 12, but 10 in plain Keras"):
        verify(trainer, {"build": exact.dense})


def test_an_optimizer_that_steps_otherwise():
    @contextlib.contextmanager
    def half(optimizer):
        step = optimizer.update_step
        optimizer.update_step = lambda gradient, variable, rate: step(gradient, variable, rate / 2)
        yield
        del optimizer.update_step

    trainer = exact.make_trainer(throughput=Throughput(stepping=half))
    with pytest.raises(DifferenceError, match="without Adam's step in one operation"):
        verify(trainer, {"build": exact.dense})


@pytest.mark.thorough
def test_as_many_trials_as_are_asked_for_are_verified():
    told = []
    trainer = exact.make_trainer(notices=Notices(told.append))
    verification = Verification(trainer, 2)
    for trial in ("0000", "0001", "0002"):
        verify(verification, {"build": exact.dense}, trial=trial)
    ending = "verified: 3 epochs are those of plain Keras"
    assert told == [f"trial 0000 {ending}", f"trial 0001 {ending}"]


def test_rounding_is_no_difference():
    """A deep network whose training makes much of little."""

    def chaotic():
        body = [layers.Dense(32, activation="relu") for _ in range(6)]
        return exact.dense(body=body, optimizer=keras.optimizers.Adam(0.05))

    trainer = exact.make_trainer(throughput=replace(Throughput(), steps=lambda *_, **__: 5))
    verify(trainer, {"build": chaotic}, epochs=6)


@pytest.mark.thorough
def test_a_promotion_is_verified_from_its_parents_weights():
    trainer = exact.make_trainer()
    parent = exact.train(trainer, {"build": exact.dense}, epochs=2)
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values = {"build": exact.dense}
    execution = Execution(hyperparameters, 4, 2, 5, parent.weights)
    result = Verification(trainer, 1).train("1", execution, lambda *_: None, never)
    assert list(result.logs) == [2, 3, 4]
    assert np.isfinite(result.score)
    assert throughput.validation_batch_size(exact.dense(), [], 8) > 30
