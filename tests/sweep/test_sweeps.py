"""The same multirun command continues an unfinished sweep, and starts a finished one anew."""

import json
import re
import signal
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Run
from omegaconf import OmegaConf

from pipeline.configuration.config import ConfigError, Resume
from pipeline.journal.callbacks import SearchEnd, Status
from pipeline.journal.history import FILE_NAME, History, read
from pipeline.search.past_searches import find_ended
from pipeline.sweep import comparison, continuation
from pipeline.sweep.continuation import FILE_NAME as SWEEP
from pipeline.sweep.continuation import fingerprint, hold, varied
from tests.commands import Ended, alone
from tests.records import search_begin, trial_begin, trial_end, write

pytestmark = pytest.mark.usefixtures("tested_untraced")

MINE = """
import os
import signal
from pathlib import Path

import keras


class Interrupt(keras.callbacks.Callback):
    '''Ends an epoch as Ctrl-C does, or kills the process, if the folder has a file for its seed.'''

    def __init__(self, seed):
        super().__init__()
        self.seed = seed

    def on_epoch_end(self, epoch, logs=None):
        if Path(f"interrupt-{self.seed}").exists():
            os.kill(os.getpid(), signal.SIGINT)
        if Path(f"kill-{self.seed}").exists() and epoch == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if Path(f"fail-{self.seed}").exists():
            raise RuntimeError("no luck")


def doubtful(hp):
    if Path("wrong").exists():
        raise RuntimeError("not yet")
    return build(hp)


def other(hp):
    return build(hp)


def build(hp):
    units = hp.Int("units", 1, 64)
    inputs = keras.Input((13,))
    outputs = keras.layers.Dense(3, "softmax")(keras.layers.Dense(units)(inputs / 100))
    model = keras.Model(inputs, outputs)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
"""
WINE = (
    "dataset=wine strategy.max_trials=1 training.epochs=2 model._target_=mine.build "
    "'+callbacks.stop={_target_: mine.Interrupt, seed: ${seed}}'"
)
LINE = f"-m seed=0,1,2 {WINE}"
INTERRUPTED = "interrupted; the same command continues this sweep\n"


@pytest.fixture
def tmp_path(kept):
    return kept.new_folder()


@pytest.fixture
def command(command, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    return command


@pytest.fixture
def interrupted(command, tmp_path, store, kept) -> str:
    """A sweep that was interrupted in its second search; the identifier of its first search."""
    if not kept.restore("an interrupted sweep", tmp_path):
        (tmp_path / "interrupt-1").touch()
        ended = command(LINE)
        assert (ended.code, ended.err) == (130, INTERRUPTED)
        (tmp_path / "interrupt-1").unlink()
        kept.keep("an interrupted sweep", tmp_path)
    assert [history.finished for history in searches(tmp_path)] == [True, False]
    return searches(tmp_path)[0].begin.search


def searches(folder: Path) -> list[History]:
    """Return the searches of a folder, oldest first."""
    found = [read(path.parent) for path in folder.glob(f"outputs/searches/*/{FILE_NAME}")]
    return sorted(found, key=lambda history: history.attempts[0].begin.time)


def sweeps(folder: Path) -> list[dict]:
    found = [json.loads(path.read_text()) for path in folder.glob(f"outputs/searches/*/*/{SWEEP}")]
    return sorted(found, key=lambda sweep: sweep["time"])


def runs(folder: Path, kind: str) -> list[Run]:
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return client.search_runs(experiments, f"tags.`pipeline.kind` = '{kind}'")


def check_whole(ended: Ended, folder: Path, repeated: int = 0, number: int = 3) -> None:
    """Make sure that a sweep over seeds is complete, and nothing of it was doubled."""
    assert (ended.code, ended.err) == (0, "")
    assert f"{number} searches on wine" in ended.out
    assert len(ended.out.split("Finished already: ")) - 1 == repeated
    (sweep,) = sweeps(folder)
    assert sweep["ended"]
    assert [history.begin.seed for history in searches(folder)] == list(range(number))
    assert all(history.finished for history in searches(folder))
    parents, compared = runs(folder, "search"), runs(folder, "comparison")
    assert (len(parents), len(compared)) == (number, 1)
    assert {run.data.tags["pipeline.sweep"] for run in parents + compared} == {sweep["identifier"]}
    for run in parents + compared + runs(folder, "trial"):
        assert run.info.status == "FINISHED"
    told = [name for name in compared[0].data.metrics if name.startswith("epochs_trained/")]
    assert len(told) == number


@pytest.mark.thorough
def test_an_interrupted_sweep_goes_on(interrupted, command, tmp_path):
    first, second = (history.begin.search for history in searches(tmp_path))
    ended = command(LINE)
    check_whole(ended, tmp_path, repeated=1)
    assert ended.out.startswith(f"Continuing the sweep {sweeps(tmp_path)[0]['identifier']}\n")
    assert f"Finished already: {first}\n" in ended.out
    assert f"Continuing {second} at trial 0000" in ended.out
    assert len(list(tmp_path.glob("outputs/searches/sweeps/*"))) == 1


@pytest.mark.thorough
def test_other_overrides_are_another_sweep_and_a_finished_one_starts_anew(
    interrupted, command, tmp_path
):
    line = LINE.replace("seed=0,1,2", "seed=0,1")
    ended = command(line)
    assert (ended.code, ended.err) == (0, "")
    assert "Finished already" not in ended.out
    assert [sweep["ended"] for sweep in sweeps(tmp_path)] == [False, True]
    begun = [(history.begin.seed, history.begin.sweep) for history in searches(tmp_path)]
    first, second = (sweep["identifier"] for sweep in sweeps(tmp_path))
    assert sorted(begun) == [(0, first), (0, second), (1, second)]  # it went on with the unfinished

    refused = command(f"{line} resume=must")
    assert refused.code == 2
    assert re.fullmatch("error: resume=must found no unfinished sweep .*\n", refused.err)
    assert len(sweeps(tmp_path)) == 2

    (tmp_path / "interrupt-0").touch()  # it has begun by then
    anew = command(line)
    assert (anew.code, anew.err) == (130, INTERRUPTED)
    assert "Continuing" not in anew.out
    assert "Finished already" not in anew.out
    _, before, last = sweeps(tmp_path)
    assert before["fingerprint"] == last["fingerprint"]
    assert before["identifier"] != last["identifier"]
    assert (searches(tmp_path)[-1].begin.seed, len(searches(tmp_path))) == (0, 4)


def test_never_starts_afresh(interrupted, command, tmp_path):
    (tmp_path / "interrupt-0").touch()
    ended = command(f"{LINE} resume=never")
    assert ended.code == 130
    assert ended.err == INTERRUPTED.replace("command", "command with resume=auto")
    first, second = sweeps(tmp_path)
    assert first["fingerprint"] == second["fingerprint"]
    assert [history.begin.seed for history in searches(tmp_path)] == [0, 1, 0]


@pytest.mark.thorough
def test_must_continues_the_sweep_and_runs_the_rest(interrupted, command, tmp_path):
    check_whole(command(f"verbose=1 {LINE} resume=must"), tmp_path, repeated=1)


def test_a_sweep_is_run_by_one_process(interrupted, command, tmp_path):
    (folder,) = tmp_path.glob("outputs/searches/sweeps/*")
    with FileLock(folder / "lock"):
        refused = command(LINE)
    assert refused.code == 2
    assert re.fullmatch("error: the sweep in .* is being run by another process.*\n", refused.err)
    assert len(searches(tmp_path)) == 2


def test_failures_stay_and_wrong_configurations_are_tried_again(command, tmp_path, store):
    for name in ("wrong", "fail-mine.build", "interrupt-mine.other"):
        (tmp_path / name).touch()
    line = f"-m {WINE}".replace("mine.build", "mine.doubtful,mine.build,mine.other")
    line = line.replace("${seed}", "${model._target_}")
    ended = command(line)
    wrong, failed, interrupted = ended.err.splitlines()
    assert "not yet" in wrong
    assert "no luck" in failed
    assert (ended.code, interrupted) == (130, INTERRUPTED.strip())
    for name in ("wrong", "fail-mine.build", "interrupt-mine.other"):
        (tmp_path / name).unlink()
    ended = command(line)
    assert (ended.code, ended.err) == (1, f"{failed}\n")
    assert "3 searches on wine" in ended.out
    assert len(searches(tmp_path)) == 3
    assert ended.out.count("Finished already") == 1


class Killed(BaseException):
    """What no code of ours handles, as nothing can handle SIGKILL."""


@pytest.mark.thorough
def test_interrupted_before_the_comparison(command, tmp_path, store, monkeypatch):
    with monkeypatch.context() as context:
        context.setattr(comparison, "compare", Mock(side_effect=KeyboardInterrupt))
        ended = command(LINE)
    assert (ended.code, ended.err) == (130, INTERRUPTED)
    assert runs(tmp_path, "comparison") == []
    check_whole(command(LINE), tmp_path, repeated=3)


@pytest.mark.thorough
def test_killed_in_the_comparison(command, tmp_path, store, monkeypatch):
    log = MlflowClient.log_artifact

    def die(client, run_id, path, *arguments):
        if path.endswith("comparison.json"):
            raise Killed
        log(client, run_id, path, *arguments)

    with monkeypatch.context() as context:
        context.setattr(MlflowClient, "log_artifact", die)
        with pytest.raises(Killed):
            command(LINE)
    (begun,) = runs(tmp_path, "comparison")
    check_whole(command(LINE), tmp_path, repeated=3)
    (whole,) = runs(tmp_path, "comparison")
    assert whole.info.run_id == begun.info.run_id
    client = MlflowClient(store)
    for name in whole.data.metrics:
        points = client.get_metric_history(whole.info.run_id, name)
        assert len(points) == len({point.step for point in points})
    assert len(client.search_model_versions("name = 'wine-mlp'")) == 3


@pytest.mark.thorough
def test_killed_before_mlflow_had_the_end(interrupted, command, tmp_path):
    """The journal is ahead of MLflow when a process dies; continuing the sweep makes up for it."""
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (folder,) = tmp_path.glob(f"outputs/searches/{interrupted}")
    for run in runs(tmp_path, "search") + runs(tmp_path, "trial"):
        if run.data.tags["pipeline.search"] == interrupted:
            client.delete_run(run.info.run_id)
    (folder / "tracking.json").unlink()
    check_whole(command(LINE), tmp_path, repeated=1)


@pytest.mark.thorough
def test_a_job_that_extends_anothers_search(command, tmp_path, store, monkeypatch):
    line = LINE.replace("seed=0,1,2", "").replace("max_trials=1", "max_trials=1,2")
    with monkeypatch.context() as context:
        context.setattr(comparison, "compare", Mock(side_effect=Killed))
        with pytest.raises(Killed):
            command(line)
    (before,) = searches(tmp_path)
    assert len(before.attempts) == 2
    ended = command(line)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.count(f"Finished already: {before.begin.search}") == 2
    assert searches(tmp_path) == [before]


def test_a_killed_sweep_goes_on(command, tmp_path, store):
    (tmp_path / "kill-1").touch()
    line = LINE.replace("seed=0,1,2", "seed=0,1")
    assert alone(line, tmp_path).code == -signal.SIGKILL
    (tmp_path / "kill-1").unlink()
    assert [history.finished for history in searches(tmp_path)] == [True, False]
    check_whole(command(line), tmp_path, repeated=1, number=2)


def test_a_folder_can_have_one_sweep_after_another(tmp_path):
    started = hold(tmp_path / "mine", "f", Resume.auto)
    started.lock.release()
    again = hold(tmp_path / "mine", "f", Resume.must)
    assert (again.sweep, again.is_new) == (started.sweep, False)
    replace(again.sweep, ended=True).write(again.directory)
    again.lock.release()
    with pytest.raises(ConfigError, match="resume=must found no unfinished sweep"):
        hold(tmp_path / "mine", "f", Resume.must)
    anew = hold(tmp_path / "mine", "f", Resume.auto)
    anew.lock.release()
    assert anew.is_new
    assert (
        anew.sweep.identifier != started.sweep.identifier
    )  # or its searches would count as the new one's


@pytest.mark.parametrize(
    ("swept", "others"),
    [
        (["seed=0,1"], []),
        (["strategy=random,grid", "training.epochs=2,3"], ["seed=1"]),
        (["+callbacks.stop.patience=choice(1,2)"], ["model.x={a: 1}"]),
        (["seed=range(0,3)", "++tracking.experiment=a,b"], []),
    ],
)
def test_what_differs_between_its_jobs(swept, others, tmp_path):
    config = OmegaConf.create({"hydra": {"overrides": {"task": [*others, *swept]}, "sweeper": {}}})
    hold(tmp_path / "s", "f", Resume.auto, continuation._swept(config)).lock.release()
    overrides = [item.partition("=")[0] + "=1" for item in [*swept, *others]]
    told = [one for one in overrides[: len(swept)] if "tracking." not in one]
    assert varied(tmp_path / "s", overrides) == told
    assert varied(tmp_path / "of another program", overrides) == []


def test_values_that_the_sweeper_has_differ_as_well():
    hydra = {"overrides": {"task": ["seed=1"]}, "sweeper": {"params": {"strategy": "random,grid"}}}
    assert continuation._swept(OmegaConf.create({"hydra": hydra})) == ["strategy"]


@pytest.mark.parametrize(
    ("end", "changes", "has_ended"),
    [
        (SearchEnd(Status.FAILED, "0000", "2 trials in a row failed", 5.0), {}, True),
        (SearchEnd(Status.FAILED, "0000", "Fatal signs: 2 trials failed", 5.0), {}, True),
        (SearchEnd(Status.FAILED, None, "Hopeless: no loss", 5.0, False, True), {}, False),
        (SearchEnd(Status.INTERRUPTED, "0000", "interrupted", 5.0), {}, False),
        (SearchEnd(Status.COMPLETED, "0000", None, 5.0), {}, False),  # its model was not tested
        (SearchEnd(Status.COMPLETED, None, None, 5.0), {}, True),
        (SearchEnd(Status.COMPLETED, None, None, 5.0), {"sweep": "another"}, False),
        (SearchEnd(Status.COMPLETED, None, None, 5.0), {"sweep": None}, False),
        (SearchEnd(Status.COMPLETED, None, None, 5.0), {"fingerprint": "g"}, False),
        (SearchEnd(Status.COMPLETED, None, None, 5.0), {"overrides": ["name=other"]}, False),
        (SearchEnd(Status.COMPLETED, None, None, 5.0), {"total_trials": 9}, False),
    ],
)
def test_whether_a_job_has_ended_is_told_by_the_journal(end, changes, has_ended, tmp_path):
    begin = search_begin(sweep="s")
    (tmp_path / begin.search).mkdir()
    write(tmp_path / begin.search, begin, trial_begin(), trial_end(), end)
    found = find_ended(tmp_path, replace(begin, **changes))
    assert (found is not None) is has_ended


def test_the_fingerprint_is_of_what_is_searched():
    overrides = ["strategy=random,grid", "seed=1"]
    same = [
        "seed=1",
        "verbose=0",
        "resume=must",
        "tracking.uri=http://me:secret@there",
        "strategy=random,grid",
    ]
    assert fingerprint(overrides) == fingerprint(same)
    assert fingerprint(overrides) != fingerprint([*overrides, "storage=other"])
    assert fingerprint(overrides) != fingerprint(overrides[:1])


def test_a_damaged_file_is_one_sentence(interrupted, command, tmp_path):
    (path,) = tmp_path.glob(f"outputs/searches/sweeps/*/{SWEEP}")
    path.write_text("{")
    refused = command(LINE)
    assert refused.code == 2
    assert re.fullmatch(f"error: storage: .*{SWEEP} is damaged .*\n", refused.err)


@pytest.mark.thorough
def test_jobs_of_several_storages_are_one_sweep(command, tmp_path, store):
    ended = command("-m storage=a,b dataset=wine strategy.max_trials=1 training.epochs=1")
    assert (ended.code, ended.err) == (0, "")
    assert "2 searches on wine" in ended.out
    (compared,) = runs(tmp_path, "comparison")
    tags = {run.data.tags["pipeline.sweep"] for run in [compared, *runs(tmp_path, "search")]}
    assert len(tags) == 1
