"""Where MLflow keeps a search: what may be given as its address, and what is found there."""

import contextlib
import os
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import sqlalchemy
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pipeline.tracking.runs import Key

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_ALLOWED = "allowed are for example sqlite:///mlflow.db and http://host:port"
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}  # its page shows runs
_PAGE = 1000
_ERROR_LENGTH = 300


class TrackingError(ValueError):
    """MLflow is there but cannot keep the search; the message is one sentence."""


@dataclass(frozen=True)
class Store:
    """An experiment in a tracking store.

    Attributes:
        client: Talks to the store.
        experiment: The experiment's identifier.
    """

    client: MlflowClient
    experiment: str

    def find_runs(self, search: str) -> dict[Key, str]:
        """Find the runs of a search.

        A run that exists twice, because its creation was repeated when the answer to the first
        request was lost, is deleted once.

        Args:
            search: The search's identifier.

        Returns:
            Run identifiers by what they are of.
        """
        found: dict[Key, str] = {}
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment],
                f"tags.`pipeline.search` = {_quoted(search)}",
                max_results=_PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            for run in page:
                if run.data.tags.get("pipeline.kind") not in ("search", "trial"):
                    continue
                key = _key(run.data.tags)
                if key in found:
                    self.client.delete_run(run.info.run_id)
                else:
                    found[key] = run.info.run_id
            token = page.token
            if not token:
                return found


def connect(uri: str, experiment: str) -> Store:
    """Open an experiment, creating it if there is none of that name.

    Args:
        uri: The store's address.
        experiment: The experiment's name.

    Returns:
        The experiment.

    Raises:
        TrackingError: The experiment cannot keep the search.
        Exception: Whatever MLflow raises if the store cannot be reached.
    """
    absolute = resolve(uri)
    client = MlflowClient(absolute)
    known = client.get_experiment_by_name(experiment)
    if known is None:
        location = _artifacts(absolute, experiment)
        return Store(client, client.create_experiment(experiment, location, tags=_EXPERIMENT_TAGS))
    if known.lifecycle_stage != "active":
        raise TrackingError(
            f"the MLflow experiment {experiment!r} at {redact(uri)} was deleted; restore it with "
            f"`mlflow experiments restore --experiment-id {known.experiment_id}` or choose "
            "another tracking.experiment"
        )
    if known.artifact_location.startswith("mlflow-artifacts:") and not _is_http(uri):
        raise TrackingError(
            f"the MLflow experiment {experiment!r} at {redact(uri)} was created by an MLflow "
            "server, which alone can keep its artifacts; use the server's address "
            "(http://host:port) or choose another tracking.experiment"
        )
    return Store(client, known.experiment_id)


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
    scheme = uri.partition(":")[0].partition("+")[0] if ":" in uri else ""
    if _is_http(uri):
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


def redact(uri: str) -> str:
    """Return an address without its secrets: user, password and query.

    Args:
        uri: A tracking store's address, valid or not.

    Returns:
        The address as it may be shown and stored; the same as `uri` if it holds no secret.

    Example:
        >>> redact("https://me:secret@example.org?token=1")
        'https://***@example.org?***'
    """
    if uri.startswith("sqlite:"):
        return uri
    hidden = re.sub(r"^([A-Za-z][\w+.-]*:/*)?.*@", r"\1***@", uri, flags=re.DOTALL)
    return re.sub(r"\?.*", "?***", hidden, flags=re.DOTALL)


def hide(uri: str, text: str) -> str:
    """Return a text, such as an error's, without the secrets of an address.

    Args:
        uri: The address.
        text: What may quote it, whole or in part.

    Returns:
        The text as it may be shown.
    """
    shown = redact(uri)
    if shown == uri:
        return text
    parts = urlsplit(uri)
    user = parts.netloc.rpartition("@")[0]
    text = text.replace(uri, shown)
    for secret in filter(None, (user, parts.query, *user.split(":", 1))):
        text = text.replace(secret, "***").replace(unquote(secret), "***")
    return text


def describe_error(uri: str, error: Exception) -> str:
    """Return what went wrong with a store in one line, without the secrets of its address.

    Args:
        uri: The store's address.
        error: What MLflow, or something below it, raised.

    Returns:
        The line, of 300 characters at most.
    """
    text = error.message if isinstance(error, MlflowException) else str(error)
    return hide(uri, " ".join(text.split()) or type(error).__name__)[:_ERROR_LENGTH]


def resolve(uri: str) -> str:
    """Return an address that means the same from any working directory."""
    path = _sqlite_path(uri)
    if path is None:
        return uri
    address = sqlalchemy.engine.make_url(uri).set(database=str(path.absolute()))
    return address.render_as_string(hide_password=False)


def viewing(uri: str) -> str:
    """Return how to see the store in a browser.

    Args:
        uri: The store's address.

    Returns:
        A shell command, or the address to open.

    Example:
        >>> viewing("sqlite:///mlflow.db")
        'mlflow ui'
    """
    if _is_http(uri):
        return redact(uri)
    # Plain `mlflow ui` shows ./mlflow.db, unless an old ./mlruns with experiments is beside it.
    is_default = resolve(uri) == resolve("sqlite:///mlflow.db")
    if is_default and not any(Path("mlruns").glob("[0-9]*/meta.yaml")):
        return "mlflow ui"
    return f"mlflow ui --backend-store-uri {redact(uri)}"


def _artifacts(uri: str, experiment: str) -> str | None:
    """Return where an experiment's artifacts go: into `mlruns` beside a SQLite file.

    MLflow's own choice is `mlruns` in the working directory; a server chooses for itself.
    """
    path = _sqlite_path(uri)
    if path is None:
        return None
    return (path.parent / "mlruns" / re.sub(r"[^\w.-]", "-", experiment)).as_uri()


def _sqlite_path(uri: str) -> Path | None:
    """Return the file of a SQLite address; None for any other, or one that names no file."""
    if not uri.startswith("sqlite"):
        return None
    database = sqlalchemy.engine.make_url(uri).database
    return None if database in (None, "", ":memory:") else Path(database)


def _check_sqlite(uri: str, experiment: str | None) -> None:
    """Open the file, which MLflow would try for 100 seconds, and look at its schema."""
    path = _sqlite_path(uri)
    if path is None:
        raise ValueError(f"received {uri!r}, which names no file; {_ALLOWED}")
    existed = path.exists()
    try:
        _open(path)
    except (sqlite3.Error, OSError) as error:
        raise ValueError(f"received {uri!r}, but {error}; {_ALLOWED}") from error
    finally:
        if not existed:
            path.unlink(missing_ok=True)
    if existed and path.stat().st_size:
        _check_schema(uri, experiment)


def _open(path: Path) -> None:
    nearest = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not os.access(nearest, os.W_OK):
        raise PermissionError(f"{nearest} cannot be written")
    if nearest != path and not nearest.is_dir():
        raise NotADirectoryError(f"{nearest} is no folder")
    if path.parent.exists():
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA schema_version")


def _check_schema(uri: str, experiment: str | None) -> None:
    try:
        client = MlflowClient(resolve(uri))
        if experiment is not None and client.get_experiment_by_name(experiment) is not None:
            connect(uri, experiment)
    except MlflowException as error:
        reason = " ".join(error.message.split())
        raise ValueError(f"received {uri!r}, which MLflow cannot use: {reason}") from error


def _is_http(uri: str) -> bool:
    return uri.startswith(("http://", "https://"))


def _port_is_valid(uri: str) -> bool:
    try:
        urlsplit(uri).port  # noqa: B018  # reading it checks it
    except ValueError:
        return False
    return True


def _quoted(value: str) -> str:
    """Return a string for MLflow's filters, which know no escapes."""
    return f'"{value}"' if "'" in value else f"'{value}'"


def _key(tags: Mapping[str, str]) -> Key:
    if tags["pipeline.kind"] == "search":
        return None
    return tags["pipeline.trial"], int(tags["pipeline.attempt"])
