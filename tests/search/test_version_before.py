"""What the version before left behind is read and continued.

`version_before/` was made by the code of 2026-11-29, before it was regrouped into packages:
`interrupted.zip` is the folder of a search that Ctrl-C ended within its third trial, with its
checkpoint and its MLflow database; `whole.jsonl` is the journal of the same search, uninterrupted.
"""

import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.journal import read
from pipeline.journal.callbacks import Status
from pipeline.results import load_search
from tests.stories import runs

MADE = Path(__file__).parent / "version_before"
MADE_IN = "/home/before/interrupted"
LINE = (
    "dataset=digits model=mlp strategy=random strategy.max_trials=4 training.epochs=4 "
    "training.batch_size=64 checkpoint.every_seconds=0 hyperparameters.layers=1 "
    "hyperparameters.units=[16,32] seed=3"
)


@pytest.fixture
def interrupted(tmp_path) -> Path:
    """The folder of the interrupted search, as if it had been run in the folder of this test."""
    zipfile.ZipFile(MADE / "interrupted.zip").extractall(tmp_path)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        for column, table in (("artifact_uri", "runs"), ("artifact_location", "experiments")):
            moved = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
            database.execute(moved, (MADE_IN, str(tmp_path)))
        database.commit()
    (folder,) = (tmp_path / "outputs/searches").iterdir()
    position = folder / "tracking.json"
    position.write_text(position.read_text().replace(MADE_IN, str(tmp_path)))
    return folder


@pytest.fixture
def uninterrupted(tmp_path):
    folder = tmp_path / "whole"
    folder.mkdir()
    (folder / "journal.jsonl").write_bytes((MADE / "whole.jsonl").read_bytes())
    return read(folder)


def test_is_continued_to_the_trials_of_an_uninterrupted_one(interrupted, uninterrupted, command):
    store = f"sqlite:///{interrupted.parents[2]}/mlflow.db"
    ended = command(LINE)
    assert ended.code == 0, ended.err
    assert f"Continuing {interrupted.name} at trial 0002" in ended.out
    assert [path.name for path in interrupted.parent.iterdir()] == [interrupted.name]
    history = read(interrupted)
    ours, theirs = history.ranked(), uninterrupted.ranked()
    assert [one.begin.hyperparameters for one in ours] == [
        one.begin.hyperparameters for one in theirs
    ]
    # Another processor adds up in another order.
    assert [one.end.score for one in ours] == pytest.approx(
        [one.end.score for one in theirs], rel=0.02
    )
    continued = [epoch.epoch for one in ours if one.begin.trial == "0002" for epoch in one.epochs]
    assert continued == [0, 1, 2, 3]
    shown = runs(store)
    assert len(shown) == 5
    assert {run.info.status for run in shown.values()} == {"FINISHED"}


def test_is_read(interrupted):
    search = load_search(interrupted)
    assert search.history.end.status is Status.INTERRUPTED
    assert list(search.trials["trial"]) == ["0000", "0001", "0002"]
    (parent,) = {
        name: run for name, run in runs(_store(interrupted)).items() if "trial" not in name
    }
    alone = load_search(runs(_store(interrupted))[parent].info.run_id, _store(interrupted))
    assert alone.history == search.history


def _store(folder: Path) -> str:
    return f"sqlite:///{folder.parents[2]}/mlflow.db"
