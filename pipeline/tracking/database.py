"""A SQLite file as MLflow's database: made whole or not at all, and never migrated unasked.

MLflow makes its tables in the file itself, by some seventy migrations in several transactions: a
process that is killed in between, or joined by a second one, leaves what no later one can open or
finish. Here they are made in memory and written in one transaction. SQLite's lock on the file has
other processes wait until it is over, and ends with the process that holds it; as the file stays
the same one, so do those beside it that SQLite keeps, and whoever has it open sees the tables.
"""

import contextlib
import functools
import shlex
import sqlite3
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy.engine import ExceptionContext

_PATIENCE = 5.0
_MAKING_PATIENCE = 60.0  # while another process makes the tables, which takes seconds
_MAGIC = b"SQLite format 3\0"
_OF_DUMPS = ("BEGIN TRANSACTION;", "COMMIT;")
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class DatabaseError(ConnectionError):
    """MLflow cannot use a SQLite file now; the message is a sentence on why and what to do."""


def is_database(path: Path) -> bool:
    """Whether a file is SQLite's, is empty or was so before it was damaged.

    Args:
        path: A file.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        beginning = file.read(len(_MAGIC))
    return beginning == _MAGIC or not any(beginning)  # zeros are what a power cut leaves


def is_ready(path: Path, patience: float | None = None) -> bool:
    """Whether a file has all of MLflow's tables; nothing is written.

    Args:
        path: The file.
        patience: Seconds to wait while another process has it locked.

    Returns:
        False if there is no such file, or nothing of MLflow's in it.

    Raises:
        DatabaseError: MLflow cannot use it.
    """
    if not path.exists() or not path.stat().st_size:
        return False
    with _opened(path, _PATIENCE if patience is None else patience) as connection:
        return _has_tables(connection, path)


def make(path: Path) -> None:
    """Write MLflow's tables into a file, unless another process has; it need not exist.

    Args:
        path: The file.

    Raises:
        DatabaseError: They cannot be written, or MLflow cannot use what is there.
        OSError: The folder cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _opened(path, _MAKING_PATIENCE) as connection:
        connection.execute("BEGIN IMMEDIATE")  # closing it without a COMMIT takes all back
        if not _has_tables(connection, path):
            connection.execute("DROP TABLE IF EXISTS alembic_version")  # which is empty
            for statement in _statements():
                connection.execute(statement)
        connection.execute("COMMIT")


def _reconnect(context: ExceptionContext) -> None:
    """Let SQLAlchemy open a file anew that somebody has removed or replaced, as a server gone."""
    code = getattr(context.original_exception, "sqlite_errorcode", None)
    context.is_disconnect |= code == sqlite3.SQLITE_READONLY_DBMOVED


# MLflow keeps its connections open, and would write into the file that is gone for ever.
sqlalchemy.event.listen(sqlalchemy.Engine, "handle_error", _reconnect)


@contextlib.contextmanager
def _opened(path: Path, patience: float) -> Iterator[sqlite3.Connection]:
    """Open a file; what SQLite raises becomes a sentence."""
    try:
        connection = sqlite3.connect(path, timeout=patience, isolation_level=None)
        with contextlib.closing(connection):
            yield connection
    except sqlite3.Error as error:
        raise DatabaseError(f"{path} {_failure(error)}") from error


def _failure(error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest is its details
    if code in _BUSY:
        return "is locked by another process"
    if code in _DAMAGED:
        return f"is damaged ({error}); put a copy in its place, or move it away: a new one is made"
    return f"cannot be used: {error}"


def _has_tables(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether it has all of MLflow's tables, as this MLflow needs them; False if it has none."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    tables = {name for (name,) in connection.execute(query)}
    revisions = []
    if "alembic_version" in tables:
        revisions = [one for (one,) in connection.execute("SELECT * FROM alembic_version")]
    if not revisions and not tables & _expected():
        return False
    is_halfway = any(name.startswith("_alembic_tmp_") for name in tables)
    if revisions == [_revision()] and tables >= _expected() and not is_halfway:
        return True
    is_halfway |= not revisions
    raise DatabaseError(f"{path} {_fault(connection, path, tables, is_halfway)}")


def _fault(
    connection: sqlite3.Connection, path: Path, tables: AbstractSet[str], is_halfway: bool
) -> str:
    """Say why MLflow cannot use the tables that are there, and what to do."""
    if not tables & _expected():
        return "is another program's database; choose another tracking.uri"
    # MLflow puts an experiment into it as soon as it is made, before anything else.
    if "experiments" not in tables or not _has_rows(connection, "experiments"):
        return (
            "is half-made: the process that makes it was killed, or is not done yet. If none runs, "
            "remove the file, which holds nothing: a new one is made"
        )
    if is_halfway:
        return (
            "was left by a process that was killed while it migrated it; put a copy in its place, "
            "or move it away: a new one is made"
        )
    uri = shlex.quote(f"sqlite:///{path.absolute()}")
    return (
        "has another MLflow version's tables; if that was an older one, copy the file, then run: "
        f"mlflow db upgrade {uri}"
    )


def _has_rows(connection: sqlite3.Connection, table: str) -> bool:
    (found,) = connection.execute(f"SELECT EXISTS (SELECT 1 FROM {table})").fetchone()
    return bool(found)


@functools.cache
def _expected() -> frozenset[str]:
    """Return the tables without which MLflow migrates a file."""
    return frozenset(_utils().Base.metadata.tables)


@functools.cache
def _revision() -> str:
    """Return the version of the tables that this MLflow needs."""
    return str(_utils()._get_latest_schema_revision())


def _statements() -> list[str]:
    """Return the SQL that makes MLflow's tables."""
    engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.pool.StaticPool)
    try:
        _utils()._initialize_tables(engine)
        connection = engine.raw_connection().driver_connection
        assert isinstance(connection, sqlite3.Connection)
        return [line for line in connection.iterdump() if line not in _OF_DUMPS]
    finally:
        engine.dispose()


def _utils() -> Any:
    from mlflow.store.db import utils  # which only a database needs

    return utils
