"""What may be given as a tracking store's address."""

import contextlib
import errno
import os
import re
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy

from pipeline.configuration.secrets import redact
from pipeline.tracking.addresses import describe_error, is_http, sqlite_path
from pipeline.tracking.database import is_database, is_ready

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_ALLOWED = "allowed are for example sqlite:///mlflow.db and http://host:port"
_PATIENCE = 1.0  # seconds; a search waits for the answer


def check_uri(uri: str, experiment: str | None = None) -> str | None:
    """Refuse an address that can never work; a server that is merely down is none.

    Nor is a SQLite file that is locked, damaged, half-made or of another MLflow version: that can
    be mended while a search runs.

    Args:
        uri: The store's address.
        experiment: Name of the experiment that shall be written to; it is looked at as well if
            the store is a SQLite file.

    Returns:
        One sentence on why MLflow cannot use a SQLite file now; None if it seems to work.

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
        return None
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
    return _check_sqlite(uri, experiment) if scheme == "sqlite" else None


def _check_sqlite(uri: str, experiment: str | None) -> str | None:
    """Look at the file, which MLflow would try to open for 100 seconds, and what is in it."""
    path = sqlite_path(uri)
    if path is None:
        raise ValueError(f"received {uri!r}, which names no file; {_ALLOWED}")
    try:
        if not path.exists():
            _try_folder(path.absolute().parent)
            return None
        if not is_database(path):
            raise ValueError(f"received {uri!r}, but {path} is not a database; {_ALLOWED}")
        if experiment is not None:
            _check_writable(path.absolute())
    except OSError as error:
        raise ValueError(
            f"received {uri!r}, which cannot be written: {error.strerror}; {_ALLOWED}"
        ) from error
    return _check_content(uri, path, experiment)


def _check_writable(path: Path) -> None:
    """Raise an error unless SQLite can write a file, and another beside it."""
    for place in (path, path.parent):
        if not os.access(place, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


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


def _check_content(uri: str, path: Path, experiment: str | None) -> str | None:
    """Look at what is in a SQLite file; return why MLflow cannot use it."""
    from pipeline.tracking.store import TrackingError, connect, open_client  # imports MLflow

    try:
        if not is_ready(path, _PATIENCE):
            return None
        client = open_client(uri)
        if experiment is not None and client.get_experiment_by_name(experiment) is not None:
            connect(uri, experiment)
    except TrackingError:
        raise
    except Exception as error:  # MLflow's are too many to list; the delivery meets each again
        return describe_error(uri, error)
    return None


def _port_is_valid(uri: str) -> bool:
    try:
        urlsplit(uri).port  # noqa: B018  # reading it checks it
    except ValueError:
        return False
    return True
