"""What lies in a file is trained on as if it were in memory."""

import dataclasses

import keras
import keras_tuner
import numpy as np
import pytest

from pipeline.datasets import Dataset, Split
from pipeline.datasets.rows import Rows
from pipeline.evaluation.best_model import evaluate
from pipeline.frozen.features import Features
from pipeline.hypermodels import CNN
from pipeline.journal.array_store import ArrayStore
from pipeline.preprocessing import ImageScaling
from pipeline.training.notices import Notices
from pipeline.training.trainer import Execution, Trainer

SHAPE = (8, 8, 3)
ROWS = 60
OBJECTIVE = keras_tuner.Objective("val_loss", "min")
VALUES = {"blocks": 1, "filters": 16, "kernel_size": 3, "dense_units": 32, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def mapped(tmp_path_factory):
    """A dataset whose images lie in a file."""
    random = np.random.default_rng(0)
    y = np.arange(ROWS) % 2
    path = tmp_path_factory.mktemp("mapped") / "x"
    x = np.memmap(path, np.uint8, "w+", shape=(ROWS, *SHAPE))
    x[:] = random.integers(0, 128, x.shape) + 127 * y[:, None, None, None]
    order = np.split(random.permutation(ROWS), [36, 48])
    splits = [Split(Rows(x, rows, "of the images"), y[rows]) for rows in order]
    scaling = ImageScaling(SHAPE, 255.0)
    return Dataset("mapped", "classification", *splits, ("dark", "light"), "test", scaling)


@pytest.fixture(scope="module")
def in_memory(mapped):
    """The same dataset in memory."""
    names = ("train", "validation", "test")
    splits = {n: Split(getattr(mapped, n).x[:], getattr(mapped, n).y) for n in names}
    return dataclasses.replace(mapped, **splits)


def make_trainer(dataset, tmp_path, hypermodel=None):
    files = ArrayStore(tmp_path / "features", 10**8)
    features = Features(dataset, files, 10**8, False, lambda *_: None, lambda _: None)
    made = hypermodel or CNN(dataset=dataset)
    return Trainer(made, dataset, OBJECTIVE, batch_size=8, features=features)


def train(trainer, **values):
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values = VALUES | values
    logs = []
    execution = Execution(hyperparameters, seed=3, initial_epoch=0, epochs=3)
    result = trainer.train(execution, lambda _epoch, seen: logs.append(dict(seen)))
    return logs, result


def test_losses_and_weights_are_those_of_the_same_arrays(mapped, in_memory, tmp_path):
    (ours, result), (expected, known) = (
        train(make_trainer(dataset, tmp_path)) for dataset in (mapped, in_memory)
    )
    assert len(ours) == 3
    for one, other in zip(ours, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-5)
    for one, other in zip(result.weights.model, known.weights.model, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_scaling_is_no_reason_for_a_copy(mapped, in_memory, tmp_path):
    for dataset, copies in ((mapped, 0), (in_memory, 2)):
        trainer = make_trainer(dataset, tmp_path)
        train(trainer)
        assert len(trainer.features._memory) == copies
    assert not (tmp_path / "features").exists()


def test_frozen_weights_are_a_reason(mapped, tmp_path):
    trainer = make_trainer(mapped, tmp_path, OnFrozen())
    train(trainer)
    assert len(trainer.features._memory) == 2


class OnFrozen(keras_tuner.HyperModel):
    """A layer on a frozen one."""

    def build(self, hp):
        frozen = keras.layers.Conv2D(2, 3, trainable=False)
        layers = [keras.layers.Flatten(), keras.layers.Dense(2)]
        model = keras.Sequential([keras.Input(SHAPE), frozen, *layers])
        model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model


class OwnFit(keras_tuner.HyperModel):
    """Computes with what its `fit` is given."""

    def build(self, hp):
        model = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten()])
        model.add(keras.layers.Dense(2, activation="softmax"))
        model.compile(loss="sparse_categorical_crossentropy")
        return model

    def fit(self, hp, model, x, y, **arguments):
        held, targets = arguments.pop("validation_data")
        return model.fit(x / 255, y, validation_data=(held / 255, targets), **arguments)


def test_an_own_fit_is_given_arrays(mapped, tmp_path):
    logs, _ = train(make_trainer(mapped, tmp_path, OwnFit()))
    assert len(logs) == 3


def test_the_best_model_is_tested_alike(mapped, in_memory, tmp_path):
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values = dict(VALUES)
    keras.utils.set_random_seed(0)
    model = CNN(dataset=mapped).build(hyperparameters)
    found = []
    for dataset in (mapped, in_memory):
        folder = tmp_path / type(dataset.test.x).__name__
        folder.mkdir()
        notices = Notices()
        made = evaluate(model, dataset, folder, objective="val_loss", batch_size=5, notices=notices)
        found.append(made.metrics)
        with np.load(folder / "evaluation" / "input_example.npz") as example:
            np.testing.assert_array_equal(example["x"], dataset.test.x[: len(example["x"])])
    assert found[0] == pytest.approx(found[1], rel=1e-6)
