"""Sends what a search's runs should show to MLflow; sending it again changes nothing."""

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_PARENT_RUN_ID

from pipeline.journal.callbacks import SearchBegin, Status
from pipeline.journal.files import REPORT_FILE
from pipeline.journal.history import FILE_NAME as JOURNAL
from pipeline.journal.tables import write_tables
from pipeline.tracking import summary, views
from pipeline.tracking.runs import DURATION, Key, Run, SearchRuns
from pipeline.tracking.store import Store

_STATUSES = {
    Status.COMPLETED: "FINISHED",
    Status.FAILED: "FAILED",
    Status.PRUNED: "KILLED",
    Status.INTERRUPTED: "KILLED",
}
_LARGEST = sys.float_info.max
_DESCRIPTION_SECONDS = 10.0
_LEAST_SECONDS = 10.0  # between two copies of a file that grows
_MOST_SHARE = 0.05  # of the time, goes into copying it
_SLOWEST_UPLOAD = 100_000  # bytes a second


class Projection:
    """Brings MLflow's runs up to what they should show.

    Args:
        store: The experiment that keeps them.
        runs: What they should show.
        known: Identifiers of the runs that are there already.
        directory: The search's folder.
        told_before: Whether MLflow may have what is sent of the runs that are there: the journal,
            or how far it was delivered, was lost.
        created: Told of every run that is created: what it is of, and its identifier.
        progressed: Called whenever MLflow took something, with the seconds that the next step
            may take.
    """

    def __init__(
        self,
        store: Store,
        runs: SearchRuns,
        known: dict[Key, str],
        directory: Path,
        *,
        told_before: bool,
        created: Callable[[Key, str], None],
        progressed: Callable[[float], None],
    ) -> None:
        self._client = store.client
        self._experiment = store.experiment
        self._runs = runs
        self._identifiers = known
        self._directory = directory
        self._created = created
        self._progressed = progressed
        self._unsure = set(known) if told_before else set()  # runs to look at before adding points
        self._shown: dict[tuple[Key, str], set[tuple[int, object]]] = {}
        self._sent_tags: dict[Key, dict[str, str]] = {}
        self._offered: dict[str, str] = {}
        self._described = -_DESCRIPTION_SECONDS
        self._journal_due = 0.0
        self._report_due = 0.0
        self._report: int | None = None  # the version that was sent last

    @property
    def search_run(self) -> str:
        """Identifier of the search's own run."""
        return self._identifiers[None]

    def push(self) -> None:
        """Send everything that was not sent yet, and consider it sent."""
        runs = self._runs
        if None not in self._identifiers:
            self._create(None, runs.search)
        self._describe()
        for key, run in list(runs.changed()):
            self._send(key, run)
        if runs.opened:
            self._log_dataset(runs.begin)
        if runs.ended:
            write_tables(self._directory)
        self._log_files(runs.files)
        self._log_journal()
        runs.settle()

    def _send(self, key: Key, run: Run) -> None:
        created = key not in self._identifiers
        if created:
            self._create(key, run)
        identifier = self._identifiers[key]
        sent = self._sent_tags.setdefault(key, {})
        shown = self._tags(key, run)
        tags = [RunTag(name, value) for name, value in shown.items() if sent.get(name) != value]
        params = [Param(name, value) for name, value in run.params.items()]
        metrics = self._new_points(key, run) if key in self._unsure else run.metrics
        for some_params, some_metrics, some_tags in _batches(params, metrics, tags):
            self._client.log_batch(identifier, some_metrics, some_params, some_tags)
        for path, text in run.texts.items():
            self._client.log_text(identifier, text, path)
        if run.status is not None:
            self._client.set_terminated(identifier, _STATUSES[run.status], run.end)
        elif not created and "pipeline.status" in {tag.key for tag in tags}:
            self._client.update_run(identifier, status="RUNNING")
        self._sent_tags[key] = shown
        self._progressed(0.0)

    def _new_points(self, key: Key, run: Run) -> list[Metric]:
        """Return the points that a run does not show yet: told again, they would be shown twice."""
        return [p for p in run.metrics if (p.step, _comparable(p)) not in self._points(key, p.key)]

    def _points(self, key: Key, metric: str) -> set[tuple[int, object]]:
        """Return what a run showed of a metric when this process first sent something of it."""
        if (key, metric) not in self._shown:
            history = self._client.get_metric_history(self._identifiers[key], metric)
            self._shown[key, metric] = {(point.step, _comparable(point)) for point in history}
            self._progressed(0.0)
        return self._shown[key, metric]

    def _create(self, key: Key, run: Run) -> None:
        tags = self._tags(key, run)
        info = self._client.create_run(
            self._experiment, start_time=run.start, tags=tags, run_name=run.name
        ).info
        self._identifiers[key] = info.run_id
        self._sent_tags[key] = tags
        self._created(key, info.run_id)
        self._progressed(0.0)

    def _tags(self, key: Key, run: Run) -> dict[str, str]:
        return (
            dict(run.tags) if key is None else {**run.tags, MLFLOW_PARENT_RUN_ID: self.search_run}
        )

    def _describe(self) -> None:
        """Renew the description, not more often than people read it."""
        runs = self._runs
        now = time.monotonic()
        if runs.at_a_turn or (runs.told and now - self._described > _DESCRIPTION_SECONDS):
            runs.search.tags["mlflow.note.content"] = summary.describe(runs.history())
            runs.search.changed = True
            self._described = now

    def _log_dataset(self, begin: SearchBegin) -> None:
        info = begin.dataset_info
        source_type, source = _source(str(info["source"]))
        dataset = Dataset(
            name=begin.dataset,
            digest=str(info["digest"]),
            source_type=source_type,
            source=json.dumps(source),
            schema=_json(info.get("schema")),
            profile=_json(info.get("profile")),
        )
        tags = [InputTag(MLFLOW_DATASET_CONTEXT, "training")]
        self._client.log_inputs(self.search_run, datasets=[DatasetInput(dataset, tags)])

    def _log_journal(self) -> None:
        """Renew the copy from which the search is read where its folder is gone (`retrieval`)."""
        start = time.monotonic()
        if start < self._journal_due and not self._runs.at_a_turn:
            return
        # As text: a file that grows while a server takes it would break the request.
        text = (self._directory / JOURNAL).read_text(encoding="utf-8")
        self._progressed(len(text) / _SLOWEST_UPLOAD)
        self._client.log_text(self.search_run, text, JOURNAL)
        self._progressed(0.0)
        self._journal_due = _due_again(start)

    def offer_views(self) -> None:
        """Offer tables of the trials; their columns become more while hyperparameters appear."""
        runs = self._runs
        for tag, view in views.offered(runs.begin, runs.param_names).items():
            if self._offered.get(tag) != view:
                self._client.set_experiment_tag(self._experiment, tag, view)
                self._offered[tag] = view
                self._progressed(0.0)

    def log_report(self, *, at_once: bool) -> None:
        """Send the search's report if there is a new one; another process writes it.

        Args:
            at_once: Whether to do so even if the last one was sent a moment ago.
        """
        path = self._directory / REPORT_FILE
        version = path.stat().st_mtime_ns if path.exists() else None
        start = time.monotonic()
        if version in (None, self._report) or (start < self._report_due and not at_once):
            return
        self._progressed(path.stat().st_size / _SLOWEST_UPLOAD)
        self._client.log_artifact(self.search_run, str(path))
        self._progressed(0.0)
        self._report, self._report_due = version, _due_again(start)

    def _log_files(self, files: list[tuple[str, str | None]]) -> None:
        for path, folder in dict.fromkeys(files):
            # A later process may deliver what people have tidied up meanwhile.
            if (file := self._directory / path).exists():
                self._progressed(file.stat().st_size / _SLOWEST_UPLOAD)
                self._client.log_artifact(self.search_run, str(file), folder)
                self._progressed(0.0)


def _comparable(point: Metric) -> object:
    """Return what tells a point from others of its metric and step, as MLflow gives it back."""
    if point.key == DURATION:  # of a trial that was trained again it is another, and as good
        return None
    if math.isnan(point.value):
        return "nan"
    # Databases keep an infinite value as the largest finite one.
    return math.copysign(math.inf, point.value) if abs(point.value) >= _LARGEST else point.value


def _due_again(start: float) -> float:
    """Return when to send a file again that grows, and whose sending began at `start`."""
    now = time.monotonic()
    return now + max(_LEAST_SECONDS, (now - start) / _MOST_SHARE)


def _batches(
    params: list[Param], metrics: list[Metric], tags: list[RunTag]
) -> Iterator[tuple[list[Param], list[Metric], list[RunTag]]]:
    """Divide what is to be sent into requests as large as MLflow takes; usually it is one."""
    while params or metrics or tags:
        yield params[:100], metrics[:800], tags[:100]
        params, metrics, tags = params[100:], metrics[800:], tags[100:]


def _source(source: str) -> tuple[str, dict[str, Any]]:
    """Return a dataset's source as MLflow shows it: a path, or the function that loads it."""
    if Path(source).is_absolute():
        return "local", {"uri": source}
    return "code", {"tags": {"mlflow.source.name": source, "mlflow.source.type": "LOCAL"}}


def _json(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
