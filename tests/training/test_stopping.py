"""What stops a training at the end of an epoch, and what is left of it."""

import functools

import keras
import keras_tuner
import numpy as np
import pytest

from pipeline.datasets import wine
from pipeline.training.stopping import PrunedError, Stop
from pipeline.training.trainer import Execution, Trainer

DATASET = wine(validation_size=0.2, test_size=0.2, seed=0)
EPOCHS = 5


class Dense(keras_tuner.HyperModel):
    def build(self, hp):
        model = keras.Sequential(
            [
                keras.Input((13,)),
                keras.layers.Rescaling(0.01),
                keras.layers.Dropout(0.3),
                keras.layers.Dense(3, activation="softmax"),
            ]
        )
        model.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy")
        return model


class Own(Dense):
    """Takes what its training raises for a reason to go on without it."""

    def fit(self, hp, model, *args, **kwargs):
        try:
            return model.fit(*args, **kwargs)
        except Exception:
            return 1.0


@functools.cache
def trainer(kind=Dense, patience=None):
    callbacks = []
    if patience is not None:
        callbacks.append(keras.callbacks.EarlyStopping(patience=patience, min_delta=100))
    return Trainer(
        hypermodel=kind(),
        dataset=DATASET,
        objective=keras_tuner.Objective("val_loss", "min"),
        batch_size=32,
        callbacks=lambda: callbacks,
        checkpoint_seconds=1000.0,
    )


def train(with_, path=None, *, stop=None, at=None):
    """Train; return the result, what was told, and after which epochs it was asked."""
    told, asked = {}, []

    def answer():
        asked.append(max(told))
        return stop if max(told) == at else None

    task = Execution(keras_tuner.HyperParameters(), 5, 0, EPOCHS, checkpoint=path)
    try:
        return with_.train(task, told.__setitem__, answer), told, asked
    except PrunedError:
        return None, told, asked


@pytest.mark.parametrize("kind", [Dense, Own])
def test_a_pruned_training_ends_there_and_leaves_nothing(kind, tmp_path):
    path = tmp_path / "checkpoint-0.npz"
    result, told, _ = train(trainer(kind), path, stop=Stop.PRUNE, at=1)
    assert result is None
    assert [*told] == [0, 1]
    assert not path.exists()


def test_a_paused_training_goes_on_where_it_was(tmp_path):
    path = tmp_path / "checkpoint-0.npz"
    whole, _, _ = train(trainer())
    paused, _, _ = train(trainer(), path, stop=Stop.PAUSE, at=1)
    assert paused is None
    result, told, asked = train(trainer(), path)
    assert asked == [1, 2, 3, 4]  # of the epoch it goes on from, too
    assert told == whole.logs
    for mine, theirs in zip(result.weights.model, whole.weights.model, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_process_that_died_before_it_could_tell_is_asked_again(tmp_path):
    path = tmp_path / "checkpoint-0.npz"
    train(trainer(), path, stop=Stop.PAUSE, at=1)
    result, told, _ = train(trainer(), path, stop=Stop.PRUNE, at=1)
    assert result is None
    assert [*told] == [0, 1]


@pytest.mark.parametrize("kind", [Dense, Own])
def test_a_training_that_has_had_enough_has_its_best_epoch_for_a_result(kind):
    whole, _, _ = train(trainer(kind))
    result, told, _ = train(trainer(kind), stop=Stop.END, at=2)
    assert [*told] == [0, 1, 2]
    scores = {epoch: logs["val_loss"] for epoch, logs in whole.logs.items() if epoch < 3}
    assert result.score == min(scores.values())
    assert scores[result.best_epoch] == result.score


def test_what_has_had_enough_does_not_go_on(tmp_path):
    path = tmp_path / "checkpoint-0.npz"
    train(trainer(), path, stop=Stop.PAUSE, at=1)
    result, told, _ = train(trainer(), path, stop=Stop.END, at=1)
    assert [*told] == [0, 1]
    assert result.best_epoch in (0, 1)


@pytest.mark.parametrize("stop", [Stop.PRUNE, Stop.PAUSE, Stop.END])
def test_a_training_that_ends_by_itself_has_a_result(stop):
    result, told, _ = train(trainer(patience=2), stop=stop, at=2)
    assert [*told] == [0, 1, 2]
    assert result.score == min(logs["val_loss"] for logs in told.values())
