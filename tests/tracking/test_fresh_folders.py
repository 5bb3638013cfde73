"""Searches that are killed, or begin two at once, while MLflow's database is being made."""

import random
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.tracking import Tracking, check_uri
from pipeline.tracking.__main__ import DELIVERED, UNREACHABLE
from tests.commands import start
from tests.stories import EXPERIMENT, Story, runs
from tests.warm import context

FOLDERS = range(10)
WINE = "dataset=wine strategy.max_trials=1 training.epochs=1"
MAKING = 1.5  # seconds, about


def kill_while_it_makes(process, path: Path, number: int) -> None:
    """Kill a process at a random moment after it has begun with the database."""
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.005)
    time.sleep(random.Random(number).uniform(0, MAKING))
    process.kill()


def _deliver(folder: Path) -> None:
    from pipeline.tracking.__main__ import main

    raise SystemExit(main([str(folder)]))


def delivery(folder: Path):
    """Start `python -m pipeline.tracking`."""
    process = context().Process(target=_deliver, args=(folder,), daemon=True)
    process.start()
    return process


def search(name: str, folder: Path, uri: str) -> Path:
    """Write a search's folder."""
    Story(search=name, name=name).begin().trial(name).end().write(folder / name)
    Tracking(folder / name, uri=uri, experiment=EXPERIMENT, registered_model=None)
    return folder / name


@pytest.mark.sampled("0", "1", "2")
@pytest.mark.parametrize("number", FOLDERS)
def test_deliveries(number, tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    searches = [search(name, tmp_path, uri) for name in ("s1", "s2")]
    first = delivery(searches[0])
    kill_while_it_makes(first, tmp_path / "mlflow.db", number)
    first.join()
    both = [delivery(folder) for folder in searches]
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [DELIVERED, DELIVERED]
    assert set(runs(uri)) == {"s1", "trial s1", "s2", "trial s2"}
    assert {run.info.status for run in runs(uri).values()} == {"FINISHED"}


@pytest.mark.thorough
@pytest.mark.parametrize("number", FOLDERS)
def test_searches(number, tmp_path):
    first = start(WINE, tmp_path)
    kill_while_it_makes(first, tmp_path / "mlflow.db", number)
    for process in [start(WINE, tmp_path), start(f"{WINE} seed=1", tmp_path)]:
        code, out, err = process.wait()
        assert (code, err) == (0, ""), out
        assert "MLflow does not have" not in out
        assert "MLflow is told later" not in out
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = MlflowClient(uri)
    found = client.search_runs([client.get_experiment_by_name("wine").experiment_id])
    assert {run.info.status for run in found} == {"FINISHED"}
    assert len(found) == 4  # two searches of a trial each
    assert len(client.search_model_versions("name='wine-mlp'")) == 2


def _open_plainly(uri: str) -> None:
    MlflowClient(uri)


@pytest.mark.sampled("3")
@pytest.mark.parametrize("number", FOLDERS)
def test_what_mlflow_itself_has_half_made_is_recognized(number, tmp_path):
    """As `mlflow ui` in the same folder may."""
    path = tmp_path / "mlflow.db"
    uri = f"sqlite:///{path}"
    other = context().Process(target=_open_plainly, args=(uri,), daemon=True)
    other.start()
    kill_while_it_makes(other, path, number)
    other.join()
    told = check_uri(uri, EXPERIMENT)
    late = delivery(search("s1", tmp_path, uri))
    late.join()
    if told is None:
        assert late.exitcode == DELIVERED
        assert set(runs(uri)) == {"s1", "trial s1"}
    else:
        assert "is half-made: the process that makes it was killed" in told
        assert late.exitcode == UNREACHABLE
