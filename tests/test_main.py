"""`python -m pipeline`: its help, its exit codes, and what interrupts it."""

import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from pipeline.configuration.composition import compose_config, conf_dir
from pipeline.journal.history import FILE_NAME, History, follow, read
from pipeline.report.__main__ import main as report
from tests.commands import Ended, fresh, start
from tests.processes import ROOT
from tests.warm import Warm

pytestmark = pytest.mark.usefixtures("tested_untraced")

TINY = "dataset=wine strategy.max_trials=2 training.epochs=2"
# Three trials of a second each, at least.
LONG = (
    "dataset=wine strategy.max_trials=3 training.epochs=40 "
    "'~callbacks.early_stopping' '~callbacks.reduce_learning_rate' report.every_seconds=30"
)


def histories(folder: Path) -> list[History]:
    """Return the searches of a folder, oldest first."""
    return [read(path.parent) for path in sorted(folder.glob(f"outputs/searches/*/{FILE_NAME}"))]


def scores(history: History) -> list[tuple[dict, float]]:
    """Return the values and the score of every trial that ended, in the order they were tried."""
    ended = [attempt for attempt in history.attempts if attempt.finished]
    return [(dict(attempt.begin.hyperparameters), attempt.end.score) for attempt in ended]


def runs(folder: Path) -> list[Run]:
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return client.search_runs(experiments, order_by=["attributes.start_time ASC"])


def of_kind(kind: str, found: list[Run]) -> list[Run]:
    return [run for run in found if run.data.tags["pipeline.kind"] == kind]


def test_help_tells_groups_choices_and_five_examples(command):
    ended = command("--help")
    assert (ended.code, ended.err) == (0, "")
    for group in ("dataset", "model", "strategy", "experiment"):
        (told,) = re.findall(rf"^ *{group}: (.*)$", ended.out, re.MULTILINE)
        choices = sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))
        assert told == ", ".join(choices)
    examples = re.findall(r"^  python -m pipeline (.*)$", ended.out, re.MULTILINE)
    assert len(examples) == 5
    for example in examples:
        overrides = [item for item in shlex.split(example) if item != "-m"]
        compose_config([item.split(",")[0] if "[" not in item else item for item in overrides])


def test_the_whole_configuration_can_be_seen(command):
    ended = command("seed=3 --cfg job training.epochs=4")
    assert (ended.code, ended.err) == (0, "")
    assert "seed: 3" in ended.out
    assert "epochs: 4" in ended.out


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The folder that a wheel of the project is installed in."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheels, site = folder / "wheels", folder / "site"
    subprocess.run([*pip, "wheel", str(ROOT), "--no-deps", "-w", str(wheels)], check=True)
    (wheel,) = wheels.iterdir()
    subprocess.run([*pip, "install", str(wheel), "--no-deps", "-t", str(site)], check=True)
    return site


def test_from_an_installed_wheel(tmp_path, site):
    path = {"PYTHONPATH": str(site)}
    where = [sys.executable, "-c", "import pipeline; print(pipeline.__file__)"]
    told = subprocess.run(where, cwd=tmp_path, env=path, capture_output=True, text=True, check=True)
    assert Path(told.stdout.strip()).is_relative_to(site)

    helped = fresh("--help", tmp_path, **path)
    assert (helped.code, helped.err) == (0, "")
    assert "strategy: auto, bayesian, cmaes, gp, grid, hyperband, qmc, random, tpe" in helped.out
    shown = fresh("--cfg job strategy=hyperband", tmp_path, **path)
    assert (shown.code, shown.err) == (0, "")
    assert "_target_: pipeline.strategies.Hyperband" in shown.out
    assert not list(tmp_path.iterdir())


def test_from_an_empty_folder(command, tmp_path, site):
    """A whole search, installed and in this process: the same, quiet, it leaves what it says."""
    ended = fresh(TINY, tmp_path, PYTHONPATH=str(site))
    assert (ended.code, ended.err) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {"outputs", "mlflow.db", "mlruns"}
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == ["searches"]
    assert "trial 0000  COMPLETED" in ended.out
    assert "See every trial: mlflow ui" in ended.out
    assert {run.info.status for run in runs(tmp_path)} == {"FINISHED"}

    quiet = command(f"{TINY} verbose=0 resume=never")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    one, other = histories(tmp_path)
    assert one.begin.search != other.begin.search
    assert scores(one) == scores(other)  # the seed decides; another: see the sweep over seeds


def test_git_does_not_see_what_a_search_leaves():
    left = ["outputs/searches/a/journal.jsonl", "mlflow.db", "mlruns/0/a"]
    git = ["git", "check-ignore", *left]
    told = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.stdout.split() == left


def test_a_traceback_is_for_those_who_ask(command, tmp_path):
    (tmp_path / "mine.py").write_text("def build(hp):\n    raise RuntimeError('no luck')\n")
    line = "dataset=wine model._target_=mine.build"
    assert len(command(line).err.splitlines()) == 1
    told = command(f"{line} verbose=2").err
    assert 'mine.py", line 2, in build' in told
    assert told.splitlines()[-1].startswith("error: model: RuntimeError: no luck")


@pytest.mark.thorough
def test_a_sweep_over_strategies_and_seeds(command, tmp_path, store):
    ended = command(
        "-m strategy=random,bayesian seed=0,1 dataset=wine strategy.max_trials=1 training.epochs=1"
    )
    assert (ended.code, ended.err) == (0, "")
    found = runs(tmp_path)
    searches = of_kind("search", found)
    assert [run.info.status for run in searches] == ["FINISHED"] * 4
    assert [run.info.run_name for run in searches] == [
        f"wine-mlp-{strategy} seed {seed}" for strategy in ("random", "bayesian") for seed in (0, 1)
    ]
    made = histories(tmp_path)
    assert [history.begin.seed for history in made].count(1) == 2
    one, other = (history for history in made if history.begin.strategy == "random")
    assert scores(one) != scores(other)
    assert len({run.data.tags["pipeline.sweep"] for run in searches}) == 1
    (compared,) = of_kind("comparison", found)
    assert "4 searches on wine" in ended.out
    (path,) = tmp_path.glob("outputs/searches/sweeps/*/comparison.html")
    beside = path.read_text()
    client = MlflowClient(store)
    assert "comparison.html" in {file.path for file in client.list_artifacts(compared.info.run_id)}
    shutil.rmtree(tmp_path / "outputs")
    assert report([compared.info.run_id, "--uri", store]) == 0
    for page in (beside, (tmp_path / "comparison.html").read_text()):
        assert all(f"/runs/{run.info.run_id}" in page for run in searches)
        assert page.count('<tr class="completed">') == 8  # searches and trials


@pytest.mark.thorough
def test_a_failing_job_does_not_lose_the_others(command, tmp_path, store):
    ended = command("-m model=cnn,mlp dataset=wine strategy.max_trials=1 training.epochs=1")
    assert ended.code == 2
    assert ended.err.startswith("error: model: CNN needs images")
    assert len(ended.err.splitlines()) == 1
    (search,) = of_kind("search", runs(tmp_path))
    assert (search.data.tags["pipeline.model"], search.info.status) == ("mlp", "FINISHED")


def test_an_interruption_ends_a_sweep(command, tmp_path, store):
    (tmp_path / "mine.py").write_text(
        "import keras\n\n\n"
        "class Stop(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        raise KeyboardInterrupt\n"
    )
    ended = command(f"-m seed=0,1 {TINY} +callbacks.stop._target_=mine.Stop")
    assert ended.code == 130
    assert ended.err == "interrupted; the same command continues this sweep\n"
    assert {run.info.status for run in runs(tmp_path)} == {"KILLED"}
    assert len(histories(tmp_path)) == 1


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(signal.SIGINT, id="interrupted"),
        pytest.param(signal.SIGKILL, id="killed", marks=pytest.mark.thorough),  # see test_faults.py
    ],
)
def test_the_same_command_continues(how, command, tmp_path, store):
    process = start(LONG, tmp_path)
    wait_for_second_trial(tmp_path, process)
    process.send_signal(signal.SIGSTOP)  # while another process tries the same search
    second = command(LONG)
    assert second.code == 2
    assert "is being run by another process" in second.err
    assert "resume=never" in second.err
    process.send_signal(how)
    process.send_signal(signal.SIGCONT)
    ended = Ended(*process.wait())
    (begun,) = histories(tmp_path)
    assert 1 <= len(scores(begun)) < 3
    if how is signal.SIGINT:
        assert ended.code == 130
        assert ended.err == "interrupted; the same command continues this search\n"
        statuses = [run.info.status for run in runs(tmp_path)]
        assert statuses.count("KILLED") >= 2  # the search, and the trial that was running
        assert set(statuses) <= {"KILLED", "FINISHED"}

    again = command(LONG)
    assert (again.code, again.err) == (0, "")
    (history,) = histories(tmp_path)
    assert history.begin.search == begun.begin.search
    assert [attempt.begin.trial for attempt in history.attempts] == ["0000", "0001", "0002"]
    assert scores(history)[: len(scores(begun))] == scores(begun)
    found = runs(tmp_path)
    assert {run.info.status for run in found} == {"FINISHED"}
    assert len(of_kind("search", found)) == 1
    assert sorted(run.data.tags["pipeline.trial"] for run in of_kind("trial", found)) == [
        *("0000", "0001", "0002")
    ]
    if how is signal.SIGKILL:
        assert command(f"{LONG} resume=never").code == 0
        assert scores(histories(tmp_path)[-1]) == scores(history)  # as if nothing had happened


def wait_for_second_trial(folder: Path, process: Warm) -> None:
    """Wait until the second trial has trained some epochs."""
    patience = time.monotonic() + 120
    while time.monotonic() < patience and process.poll() is None:
        for journal in folder.glob(f"outputs/searches/*/{FILE_NAME}"):
            told = [record for _, record in follow(journal.parent)]
            if any(getattr(record, "trial", None) == "0001" for record in told[:-3]):
                return
        time.sleep(0.05)
    pytest.fail(f"the second trial did not start: {process.poll()}")
