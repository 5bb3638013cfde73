"""Where MLflow keeps a search: an experiment, and the runs that are found there."""

import logging
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from pipeline.configuration.secrets import redact
from pipeline.tracking import database
from pipeline.tracking.addresses import is_http, resolve, sqlite_path
from pipeline.tracking.runs import Key
from pipeline.tracking.tags import condition

_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}  # its page shows runs
_PAGE = 1000

# It logs the traceback of what it raises as well, which is told in one sentence.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


class TrackingError(ValueError):
    """MLflow is there but cannot keep or give the search; the message is one sentence."""


@dataclass(frozen=True)
class Store:
    """An experiment in a tracking store.

    Attributes:
        client: Talks to the store.
        experiment: The experiment's identifier.
    """

    client: MlflowClient
    experiment: str

    def find_runs(self, search: str) -> "Found":
        """Find the runs of a search, and delete those that are there twice.

        A request that was given up may be executed all the same, even much later: then its
        repetition has created a second run.

        Args:
            search: The search's identifier.

        Returns:
            The runs.
        """
        found: dict[Key, list[Run]] = {}
        for run in self._search(condition("pipeline.search", search)):
            if run.data.tags.get("pipeline.kind") in ("search", "trial"):
                found.setdefault(_key(run.data.tags), []).append(run)
        everything = [run for twins in found.values() for run in twins]
        parents = {run.data.tags.get(MLFLOW_PARENT_RUN_ID) for run in everything}
        kept = {
            key: max(twins, key=lambda run: _worth(run, parents)) for key, twins in found.items()
        }
        for run in everything:
            if run not in kept.values():
                self.client.delete_run(run.info.run_id)
        return Found(
            {key: run.info.run_id for key, run in kept.items()},
            doubled=len(everything) > len(kept),
            running=any(_is_running(run) for run in kept.values()),
        )

    def find_trials(self, run: str) -> Iterator[Run]:
        """Find the runs of a search's trials, one an attempt.

        Args:
            run: The search's own run.

        Yields:
            The runs, in no certain order.
        """
        return self._search(condition(MLFLOW_PARENT_RUN_ID, run))

    def find_comparison(self, sweep: str) -> Run | None:
        """Find the run of a sweep's comparison.

        Args:
            sweep: The sweep's identifier.

        Returns:
            The run; None if the sweep was not compared yet.
        """
        return next(self._find_of_sweep("comparison", sweep), None)

    def find_searches(self, sweep: str) -> Iterator[Run]:
        """Find the runs of a sweep's searches.

        Args:
            sweep: The sweep's identifier.

        Yields:
            The runs, in no certain order.
        """
        return self._find_of_sweep("search", sweep)

    def find_of_model(self, model: str) -> Iterator[Run]:
        """Find the runs of the searches of a model.

        Args:
            model: As the tag `pipeline.model` names it.

        Yields:
            The runs, in no certain order.
        """
        of_kind, of_model = condition("pipeline.kind", "search"), condition("pipeline.model", model)
        return self._search(f"{of_kind} and {of_model}")

    def _find_of_sweep(self, kind: str, sweep: str) -> Iterator[Run]:
        of_kind, of_sweep = condition("pipeline.kind", kind), condition("pipeline.sweep", sweep)
        return self._search(f"{of_kind} and {of_sweep}")

    def _search(self, searched: str) -> Iterator[Run]:
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment], searched, max_results=_PAGE, page_token=token
            )
            yield from page
            token = page.token
            if not token:
                return


@dataclass(frozen=True)
class Found:
    """The runs of a search that are in a store.

    Attributes:
        identifiers: Their identifiers, by what they are of.
        doubled: Whether some were there twice; what the deleted ones were told is lost.
        running: Whether any is shown as running.
    """

    identifiers: dict[Key, str]
    doubled: bool
    running: bool


def open_client(uri: str) -> MlflowClient:
    """Open a store, making the tables of a SQLite file that has none.

    Args:
        uri: The store's address.

    Raises:
        DatabaseError: MLflow cannot use the SQLite file now.
        Exception: Whatever MLflow raises if the store cannot be reached.
    """
    path = sqlite_path(uri)
    if path is not None and not database.is_ready(path):
        database.make(path)
    return MlflowClient(resolve(uri))


def connect(uri: str, experiment: str) -> Store:
    """Open an experiment, creating it if there is none of that name.

    Args:
        uri: The store's address.
        experiment: The experiment's name.

    Returns:
        The experiment.

    Raises:
        TrackingError: The experiment cannot keep the search.
        Exception: As `open_client`.
    """
    client = open_client(uri)
    known = client.get_experiment_by_name(experiment)
    if known is None:
        location = _artifacts(resolve(uri), experiment)
        try:
            made = client.create_experiment(experiment, location, tags=_EXPERIMENT_TAGS)
            return Store(client, made)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return connect(uri, experiment)  # that of a search which began at the same time
    if known.lifecycle_stage != "active":
        raise TrackingError(
            f"the MLflow experiment {experiment!r} at {redact(uri)} was deleted; restore it with "
            f"`mlflow experiments restore --experiment-id {known.experiment_id}` or choose "
            "another tracking.experiment"
        )
    if known.artifact_location.startswith("mlflow-artifacts:") and not is_http(uri):
        raise TrackingError(
            f"the MLflow experiment {experiment!r} at {redact(uri)} was created by an MLflow "
            "server, which alone can keep its artifacts; use the server's address "
            "(http://host:port) or choose another tracking.experiment"
        )
    return Store(client, known.experiment_id)


def _artifacts(uri: str, experiment: str) -> str | None:
    """Return where an experiment's artifacts go: into `mlruns` beside a SQLite file.

    MLflow's own choice is `mlruns` in the working directory; a server chooses for itself.
    """
    path = sqlite_path(uri)
    if path is None:
        return None
    return (path.parent / "mlruns" / re.sub(r"[^\w.-]", "-", experiment)).as_uri()


def _worth(run: Run, parents: AbstractSet[str | None]) -> tuple[bool, int]:
    """Return what to keep one of several equal runs by: its children, and how much it was told."""
    return run.info.run_id in parents, len(run.data.metrics) + len(run.data.params)


def _is_running(run: Run) -> bool:
    return "RUNNING" in (run.info.status, run.data.tags.get("pipeline.status"))


def _key(tags: Mapping[str, str]) -> Key:
    if tags["pipeline.kind"] == "search":
        return None
    return tags["pipeline.trial"], int(tags["pipeline.attempt"])
