"""What may be given as a tracking store's address."""

import contextlib
import os
import re
import sqlite3
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pipeline.configuration.secrets import redact
from pipeline.tracking.addresses import is_http, resolve, sqlite_path
from pipeline.tracking.store import connect

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_ALLOWED = "allowed are for example sqlite:///mlflow.db and http://host:port"


def check_uri(uri: str, experiment: str | None = None) -> None:
    """Refuse an address that can never work; a server that is merely down is none.

    Args:
        uri: The store's address.
        experiment: Name of the experiment to look at as well, if the store is a SQLite file.

    Raises:
        ValueError: MLflow cannot use the address; one sentence says what was received and what
            is allowed.

    Example:
        >>> check_uri("sqlite:///mlflow.db")
    """
    shown = redact(uri)
    scheme = re.split("[:+]", uri)[0] if ":" in uri or uri == "databricks" else ""
    if is_http(uri):
        parts = urlsplit(uri)
        if not parts.hostname or not _port_is_valid(uri) or parts.query or parts.fragment:
            raise ValueError(f"received {shown!r}, which is no address of a server; {_ALLOWED}")
        return
    if scheme in ("", "file"):
        raise ValueError(
            f"received {shown!r}, but MLflow keeps nothing in plain folders any more; {_ALLOWED} "
            "(`mlflow migrate-filestore` moves what such a folder holds into a database)"
        )
    if scheme not in _DATABASES:
        raise ValueError(f"received {shown!r}, whose scheme {scheme!r} is unknown; {_ALLOWED}")
    try:
        address = sqlalchemy.engine.make_url(uri)
        sqlalchemy.create_engine(address)
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        raise ValueError(f"received {shown!r}, which is no database's address; {_ALLOWED}") from (
            None if shown != uri else error
        )
    except ImportError as error:
        raise ValueError(
            f"received {shown!r}, which needs the Python package {error.name}; {_ALLOWED}"
        ) from error
    if scheme == "sqlite":
        _check_sqlite(uri, experiment)


def _check_sqlite(uri: str, experiment: str | None) -> None:
    """Open the file, which MLflow would try for 100 seconds, and look at its schema."""
    path = sqlite_path(uri)
    if path is None:
        raise ValueError(f"received {uri!r}, which names no file; {_ALLOWED}")
    try:
        if path.exists():
            _open(path)
        else:
            _try_folder(path.absolute().parent)
    except OSError as error:
        raise ValueError(
            f"received {uri!r}, whose folder cannot be written: {error.strerror}; {_ALLOWED}"
        ) from error
    except sqlite3.Error as error:
        raise ValueError(f"received {uri!r}, but {error}; {_ALLOWED}") from error
    if path.exists() and path.stat().st_size:
        _check_schema(uri, experiment)


def _open(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA schema_version")
    if not os.access(path, os.W_OK):
        raise PermissionError(f"{path} cannot be written")


def _try_folder(folder: Path) -> None:
    """Write into a folder, making it if need be, and leave nothing behind."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    finally:
        for place in missing:
            with contextlib.suppress(OSError):  # never made, or in use by now
                place.rmdir()


def _check_schema(uri: str, experiment: str | None) -> None:
    try:
        client = MlflowClient(resolve(uri))
        if experiment is not None and client.get_experiment_by_name(experiment) is not None:
            connect(uri, experiment)
    except MlflowException as error:
        reason = " ".join(error.message.split())
        raise ValueError(f"received {uri!r}, which MLflow cannot use: {reason}") from error


def _port_is_valid(uri: str) -> bool:
    try:
        urlsplit(uri).port  # noqa: B018  # reading it checks it
    except ValueError:
        return False
    return True
