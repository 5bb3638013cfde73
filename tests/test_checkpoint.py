"""A training that was interrupted ends like one that was not, whichever epoch it had reached."""

import math
import threading

import keras
import keras_tuner
import numpy as np
import pytest

from pipeline.callback_state import callback_state, restore_callback
from pipeline.checkpoint import Checkpoint
from pipeline.datasets import wine
from pipeline.files import DamagedFileError
from pipeline.trainer import Execution, Trainer

DATASET = wine(validation_size=0.2, test_size=0.2, seed=0)
EPOCHS = 8


class Killed(BaseException):
    """What a killed process does not live to see."""


class Random(keras_tuner.HyperModel):
    """Random in every way that Keras offers: weights, dropout, noise and order."""

    def build(self, hp):
        model = keras.Sequential(
            [
                keras.Input((13,)),
                keras.layers.Rescaling(0.01),
                keras.layers.GaussianNoise(0.1),
                keras.layers.Dense(16, activation="relu"),
                keras.layers.BatchNormalization(),
                keras.layers.Dropout(0.4),
                keras.layers.Dense(3, activation="softmax"),
            ]
        )
        optimizer = keras.optimizers.Adam(0.05)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model


class Own(Random):
    """A hypermodel with its own `fit`."""

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, **kwargs)


def stopping():
    """Callbacks that learn during the training, and end it early."""
    return [
        keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=0.05),
        keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=3, min_delta=0.5, restore_best_weights=True
        ),
    ]


def trainer(hypermodel=None, callbacks=list, every_seconds=0.0, objective="val_loss"):
    return Trainer(
        hypermodel=hypermodel or Random(),
        dataset=DATASET,
        objective=keras_tuner.Objective(objective, "min"),
        batch_size=16,
        callbacks=callbacks,
        checkpoint_seconds=every_seconds,
    )


def train(with_, path, *, dies_at=None, stops_at=None, **changes):
    """Train; return the result and the epochs that were told, in order."""
    told = []

    def on_epoch_end(epoch, logs):
        told.append((epoch, dict(logs)))
        if epoch == dies_at:
            raise Killed

    fields = {"seed": 5, "initial_epoch": 0, "epochs": EPOCHS, "checkpoint": path} | changes
    task = Execution(hyperparameters=keras_tuner.HyperParameters(), **fields)
    stop = (lambda: told[-1][0] == stops_at) if stops_at is not None else (lambda: False)
    return with_.train(task, on_epoch_end, stop), told


def assert_same(one, other):
    (result, told), (expected, expected_told) = one, other
    assert told == expected_told
    assert (result.score, result.best_epoch) == (expected.score, expected.best_epoch)
    assert result.logs == expected.logs
    pairs = zip(
        result.weights.model + result.weights.optimizer,
        expected.weights.model + expected.weights.optimizer,
        strict=True,
    )
    for mine, theirs in pairs:
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("callbacks", [list, stopping])
def test_continues_at_the_epoch_it_had_reached(callbacks, tmp_path):
    with_ = trainer(callbacks=callbacks)
    whole = train(with_, None)
    last = whole[1][-1][0]
    assert (last + 1 < EPOCHS) == (callbacks is stopping)
    for reached in range(last + 1):
        path = tmp_path / str(reached) / "checkpoint-0.npz"
        with pytest.raises(Killed):
            train(with_, path, dies_at=reached)
        assert path.exists() == (reached > 0)  # it died before it kept this epoch
        assert_same(train(with_, path), whole)


def test_is_stopped_after_the_epoch_and_loses_none(tmp_path):
    with_ = trainer(callbacks=stopping, every_seconds=math.inf)
    whole = train(with_, None)
    path = tmp_path / "checkpoint-0.npz"
    for reached in range(3):  # interrupted again and again
        with pytest.raises(KeyboardInterrupt):
            train(with_, path, stops_at=reached)
        assert max(Checkpoint(path, 5, 0).load().logs) == reached
    assert_same(train(with_, path), whole)


def test_a_training_that_had_stopped_early_trains_no_more(tmp_path):
    with_ = trainer(callbacks=stopping)
    whole = train(with_, tmp_path / "checkpoint-0.npz")
    assert Checkpoint(tmp_path / "checkpoint-0.npz", 5, 0).load().stopped
    assert_same(train(with_, tmp_path / "checkpoint-0.npz"), whole)


def test_a_promoted_trial_continues_with_its_own_weights(tmp_path):
    with_ = trainer()
    parent, _ = train(with_, None, epochs=2)
    rest = {"initial_epoch": 2, "weights": parent.weights, "seed": 6}
    whole = train(with_, None, **rest)
    path = tmp_path / "checkpoint-0.npz"
    with pytest.raises(Killed):
        train(with_, path, dies_at=5, **rest)
    assert_same(train(with_, path, **rest), whole)


def test_cheap_epochs_pay_nothing(tmp_path):
    train(trainer(every_seconds=60.0), tmp_path / "checkpoint-0.npz")
    assert not list(tmp_path.iterdir())


def test_another_attempts_checkpoint_is_not_continued(tmp_path):
    with_, path = trainer(), tmp_path / "checkpoint-0.npz"
    with pytest.raises(Killed):
        train(with_, path, dies_at=4, seed=1)
    _, told = train(with_, path, seed=2)
    assert told == train(with_, None, seed=2)[1]


@pytest.mark.parametrize("content", [b"", b"garbage", None], ids=["empty", "garbage", "cut off"])
def test_a_damaged_checkpoint_is_called_so(content, tmp_path):
    with_, path = trainer(), tmp_path / "checkpoint-0.npz"
    with pytest.raises(Killed):
        train(with_, path, dies_at=3)
    path.write_bytes(path.read_bytes()[:-40] if content is None else content)
    with pytest.raises(DamagedFileError, match=r"checkpoint-0.npz cannot be read \("):
        train(with_, path)


def test_an_own_fit_starts_again(tmp_path):
    with_, path = trainer(Own()), tmp_path / "checkpoint-0.npz"
    with pytest.raises(KeyboardInterrupt):
        train(with_, path, stops_at=3)
    assert not path.exists()
    _, told = train(with_, path)
    assert [epoch for epoch, _ in told] == list(range(EPOCHS))


def test_callbacks_state_goes_through_the_file(tmp_path):
    class Learning(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.numbers = [1, 2.5, -math.inf, None, True, "text"]
            self.array = np.arange(3, dtype=np.int16)
            self.number = np.float32(0.5)
            self.nested = {"weights": [np.ones((2, 2)), (np.zeros(1), 3)]}
            self.function = max
            self.lazily = None
            self.unnamed = lambda: 1

    learnt = Learning()
    learnt.array[:] = 7
    learnt.lazily = keras.ops.less
    train(trainer(callbacks=lambda: [learnt]), tmp_path / "checkpoint-0.npz", epochs=1)
    (state,) = Checkpoint(tmp_path / "checkpoint-0.npz", 5, 0).load().callbacks
    fresh = Learning()
    restore_callback(fresh, state)
    assert fresh.numbers == learnt.numbers
    np.testing.assert_array_equal(fresh.array, [7, 7, 7])
    assert fresh.array.dtype == np.int16
    assert (fresh.number, type(fresh.number)) == (0.5, np.float32)
    np.testing.assert_array_equal(fresh.nested["weights"][0], np.ones((2, 2)))
    assert fresh.nested["weights"][1][1] == 3
    assert fresh.function is max
    assert fresh.lazily is keras.ops.less
    assert fresh.unnamed() == 1
    assert callback_state(fresh).keys() == state.keys()
