"""A search as MLflow alone keeps it, for when its folder is gone."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from pipeline.configuration.secrets import redact
from pipeline.journal.history import FILE_NAME as JOURNAL
from pipeline.journal.history import History, read
from pipeline.tracking import database, registry
from pipeline.tracking.addresses import describe_error, run_page, sqlite_path
from pipeline.tracking.checks import check_uri
from pipeline.tracking.store import Store, TrackingError, open_client

_UNKNOWN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def history_of_run(run_id: str, uri: str | None = None) -> History:
    """Read a search from the copy of its journal that MLflow has.

    The copy is complete once the search has ended. While it runs, and if it was killed, what
    happened in the last seconds may be missing.

    Args:
        run_id: The search's run, the parent of its trials' runs.
        uri: The tracking store; by default `MLFLOW_TRACKING_URI`, else `sqlite:///mlflow.db`.

    Returns:
        The search, equal to what `pipeline.journal.history.read` makes of its folder.

    Raises:
        ValueError: The address can never work, or the run is no search's; one sentence says why.
        ConnectionError: The store cannot be reached.
    """
    client, run = find_run(run_id, uri)
    return read_journal(client, run)


def read_journal(client: MlflowClient, run: Run) -> History:
    """Read a search from the copy of its journal on its run.

    Raises:
        ValueError: The run has none.
    """
    with downloaded(client, run, JOURNAL) as path:
        return read(path.parent)


@contextmanager
def downloaded(client: MlflowClient, run: Run, name: str) -> Iterator[Path]:
    """Download an artifact for a while.

    Raises:
        ValueError: The run does not have it.
    """
    run_id = run.info.run_id
    if name not in {file.path for file in client.list_artifacts(run_id)}:
        raise TrackingError(f"the run {run.info.run_name!r} ({run_id}) has no artifact {name}")
    with tempfile.TemporaryDirectory() as folder:
        client.download_artifacts(run_id, name, folder)
        yield Path(folder, name)


def trial_runs(run_id: str, uri: str | None = None) -> dict[str, str]:
    """Return the runs of a search's trials.

    Args:
        run_id: As of `history_of_run`.
        uri: As of `history_of_run`.

    Returns:
        The identifier of each trial's run by the trial's; that of its newest attempt.

    Raises:
        ValueError: As `history_of_run`.
        ConnectionError: As `history_of_run`.
    """
    return {trial: run.info.run_id for trial, run in _trials(*find_run(run_id, uri)).items()}


def trial_pages(run_id: str, uri: str | None = None) -> dict[str, str]:
    """Return where a browser finds the runs of a search's trials.

    Args:
        run_id: As of `history_of_run`.
        uri: As of `history_of_run`.

    Returns:
        The page of each trial's run by the trial: the server's, or that of a plain `mlflow ui`.

    Raises:
        ValueError: As `history_of_run`.
        ConnectionError: As `history_of_run`.
    """
    client, search = find_run(run_id, uri)
    experiment = search.info.experiment_id
    return {
        trial: run_page(client.tracking_uri, experiment, run.info.run_id)
        for trial, run in _trials(client, search).items()
    }


def best_model_of_run(run_id: str, uri: str | None = None) -> Any:
    """Load a search's best model from MLflow.

    Args:
        run_id: As of `history_of_run`.
        uri: As of `history_of_run`.

    Returns:
        The compiled Keras model. A module that defines classes of it must have been imported.

    Raises:
        ValueError: As `history_of_run`, or there is no model yet.
        ConnectionError: As `history_of_run`.
    """
    import mlflow.keras  # imports Keras, which only this needs

    client, run = find_run(run_id, uri)
    logged = registry.find_model(client, run)
    if logged is None:
        raise TrackingError(
            f"the run {run.info.run_name!r} ({run_id}) has no best model; it is logged when the "
            "search has ended"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = mlflow.artifacts.download_artifacts(
            artifact_uri=logged.artifact_location,
            dst_path=folder,
            tracking_uri=client.tracking_uri,
        )
        return mlflow.keras.load_model(path)


def runs_of_model(uri: str, experiment: str, model: str) -> list[tuple[str, str]]:
    """Return the searches of a model that an experiment has, the newest first.

    Args:
        uri: The tracking store.
        experiment: The experiment's name.
        model: The model, as the tag `pipeline.model` names it.

    Returns:
        Each search's identifier, and that of its run; none where there is no such experiment.

    Raises:
        ValueError: The address can never work.
        ConnectionError: The store cannot be reached.
    """
    if (obstacle := check_uri(uri)) is not None:
        raise ConnectionError(f"{redact(uri)} cannot be read: {obstacle}")
    path = sqlite_path(uri)
    if path is not None and not database.is_ready(path):
        return []
    client = open_client(uri)
    try:
        known = client.get_experiment_by_name(experiment)
        found = [] if known is None else [*Store(client, known.experiment_id).find_of_model(model)]
    except MlflowException as error:
        reason = describe_error(uri, error)
        raise ConnectionError(f"{redact(uri)} cannot be read: {reason}") from None
    newest = sorted(found, key=lambda run: int(run.info.start_time), reverse=True)
    return [(run.data.tags["pipeline.search"], run.info.run_id) for run in newest]


def _trials(client: MlflowClient, search: Run) -> dict[str, Run]:
    """Return the run of each trial's newest attempt."""
    found = Store(client, search.info.experiment_id).find_trials(search.info.run_id)
    attempts = sorted(found, key=lambda run: int(run.data.tags["pipeline.attempt"]))
    return {run.data.tags["pipeline.trial"]: run for run in attempts}


def kind_of_run(run_id: str, uri: str | None = None) -> str | None:
    """Return what a run is of: `search`, `trial` or `comparison`; None if it is not ours.

    Args:
        run_id: Any run.
        uri: As of `history_of_run`.

    Raises:
        ValueError: The address can never work, or it has no such run.
        ConnectionError: The store cannot be reached.
    """
    kind: str | None = _look_up(run_id, uri)[1].data.tags.get("pipeline.kind")
    return kind


def find_run(run_id: str, uri: str | None, kind: str = "search") -> tuple[MlflowClient, Run]:
    """Look up a run of a kind; nothing is created on the way.

    Args:
        run_id: The run.
        uri: As of `history_of_run`.
        kind: `search` or `comparison`.

    Raises:
        ValueError: As `kind_of_run`, or the run is of another kind.
        ConnectionError: The store cannot be reached.
    """
    client, run = _look_up(run_id, uri)
    found = run.data.tags.get("pipeline.kind")
    if found != kind:
        parent = run.data.tags.get(MLFLOW_PARENT_RUN_ID)
        hint = f", whose search is the run {parent}" if found == "trial" else ""
        what = f"a {found}" if found else "no run of this pipeline"
        raise TrackingError(f"a {kind}'s run is needed; the run {run_id} is {what}{hint}")
    return client, run


def _look_up(run_id: str, uri: str | None) -> tuple[MlflowClient, Run]:
    address = uri or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    if (obstacle := check_uri(address)) is not None:
        raise ConnectionError(f"{redact(address)} cannot be read: {obstacle}")
    path = sqlite_path(address)
    if path is not None and not database.is_ready(path):
        what = "nothing of MLflow's in" if path.exists() else "no file"
        raise TrackingError(f"received {address!r}, but there is {what} {path}")
    client = open_client(address)
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code in _UNKNOWN:
            raise TrackingError(f"{redact(address)} has no run {run_id!r}") from None
        reason = describe_error(address, error)
        raise ConnectionError(f"{redact(address)} cannot be read: {reason}") from None
    return client, run
