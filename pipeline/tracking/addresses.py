"""A tracking store's address: what it means, how it may be shown, and the pages behind it."""

import sqlite3
from pathlib import Path

import sqlalchemy

from pipeline.configuration.secrets import hide, redact
from pipeline.tracking.views import view_of

_LOCAL_SERVER = "http://127.0.0.1:5000"  # of plain `mlflow ui`
_SIDEBAR = "workflowType=machine_learning"  # MLflow 3 has another one for language models
_ERROR_LENGTH = 300


def describe_error(uri: str, error: Exception) -> str:
    """Return what went wrong with a store in one line, without the secrets of its address.

    Args:
        uri: The store's address.
        error: What MLflow, or something below it, raised.

    Returns:
        The line, of 300 characters at most.
    """
    from mlflow.exceptions import MlflowException  # takes seconds, which few searches need here

    text = error.message if isinstance(error, MlflowException) else str(error)
    *above, root = _causes(error)
    if any(type(cause).__module__.startswith("requests.") for cause in above):
        # What its layers say of it would fill lines before it comes to the reason.
        text = f"{redact(uri)} does not answer: {getattr(root, 'strerror', None) or root}"
    elif isinstance(error, MlflowException) and isinstance(root, sqlite3.Error):
        text = str(root)  # without the SQL
    return hide(uri, " ".join(text.split()) or type(error).__name__)[:_ERROR_LENGTH]


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error, what it was raised for, and so on to the first one."""
    further = error.__cause__ or error.__context__
    return [error] if further is None else [error, *_causes(further)]


def resolve(uri: str) -> str:
    """Return an address that means the same from any working directory."""
    path = sqlite_path(uri)
    if path is None:
        return uri
    address = sqlalchemy.engine.make_url(uri).set(database=str(path.absolute()))
    return address.render_as_string(hide_password=False)


def viewing(uri: str, experiment_id: str | None = None, search: str | None = None) -> str:
    """Return how to see an experiment's runs in a browser.

    Args:
        uri: The store's address.
        experiment_id: The experiment; None if it is not known.
        search: The search whose trials are looked for, with their scores; None for all runs.

    Returns:
        A shell command and the page to open, or the server's page. The page is named because
        MLflow 3 opens an experiment on its traces, of which there are none.

    Example:
        >>> viewing("sqlite:///mlflow.db", "1")
        'mlflow ui, then open http://127.0.0.1:5000/#/experiments/1/runs?workflowType=machine_learning'
    """
    runs = f"/#/experiments/{experiment_id}/runs?{_SIDEBAR}"
    if search is not None:
        runs += f"&viewStateShareKey={view_of(search)}"
    page = runs if experiment_id is not None else ""
    if is_http(uri):
        return f"{redact(uri).rstrip('/')}{page}"
    # Plain `mlflow ui` shows ./mlflow.db, unless an old ./mlruns with experiments is beside it.
    is_default = resolve(uri) == resolve("sqlite:///mlflow.db")
    is_shown = is_default and not any(Path("mlruns").glob("[0-9]*/meta.yaml"))
    command = "mlflow ui" if is_shown else f"mlflow ui --backend-store-uri {redact(uri)}"
    return f"{command}, then open {_LOCAL_SERVER}{page}" if page else command


def run_page(uri: str, experiment: str, run: str) -> str:
    """Return where a browser finds a run: at the server, or at a plain `mlflow ui`.

    Args:
        uri: The store's address.
        experiment: The experiment's identifier.
        run: The run's.

    Returns:
        The page, without the secrets of the address.
    """
    server = redact(uri).replace("***@", "").rstrip("/") if is_http(uri) else _LOCAL_SERVER
    return f"{server}/#/experiments/{experiment}/runs/{run}?{_SIDEBAR}"


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a SQLite address; None for any other, or one that names no file."""
    if not uri.startswith("sqlite"):
        return None
    database = sqlalchemy.engine.make_url(uri).database
    return None if database in (None, "", ":memory:") else Path(database)


def is_http(uri: str) -> bool:
    """Return whether the address is a server's."""
    return uri.startswith(("http://", "https://"))
