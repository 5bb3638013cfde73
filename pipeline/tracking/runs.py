"""What the runs of a search should show, folded from its records; knows nothing of a server."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlflow.entities import Metric

from pipeline.journal.callbacks import (
    EpochEnd,
    EvaluationEnd,
    Record,
    SearchBegin,
    SearchEnd,
    Status,
    TrialBegin,
    TrialEnd,
)
from pipeline.journal.history import History, fold
from pipeline.journal.tables import EPOCHS_FILE, TRIALS_FILE
from pipeline.tracking.curves import Curves
from pipeline.tracking.tags import RUNNING, run_name, search_tags, trial_tags

Key = tuple[str, int] | None
"""A run of a search: a trial and its attempt, or None for the search itself."""

DURATION = "duration_seconds"
"""The metric with the time that a trial took."""


@dataclass
class Run:
    """What one run should show, and what of it was not sent yet.

    Attributes:
        name: Its name.
        start: When it started, in milliseconds since the epoch.
        tags: All its tags.
        status: How it ended, None while it runs.
        end: When it ended, in milliseconds since the epoch; None while it runs.
        params: Params to send.
        metrics: Points to send.
        texts: Artifacts to send, by their path.
        changed: Whether there is anything to send.
    """

    name: str
    start: int
    tags: dict[str, str]
    status: Status | None = None
    end: int | None = None
    params: dict[str, str] = field(default_factory=dict)
    metrics: list[Metric] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    changed: bool = True

    def finish(self, status: Status, time: float) -> None:
        """Set how and when (seconds since the epoch) it ended; never before it began."""
        self.status, self.end = status, max(self.start, milliseconds(time))
        self.tags["pipeline.status"] = str(status)
        self.changed = True

    def reopen(self) -> None:
        """Let it run again."""
        self.status = self.end = None
        self.tags["pipeline.status"] = RUNNING
        if "pipeline.message" in self.tags:
            self.tags["pipeline.message"] = ""
        self.changed = True

    def log(self, name: str, value: float, time: float, step: int = 0) -> None:
        """Add a point (time in seconds since the epoch) to a metric."""
        self.metrics.append(Metric(valid_name(name), value, milliseconds(time), step))
        self.changed = True

    def settle(self) -> None:
        """Consider everything sent."""
        self.params, self.metrics, self.texts, self.changed = {}, [], {}, False


@dataclass
class _Trial:
    run: Run
    curves: Curves
    latest: float
    ended: bool = False
    may_go_on: bool = False
    untold: TrialEnd | None = None  # its end, of which it may be too early to tell

    @property
    def over(self) -> bool:
        """Whether this attempt cannot be continued any more."""
        return self.ended and self.run.status is not Status.INTERRUPTED and not self.may_go_on

    def log_end(self, record: TrialEnd) -> None:
        """Log what is said once, as a point cannot be taken back."""
        self.untold = None
        self.curves.end(record.time)
        for name in ("score", "best_epoch", DURATION):
            value = getattr(record, name)
            if value is not None:
                self.run.log(name, float(value), record.time)


class SearchRuns:
    """The runs of one search, built up record by record.

    Attributes:
        search: The search's own run.
        evaluation: The newest test of a best model, None until there is one.
        files: Files of the search's folder to send: path there, and folder among the artifacts.
        opened: Whether the search began anew since `settle`.
        ended: Whether it ended since `settle`.
        evaluated: Whether a best model was tested since `settle`.
        told: Whether anything that its description tells of happened since `settle`.
        param_names: The names of its trials' params, in the order they appeared.
    """

    def __init__(self, begin: SearchBegin) -> None:
        self.search = Run(run_name(begin), milliseconds(begin.time), search_tags(begin))
        self.evaluation: EvaluationEnd | None = None
        self.files: list[tuple[str, str | None]] = []
        self.opened = self.ended = self.evaluated = self.told = False
        self._begin = begin
        self._latest = begin.time
        self._trials: dict[tuple[str, int], _Trial] = {}
        self._finished: set[str] = set()
        self._best: float | None = None
        self._milestones: list[Record] = []
        self.param_names: dict[str, None] = {}

    def add(self, record: Record) -> None:
        """Take in the journal's next record."""
        self._latest = record.time
        if not isinstance(record, EpochEnd):
            self._milestones.append(record)
            self.told = True
        match record:
            case SearchBegin():
                self._begin_search(record)
            case TrialBegin():
                self._begin_trial(record)
            case EpochEnd():
                trial = self._trials[record.trial, record.attempt]
                trial.latest = record.time
                trial.curves.add(record)
            case TrialEnd():
                self._end_trial(record)
            case SearchEnd():
                self._close_trials()
                if record.status is not Status.INTERRUPTED:
                    self._log_ends()
                self.search.finish(record.status, record.time)
                self.files += [(TRIALS_FILE, None), (EPOCHS_FILE, None)]
                self.ended = True
            case EvaluationEnd():
                self._evaluate(record)

    def abandon(self) -> None:
        """Consider interrupted what still runs: the process that ran it died."""
        self.add(SearchEnd(Status.INTERRUPTED, None, "its process died", self._latest))

    def settle(self) -> None:
        """Consider everything sent."""
        self.opened = self.ended = self.evaluated = self.told = False
        self.files = []
        for _, run in self.changed():
            run.settle()
        self._trials = {key: trial for key, trial in self._trials.items() if not trial.over}

    def changed(self) -> Iterator[tuple[Key, Run]]:
        """Yield the runs with something to send, the search's own first."""
        if self.search.changed:
            yield None, self.search
        for key, trial in self._trials.items():
            if trial.run.changed:
                yield key, trial.run

    @property
    def at_a_turn(self) -> bool:
        """Whether the search began, ended or was evaluated since `settle`."""
        return self.opened or self.ended or self.evaluated

    @property
    def begin(self) -> SearchBegin:
        """The newest beginning of the search."""
        return self._begin

    def history(self) -> History:
        """Return the search so far, without its epochs."""
        return fold(self._milestones)

    def _begin_search(self, record: SearchBegin) -> None:
        self._begin = record
        self._close_trials()
        self.search.tags.update(search_tags(record))
        self.search.reopen()
        self.files += [("config.yaml", None), ("overrides.yaml", None)]
        self.opened = True

    def _begin_trial(self, record: TrialBegin) -> None:
        key = (record.trial, record.attempt)
        tags = trial_tags(self._begin, record)
        if key in self._trials:
            trial = self._trials[key]
            trial.latest, trial.ended, trial.untold = record.time, False, None
            self._finished.discard(record.trial)
            trial.run.tags.update(tags)
            trial.run.reopen()
        else:
            attempt = f" attempt {record.attempt}" if record.attempt else ""
            run = Run(f"trial {record.trial}{attempt}", milliseconds(record.time), tags)
            curves = Curves(run.log, self._begin.executions_per_trial)
            self._trials[key] = trial = _Trial(run, curves, record.time)
        trial.run.params = self._params(record.hyperparameters)

    def _end_trial(self, record: TrialEnd) -> None:
        trial = self._trials[record.trial, record.attempt]
        trial.ended = True
        run = trial.run
        run.finish(record.status, record.time)
        run.params |= self._params(record.declared_values)
        if record.status is Status.INTERRUPTED:  # the same attempt may yet be continued
            return
        if record.message:
            run.tags["pipeline.message"] = record.message
        if record.traceback:
            run.texts["traceback.txt"] = record.traceback
        pruned = record.status is Status.PRUNED
        if pruned:
            self._finished.add(record.trial)
            self._log_best(record)
        trial.may_go_on = pruned or record.deaths > 0
        if trial.may_go_on:
            trial.untold = record
            return
        trial.log_end(record)
        if record.final:
            self._finished.add(record.trial)
            self._log_best(record)

    def _log_best(self, record: TrialEnd) -> None:
        if record.status is Status.COMPLETED and record.score is not None:
            better = max if self._begin.direction == "max" else min
            self._best = record.score if self._best is None else better(self._best, record.score)
        if self._best is not None:
            self.search.log("best_score", self._best, record.time, step=len(self._finished))

    def _params(self, hyperparameters: Mapping[str, Any]) -> dict[str, str]:
        params = {valid_name(name): str(value) for name, value in hyperparameters.items()}
        self.param_names |= dict.fromkeys(params)
        return params

    def _evaluate(self, record: EvaluationEnd) -> None:
        self.evaluation = record
        self.evaluated = True
        for name, value in record.metrics.items():
            self.search.log(f"test_{name}", value, record.time)
        self.files += [(path, "evaluation") for path in record.artifacts]
        self.search.changed = True

    def _log_ends(self) -> None:
        for trial in self._trials.values():
            if trial.untold:
                trial.log_end(trial.untold)

    def _close_trials(self) -> None:
        """Consider trials interrupted that were begun by a process that then died."""
        for trial in self._trials.values():
            if not trial.ended:
                trial.ended = True
                trial.run.finish(Status.INTERRUPTED, trial.latest)


def milliseconds(time: float) -> int:
    """Return seconds since the epoch as MLflow counts them."""
    return round(time * 1000)


def valid_name(name: str) -> str:
    """Return a name as MLflow allows it for metrics and params; most are allowed as they are."""
    allowed = re.sub(r"[^\w\-. :/]", "_", name)[:250]
    if allowed in (".", "..") or allowed.startswith("/") or posixpath.normpath(allowed) != allowed:
        return re.sub(r"^\.+$", "_", allowed.replace("/", "_"))
    return allowed
