"""A sweep's comparison as MLflow alone keeps it."""

import json
from dataclasses import dataclass
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run

from pipeline.journal.history import History
from pipeline.tracking.addresses import run_page
from pipeline.tracking.retrieval import downloaded, find_run, read_journal
from pipeline.tracking.store import Store, TrackingError, open_client

RECORD = "comparison.json"


@dataclass(frozen=True)
class KeptComparison:
    """What MLflow has of a sweep's comparison.

    Attributes:
        sweep: The sweep's identifier.
        record: The content of `comparison.json`.
        histories: The searches, by their identifiers, of which MLflow has the journal.
        pages: The pages of the searches' runs, by the searches' identifiers.
    """

    sweep: str
    record: dict[str, Any]
    histories: dict[str, History]
    pages: dict[str, str]


def comparison_of_run(run_id: str, uri: str | None = None) -> KeptComparison:
    """Read a sweep's comparison and searches from MLflow.

    Args:
        run_id: The comparison's run.
        uri: The tracking store; by default `MLFLOW_TRACKING_URI`, else `sqlite:///mlflow.db`.

    Returns:
        What MLflow has of them.

    Raises:
        ValueError: The address can never work, the run is no comparison's, or it has no
            `comparison.json`; one sentence says why.
        ConnectionError: The store cannot be reached.
    """
    client, run = find_run(run_id, uri, "comparison")
    with downloaded(client, run, RECORD) as path:
        record = json.loads(path.read_text(encoding="utf-8"))
    sweep = run.data.tags["pipeline.sweep"]
    histories = {}
    searches = _searches(client, sweep)
    for search, found in searches.items():
        try:
            histories[search] = read_journal(client, found)
        except TrackingError:  # it was never delivered; the comparison has its figures
            continue
    return KeptComparison(sweep, record, histories, _pages(client, searches))


def pages_of_sweep(sweep: str, uri: str) -> dict[str, str]:
    """Return the pages of the runs of a sweep's searches, by the searches' identifiers.

    Args:
        sweep: The sweep's identifier.
        uri: The tracking store.

    Raises:
        Exception: Whatever MLflow raises if it cannot be reached.
    """
    client = open_client(uri)
    return _pages(client, _searches(client, sweep))


def _searches(client: MlflowClient, sweep: str) -> dict[str, Run]:
    """Return the runs of a sweep's searches, which may be in several experiments."""
    runs = [
        run
        for experiment in client.search_experiments()
        for run in Store(client, experiment.experiment_id).find_searches(sweep)
    ]
    return {run.data.tags["pipeline.search"]: run for run in runs}


def _pages(client: MlflowClient, searches: dict[str, Run]) -> dict[str, str]:
    return {
        search: run_page(client.tracking_uri, run.info.experiment_id, run.info.run_id)
        for search, run in searches.items()
    }
