"""A SQLite file is made whole or not at all; what MLflow cannot use is told, and stays as it is."""

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import threading
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pipeline.tracking import Tracking, check_uri, database
from pipeline.tracking.__main__ import DELIVERED, UNREACHABLE, main
from pipeline.tracking.addresses import describe_error
from pipeline.tracking.database import DatabaseError
from pipeline.tracking.retrieval import history_of_run
from pipeline.tracking.store import connect
from tests.stories import EXPERIMENT, Story, courier, runs
from tests.warm import context

SCHEMA = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"


def sql(path: Path, *statements: str) -> list:
    """Execute statements; return what the last one found."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [connection.execute(statement).fetchall() for statement in statements][-1]


def dump(path: Path) -> list[str]:
    """Return the statements that make a file's tables, which cost MLflow a second."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [line for line in connection.iterdump() if line not in database._OF_DUMPS]


@pytest.fixture
def quickly(empty_store, monkeypatch):
    """Have the tables made without MLflow."""
    monkeypatch.setattr(database, "_statements", lambda: dump(empty_store))


def test_the_tables_are_those_that_mlflow_makes(empty_store, tmp_path):
    MlflowClient(f"sqlite:///{tmp_path}/plain.db")
    ours, plain = (
        [
            (kind, name, sorted((text or "").replace(",", "").splitlines()))
            for kind, name, text in sql(path, SCHEMA)
        ]
        for path in (empty_store, tmp_path / "plain.db")
    )
    assert ours == plain
    assert len(plain) > 100


def _make_and_die(path: Path, source: Path, number: int) -> None:
    def statements():
        for count, statement in enumerate(dump(source)):
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            yield statement

    database._statements = statements
    sqlite3.connect = _with_a_small_cache(sqlite3.connect)
    database.make(path)


def _with_a_small_cache(connect_):
    """Have SQLite write into the file before the end, as it does with large ones."""

    def connected(*arguments, **options):
        connection = connect_(*arguments, **options)
        connection.execute("PRAGMA cache_size = 1")
        return connection

    return connected


@pytest.mark.parametrize("number", [0, 70, 140])
def test_who_is_killed_while_writing_leaves_nothing(number, empty_store, tmp_path, quickly):
    path = tmp_path / "new.db"
    process = context().Process(target=_make_and_die, args=(path, empty_store, number))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert path.exists()
    assert (path.stat().st_size > 0) == (number > 0)  # something was written, and is taken back
    assert not database.is_ready(path)
    database.make(path)
    assert database.is_ready(path)
    assert sql(path, SCHEMA) == sql(empty_store, SCHEMA)
    assert [one.name for one in tmp_path.iterdir()] == ["new.db"]


def test_a_second_one_waits_and_finds_it_made(empty_store, tmp_path, monkeypatch):
    path = tmp_path / "new.db"
    second = threading.Thread(target=database.make, args=(path,))

    def statements():
        monkeypatch.setattr(database, "_statements", lambda: pytest.fail("made twice"))
        second.start()
        second.join(0.3)
        assert second.is_alive()
        return dump(empty_store)

    monkeypatch.setattr(database, "_statements", statements)
    database.make(path)
    second.join()  # what it raises fails the test as a warning
    assert database.is_ready(path)


def test_who_has_the_file_open_sees_the_tables(tmp_path, quickly):
    path = tmp_path / "new.db"
    sql(path, "PRAGMA journal_mode = WAL", "CREATE TABLE mine (x)", "INSERT INTO mine VALUES (7)")
    with contextlib.closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT x FROM mine").fetchall() == [(7,)]
        assert (tmp_path / "new.db-wal").exists()
        assert not database.is_ready(path)
        database.make(path)
        assert other.execute("SELECT count(*) FROM runs").fetchall() == [(0,)]
    assert database.is_ready(path)
    assert sql(path, "PRAGMA journal_mode") == [("wal",)]
    assert sql(path, "SELECT x FROM mine") == [(7,)]


def test_a_full_disk(full_disk, quickly):
    path = full_disk / "new.db"
    with pytest.raises(DatabaseError, match=r"new\.db cannot be used: database or disk is full"):
        database.make(path)
    assert not database.is_ready(path)


def test_a_disk_that_cannot_be_written(full_disk):
    sql(full_disk / "new.db", "CREATE TABLE mine (x)")
    subprocess.run(["mount", "-o", "remount,ro", str(full_disk)], check=True)
    for name in ("new.db", "other.db"):
        with pytest.raises(ValueError, match=f"{name}', which cannot be written: [A-Z][a-z-]+ "):
            check_uri(f"sqlite:///{full_disk}/{name}", EXPERIMENT)


EMPTY = "DELETE FROM experiments"
HALF_MADE = "is half-made: the process that makes it was killed, or is not done yet. If none runs, "
MIGRATED = "was left by a process that was killed while it migrated it; put a copy in its place"
OTHER = "has another MLflow version's tables; if that was an older one, copy the file, then run: "
UNUSABLE = {
    "altered halfway": ([EMPTY, "CREATE TABLE _alembic_tmp_experiments (x)"], HALF_MADE),
    "made halfway": ([EMPTY, "DROP TABLE secrets", "DELETE FROM alembic_version"], HALF_MADE),
    "before its last steps": ([EMPTY, "UPDATE alembic_version SET version_num = 'x'"], HALF_MADE),
    "migrated halfway": (["CREATE TABLE _alembic_tmp_runs (x)"], MIGRATED),
    "without a version": (["DELETE FROM alembic_version"], MIGRATED),
    "older": (["DROP TABLE secrets", "UPDATE alembic_version SET version_num = 'x'"], OTHER),
    "newer": (["UPDATE alembic_version SET version_num = 'x'"], f"{OTHER}mlflow db upgrade sqlite"),
}


@pytest.fixture
def folder(tmp_path, store):
    """A search that was not delivered yet."""
    folder = Story().begin().trial().end().write(tmp_path / "s1")
    Tracking(folder, uri=store, experiment=EXPERIMENT, registered_model=None)
    return folder


def assert_told(says: str, folder: Path, uri: str, capfd) -> None:
    """Assert that a file is not used, with one sentence, and stays as it is."""
    path = Path(uri.removeprefix("sqlite:///"))
    before = path.read_bytes()
    told = check_uri(uri, EXPERIMENT)
    assert told is not None
    assert says in told
    with pytest.raises(DatabaseError, match=re.escape(says)):
        connect(uri, EXPERIMENT)
    with pytest.raises(ConnectionError, match=f"cannot be read: {re.escape(told)}"):
        history_of_run("0" * 32, uri)
    capfd.readouterr()
    assert main([str(folder)]) == UNREACHABLE
    out, error = capfd.readouterr()
    assert out == ""
    assert error == f"error: 6 records could not be delivered to {uri}: {told}\n"
    assert path.read_bytes() == before


@pytest.mark.parametrize("case", UNUSABLE)
def test_tables_that_mlflow_cannot_use(case, folder, store, empty_store, capfd):
    statements, says = UNUSABLE[case]
    path = Path(store.removeprefix("sqlite:///"))
    sql(path, *statements)
    assert_told(says, folder, store, capfd)
    path.write_bytes(empty_store.read_bytes())
    assert main([str(folder)]) == DELIVERED
    assert set(runs(store)) == {"digits-mlp-random", "trial 0000"}


def test_another_programs_file(folder, store, capfd):
    path = Path(store.removeprefix("sqlite:///"))
    path.unlink()
    sql(path, "CREATE TABLE alembic_version (x)", "INSERT INTO alembic_version VALUES ('v3')")
    assert_told("is another program's database; choose another tracking.uri", folder, store, capfd)


@pytest.mark.parametrize("damage", ["zeros", "cut off", "overwritten"])
def test_a_damaged_file(damage, folder, store, capfd):
    path = Path(store.removeprefix("sqlite:///"))
    whole = path.read_bytes()
    damaged = {
        "zeros": bytes(len(whole)),
        "cut off": whole[: len(whole) // 3],
        "overwritten": whole[:200] + bytes(50_000) + whole[50_200:],
    }
    path.write_bytes(damaged[damage])
    says = "put a copy in its place, or move it away: a new one is made"
    assert_told(says, folder, store, capfd)


def test_a_locked_file(folder, store, capfd, monkeypatch):
    monkeypatch.setattr(database, "_PATIENCE", 0.1)
    with contextlib.closing(sqlite3.connect(store.removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert_told("is locked by another process", folder, store, capfd)
    assert main([str(folder)]) == DELIVERED


def test_what_sqlite_says_while_a_file_is_written_to(folder, store, capfd):
    """MLflow shows it with a traceback and the SQL."""
    one = courier(folder, store)
    one.deliver()
    Story().begin().trial("0001").end().write(folder)
    sql(Path(store.removeprefix("sqlite:///")), "DROP TABLE metrics")
    with pytest.raises(MlflowException) as caught:
        one.deliver()
    assert describe_error(store, caught.value) == "no such table: metrics"
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("tested_untraced")
def test_a_search_begins_beside_a_half_made_file(command, tmp_path, store):
    sql(tmp_path / "mlflow.db", *UNUSABLE["made halfway"][0])
    ended = command("dataset=wine strategy.max_trials=1 training.epochs=1")
    assert (ended.code, ended.err) == (0, "")
    assert f"MLflow is told later, as it cannot be now: mlflow.db {HALF_MADE}" in ended.out
    named = re.search(r"^MLflow does not have \d+ records yet .*python -m (.*)$", ended.out, re.M)
    assert named is not None, ended.out
    (tmp_path / "mlflow.db").unlink()
    module, *arguments = named[1].split()
    assert command.run(module, arguments).code == DELIVERED
    assert "trial 0000" in runs(store, "wine")


@pytest.mark.parametrize("new", [False, True], ids=["removed", "replaced"])
def test_a_file_that_is_gone_while_a_search_writes(new, tmp_path, store, empty_store, quickly):
    """MLflow has the file open, and would write into the one that is gone for ever."""
    path = tmp_path / "mlflow.db"
    folder = Story().begin().trial("0000").write(tmp_path / "s1")
    one = courier(folder, store, "digits-mlp")
    one.deliver()
    path.unlink()
    if new:
        path.write_bytes(empty_store.read_bytes())
    Story().trial("0001").end().write(folder)
    with pytest.raises(MlflowException):
        one.deliver()
    one.deliver()  # as the search does
    assert set(runs(store)) == {"digits-mlp-random", "trial 0000", "trial 0001"}
    assert {run.info.status for run in runs(store).values()} == {"FINISHED"}


REMOVE = """
import os

import keras


class Remove(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            os.remove("mlflow.db")
"""


@pytest.mark.usefixtures("tested_untraced")
def test_a_search_goes_on_without_its_file(command, tmp_path, store, quickly):
    (tmp_path / "mine.py").write_text(REMOVE)
    line = "dataset=wine strategy.max_trials=1 training.epochs=2 +callbacks.x._target_=mine.Remove"
    ended = command(line)
    assert (ended.code, ended.err) == (0, "")
    assert "MLflow does not have" not in ended.out
    shown = runs(store, "wine")
    assert {run.info.status for run in shown.values()} == {"FINISHED"}
    assert shown.keys() == {"wine-mlp-random", "trial 0000"}
    (version,) = MlflowClient(store).search_model_versions("name = 'wine-mlp'")
    assert version.run_id == shown["wine-mlp-random"].info.run_id
