"""The same command continues a search, extends a finished one, and refuses what it cannot read."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.journal.callbacks import Status
from pipeline.journal.history import FILE_NAME, History, read
from tests.commands import Ended, alone, start

pytestmark = pytest.mark.usefixtures("tested_untraced")

WINE = "dataset=wine model._target_=mine.build training.epochs=3"
REPORT = "report.every_seconds=30"  # as it is by itself: a process renews the report
MINE = """
import os
import signal

import keras


class Once(keras.callbacks.Callback):
    '''Sends this process a signal, as a person would, when an epoch of a trial ends.'''

    def __init__(self, number, call, times=1, file="calls"):
        super().__init__()
        self.number, self.call, self.times, self.file = number, call, times, file

    def on_epoch_end(self, epoch, logs=None):
        with open(self.file, "a") as file:
            file.write(".")
        if os.path.getsize(self.file) == self.call:
            for _ in range(self.times):
                os.kill(os.getpid(), self.number)


def build(hp):
    '''A model that is traced once for all trials.'''
    rate = hp.Int("rate", 1, 64)
    if os.path.exists(f"fatal-{rate}"):
        os.kill(os.getpid(), signal.SIGKILL)
    return compiled(rate)


def wide(hp):
    return compiled(hp.Int("rate", 1, 64), keras.layers.Dense(2000))


def compiled(rate, *hidden):
    inputs = keras.Input((13,))
    outputs = keras.layers.Dropout(0.1)(inputs / 100)
    for layer in hidden:
        outputs = layer(outputs)
    model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(outputs))
    adam = keras.optimizers.Adam(rate / 1000)
    model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def constant(hp):
    hp.Int("units", 1, 64)
    inputs = keras.Input((13,))
    outputs = keras.layers.Dense(3, "softmax", kernel_initializer="zeros")(inputs / 100)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    return model
"""


@pytest.fixture
def command(command, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    return command


def searches(folder: Path) -> list[History]:
    """Return the searches of a folder, oldest first."""
    found = [read(path.parent) for path in folder.glob(f"outputs/searches/*/{FILE_NAME}")]
    return sorted(found, key=lambda history: history.attempts[0].begin.time)


def told(history: History) -> list[tuple]:
    """Return all that a journal tells of its trials but the time."""
    return [
        (
            attempt.begin.trial,
            attempt.begin.attempt,
            attempt.hyperparameters,
            attempt.begin.lineage,
            [(epoch.execution, epoch.epoch, epoch.logs) for epoch in attempt.epochs],
            attempt.end and (attempt.end.status, attempt.end.score, attempt.end.best_epoch),
            attempt.end and (attempt.end.metrics, attempt.end.epochs_trained),
        )
        for attempt in history.attempts
    ]


def runs(folder: Path) -> list:
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    return client.search_runs([e.experiment_id for e in client.search_experiments()])


def signals(number: int, call: int, times: int = 1) -> str:
    """Return what makes an epoch of the search send a signal."""
    once = f"{{_target_: mine.Once, number: {number}, call: {call}, times: {times}}}"
    return f"'+callbacks.once={once}'"


class InAKeptFolder:
    """Tests in a folder in which can be restored what a search of another test has left."""

    @pytest.fixture
    def tmp_path(self, kept):
        return kept.new_folder()


class TestInterrupted(InAKeptFolder):
    LINE = f"{WINE} strategy.max_trials=3 seed=3"

    @pytest.fixture
    def whole(self, command, tmp_path, store, kept):
        line = f"{self.LINE} {signals(signal.SIGINT, 5)}"
        if not kept.restore("a whole search", tmp_path):
            (tmp_path / "calls").write_text("." * 1000)
            assert command(line).code == 0
            (tmp_path / "calls").unlink()
            kept.keep("a whole search", tmp_path)
        (history,) = searches(tmp_path)
        return history, f"{line} storage=other"

    @pytest.mark.parametrize(
        "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.thorough)]
    )
    def test_the_epoch_ends_and_the_rest_follows(self, number, whole, command, tmp_path):
        history, line = whole
        line = line.replace("number: 2", f"number: {int(number)}")
        ended = command(f"{line} {REPORT}")
        assert ended.code == 130
        assert ended.err == "interrupted; the same command continues this search\n"
        (journal,) = (tmp_path / "other").glob(f"*/{FILE_NAME}")
        begun = read(journal.parent)
        assert [len(attempt.epochs) for attempt in begun.attempts] == [3, 2]
        assert begun.attempts[1].end.status is Status.INTERRUPTED
        assert {run.info.status for run in runs(tmp_path)} == {"FINISHED", "KILLED"}

        ended = command(line)
        assert (ended.code, ended.err) == (0, "")
        assert "at trial 0001, of which 2 epochs are known" in ended.out
        assert told(read(journal.parent)) == told(history)
        found = runs(tmp_path)
        assert {run.info.status for run in found} == {"FINISHED"}
        assert len(found) == 2 * 4

    def test_a_second_signal_ends_at_once(self, whole, command, tmp_path):
        history, line = whole
        line = line.replace("times: 1", "times: 2")
        ended = command(f"{line} {REPORT}")
        assert ended.code == 130
        assert ended.err == "interrupted; the same command continues this search\n"
        (journal,) = (tmp_path / "other").glob(f"*/{FILE_NAME}")
        assert [len(attempt.epochs) for attempt in read(journal.parent).attempts] == [3, 1]
        assert command(line).code == 0
        assert told(read(journal.parent)) == told(history)
        assert {run.info.status for run in runs(tmp_path)} == {"FINISHED"}


GROWING = {
    "random": ("strategy.max_trials=2", "strategy.max_trials=4"),
    "bayesian": ("strategy.max_trials=3", "strategy.max_trials=4"),
    "hyperband": ("", "strategy.hyperband_iterations=2"),
    "tpe": ("strategy.max_trials=3", "strategy.max_trials=4"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("strategy", GROWING)
def test_a_larger_budget_extends_a_finished_search(strategy, command, tmp_path, store):
    small, large = GROWING[strategy]
    line = f"{WINE} strategy={strategy} training.epochs=2"
    line += " +strategy.num_initial_points=2" if strategy == "bayesian" else ""
    line += " strategy.n_startup_trials=2" if strategy == "tpe" else ""
    assert command(f"{line} {small}").code == 0
    (before,) = searches(tmp_path)
    extended = command(f"{line} {large}")
    assert (extended.code, extended.err) == (0, "")
    assert f"Continuing {before.begin.search} at trial" in extended.out
    (after,) = searches(tmp_path)
    assert told(after)[: len(before.attempts)] == told(before)
    assert len(after.attempts) > len(before.attempts)
    assert after.finished
    assert command(f"{line} {large} storage=whole").code == 0
    (journal,) = (tmp_path / "whole").glob(f"*/{FILE_NAME}")
    assert told(read(journal.parent)) == told(after)


@pytest.mark.thorough
def test_a_search_that_is_extended_in_vain_keeps_its_model(command, tmp_path, store):
    """All trials of its hypermodel are equally good, so that the first one stays the best."""
    line = "dataset=wine model._target_=mine.constant training.epochs=1"
    assert command(f"{line} strategy.max_trials=1").code == 0
    (before,) = searches(tmp_path)
    assert command(f"{line} strategy.max_trials=2").code == 0
    (after,) = searches(tmp_path)
    assert len(after.attempts) == 2
    assert after.evaluation == before.evaluation
    client = MlflowClient(store)
    assert len(client.search_model_versions("")) == 1
    (run,) = client.search_runs(
        [e.experiment_id for e in client.search_experiments()],
        "tags.`pipeline.kind` = 'search'",
    )
    assert len(client.get_metric_history(run.info.run_id, "test_loss")) == 1


@pytest.mark.thorough
def test_a_grid_is_extended(command, tmp_path, store):
    line = (
        "dataset=wine strategy=grid training.epochs=1 'hyperparameters.units=[8,16]' "
        "hyperparameters.layers=1 hyperparameters.dropout=0.1 hyperparameters.activation=relu "
        "'hyperparameters.learning_rate=[0.1,0.01]'"
    )
    assert command(f"{line} strategy.max_trials=2").code == 0
    assert command(f"{line} strategy.max_trials=null").code == 0
    (history,) = searches(tmp_path)
    assert len(history.attempts) == 4
    assert command(f"{line} strategy.max_trials=9").code == 0  # there is nothing more to try
    assert len(searches(tmp_path)) == 2


@pytest.mark.thorough
def test_more_time_extends_a_search_that_ran_out_of_it(command, tmp_path, store):
    line = f"{WINE} training.epochs=1 strategy.max_trials=2"
    ended = command(f"{line} max_seconds=0.01")
    assert (ended.code, ended.err) == (0, "")
    assert "max_seconds is now called budget.seconds; the old name will go on to work" in ended.out
    assert "budget.seconds=0.01 are over" in ended.out
    assert command(f"{line} budget.seconds=null").code == 0
    (history,) = searches(tmp_path)
    assert len(history.attempts) == 2
    assert command(f"{line} budget.seconds=1000").code == 0  # it had not run out of time
    assert len(searches(tmp_path)) == 2


def test_what_is_finished_is_not_repeated_silently(command, tmp_path, store):
    line = f"{WINE} training.epochs=1 strategy.max_trials=2"
    assert command(line).code == 0
    refused = command(f"{line} resume=must")
    assert refused.code == 2
    assert "resume=must found no unfinished search" in refused.err
    assert command(f"{line} strategy.max_trials=1 resume=must").code == 2
    again = command(line)
    assert again.code == 0
    assert "Continuing" not in again.out
    assert len(searches(tmp_path)) == 2


@pytest.mark.parametrize(
    "change",
    [
        "seed=1",
        pytest.param(
            "objective.name=val_accuracy objective.direction=max", marks=pytest.mark.thorough
        ),
        pytest.param("training.batch_size=16", marks=pytest.mark.thorough),
    ],
)
def test_a_changed_configuration_starts_a_new_search(change, command, tmp_path, store):
    line = f"{WINE} strategy.max_trials=2"
    assert command(f"{line} {signals(signal.SIGINT, 2)}").code == 130
    assert command(f"{line} {change} {signals(signal.SIGINT, 2)}").code == 0
    assert len(searches(tmp_path)) == 2


DAMAGED = {
    FILE_NAME: ("holds a line that is no record", "remove outputs/searches/"),
    "tracking.json": ("is damaged", "remove it: then MLflow is told everything again"),
    "weights-0.npz": ("cannot be read (", "start a new search with resume=never"),
    "checkpoint-0.npz": ("cannot be read (", "its trial starts again from its first epoch"),
}


class TestDamaged(InAKeptFolder):
    LINE = f"{WINE} strategy.max_trials=2 {signals(signal.SIGINT, 5)}"

    @pytest.fixture
    def folder(self, command, tmp_path, store, kept):
        """The folder of a search that was interrupted in its second trial."""
        if not kept.restore("an interrupted search", tmp_path):
            assert command(self.LINE).code == 130
            kept.keep("an interrupted search", tmp_path)
        (journal,) = tmp_path.glob(f"outputs/searches/*/{FILE_NAME}")
        return journal.parent

    @pytest.mark.parametrize(
        "damage", [pytest.param("garbage", marks=pytest.mark.thorough), "truncated"]
    )
    def test_a_damaged_file_is_one_sentence(self, damage, folder, command, tmp_path):
        line = self.LINE
        contents = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for name, parts in DAMAGED.items():
            path = next(folder.rglob(name))
            whole = contents[path]
            cut = whole[:40] + b"\n" if name == FILE_NAME else whole[: len(whole) // 2]
            path.write_bytes(b"\x00garbage\xff\n" * 20 if damage == "garbage" else cut)
            damaged = path.read_bytes()
            ended = command(line)
            assert ended.code == 2
            assert re.fullmatch("error: .*\n", ended.err)
            assert path.name in ended.err
            for part in parts:
                assert part in ended.err
            assert path.read_bytes() == damaged
            path.write_bytes(whole)
            left = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
            assert left == contents
        assert command(line).code == 0
        assert len(searches(tmp_path)) == 1

    @pytest.mark.thorough
    def test_a_torn_last_line_is_continued(self, folder, command, tmp_path):
        before = read(folder)
        with (folder / FILE_NAME).open("ab") as file:
            file.write(b'{"kind":"trial_end","trial":"0001","score":0.')
        assert command(self.LINE).code == 0
        after = read(folder)
        assert told(after)[0] == told(before)[0]
        assert after.finished


@pytest.mark.thorough
@pytest.mark.parametrize("attempts", [pytest.param("null", marks=pytest.mark.thorough), "2"])
def test_a_trial_that_kills_its_process_is_given_up(attempts, command, tmp_path, store):
    """KerasTuner issue 439 runs such a trial again for ever."""
    line = f"{WINE} strategy.max_trials=3 max_attempts={attempts}"
    assert command(f"{line} storage=harmless").code == 0
    (journal,) = (tmp_path / "harmless").glob(f"*/{FILE_NAME}")
    second = read(journal.parent).attempts[1].hyperparameters["rate"]
    (tmp_path / f"fatal-{second}").touch()
    deaths = 2 if attempts == "2" else 9
    for _ in range(2):
        assert alone(line, tmp_path).code == -signal.SIGKILL
    (journal,) = tmp_path.glob(f"outputs/searches/*/{FILE_NAME}")
    lived = journal.read_bytes().splitlines(keepends=True)[-2:]
    with journal.open("ab") as file:
        file.writelines((deaths - 2) * lived)
    ended = command(line)
    assert (ended.code, ended.err) == (0, "")
    (history,) = searches(tmp_path)
    assert [attempt.end.status for attempt in history.attempts] == [
        "COMPLETED",
        "FAILED",
        "COMPLETED",
    ]
    assert f"died {deaths} times while it ran this trial" in history.attempts[1].end.message
    failed = [run for run in runs(tmp_path) if run.info.status == "FAILED"]
    assert [run.data.tags["pipeline.trial"] for run in failed] == ["0001"]
    assert "RUNNING" not in {run.info.status for run in runs(tmp_path)}


def test_a_full_disk_ends_the_search_which_goes_on_when_there_is_room(
    command, tmp_path, store, full_disk
):
    line = f"dataset=wine model._target_=mine.wide training.epochs=3 storage={full_disk}"
    line += " strategy.max_trials=2 keep_best=2"
    ended = command(f"{line} {REPORT}")
    assert ended.code == 1
    assert re.fullmatch(
        r"error: .*weights-0\.npz cannot be written: No space left on device; make room, then the "
        r"same command continues this search\n",
        ended.err,
    )
    assert {run.info.status for run in runs(tmp_path)} == {"KILLED"}
    remount = ["mount", "-o", "remount,size=64m", str(full_disk)]
    subprocess.run(remount, check=True, capture_output=True)
    ended = command(line)
    assert (ended.code, ended.err) == (0, "")
    (journal,) = full_disk.glob(f"*/{FILE_NAME}")
    assert len(read(journal.parent).ranked()) == 2
    assert {run.info.status for run in runs(tmp_path)} == {"FINISHED"}


def test_ctrl_c_before_and_between(tmp_path, store):
    process = start(f"dataset=wine strategy.max_trials=200 {REPORT}", tmp_path)
    while not list(tmp_path.glob(f"outputs/searches/*/{FILE_NAME}")):
        assert process.poll() is None
    os.kill(process.pid, signal.SIGTERM)
    ended = Ended(*process.wait())
    assert ended.code == 130
    assert ended.err == "interrupted; the same command continues this search\n"
