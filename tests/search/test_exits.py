"""A user's code that ends the process: a trial that fails, and never a success."""

import json

import pytest

from pipeline.journal.history import read
from tests.commands import alone

MINE = """
import os
import sys

import keras
import keras_tuner


class Leaves(keras.callbacks.Callback):
    def __init__(self, at=1):
        super().__init__()
        self.at = at

    def on_epoch_end(self, epoch, logs=None):
        if self.model.layers[-2].units == self.at:
            sys.exit(0)


def build(hp):
    units = hp.Choice("units", [1, 2, 3])
    layers = [keras.layers.Dense(units), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential([keras.Input((13,)), *layers])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def leaves(hp):
    sys.exit(0)


def exits(hp):
    if hp.Choice("units", [1, 2, 3]) == 2:
        sys.exit(0)
    return build(hp)


class Fit(keras_tuner.HyperModel):
    def build(self, hp):
        return build(hp)

    def fit(self, hp, model, *args, **kwargs):
        if hp.get("units") == 2:
            sys.exit("enough")
        return model.fit(*args, **kwargs)


class Left(Fit):
    def fit(self, hp, model, *args, **kwargs):
        if hp.get("units") == 2:
            os._exit(0)
        return model.fit(*args, **kwargs)
"""
pytestmark = pytest.mark.usefixtures("tested_untraced")

LINE = "dataset=wine strategy=grid training.epochs=1"


@pytest.fixture
def command(command, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    return command


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("model._target_=mine.build +callbacks.leaves._target_=mine.Leaves", "sys.exit(0)"),
        ("model._target_=mine.Fit", "sys.exit('enough')"),
        ("model._target_=mine.exits", "sys.exit(0)"),  # where its space is explored, too
    ],
)
def test_an_exit_fails_its_trial_alone(line, said, command, tmp_path, store):
    ended = command(f"--json {LINE} {line}")
    assert ended.code == 0
    assert json.loads(ended.out)["status"] == "COMPLETED"
    (journal,) = tmp_path.glob("outputs/searches/*/journal.jsonl")
    told = [(attempt.end.status, attempt.end.message) for attempt in read(journal.parent).attempts]
    assert [status for status, _ in told].count("COMPLETED") == 2
    assert ("FAILED", f"{said} was called") in told


def test_an_exit_while_the_space_is_explored_is_a_wrong_configuration(command, tmp_path):
    ended = command(f"{LINE} model._target_=mine.leaves")
    assert (ended.code, ended.err) == (2, "error: model: sys.exit(0) was called\n")
    assert {path.name for path in tmp_path.iterdir()} <= {"mine.py", "__pycache__"}


def test_an_exit_of_the_whole_process_is_no_success(command, tmp_path, store):
    line = f"-m {LINE} model._target_=mine.build,mine.Left"
    ended = alone(line, tmp_path)
    sentence = "os._exit(0) was called while the search ran; the same command continues it"
    assert (ended.code, ended.err) == (1, f"error: {sentence}\n")
    statuses = [read(path.parent).end for path in tmp_path.glob("outputs/searches/*/journal.jsonl")]
    assert sorted(end is None for end in statuses) == [False, True]
