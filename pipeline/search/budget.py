"""What a search may spend, what it has spent, and which of its limits that reaches.

All is told by the journal's records, so that a continued search counts what earlier processes did.
"""

import statistics
from dataclasses import dataclass, field

from pipeline.configuration.config import Budget, Grace
from pipeline.journal.callbacks import (
    EpochEnd,
    EvaluationEnd,
    Record,
    SearchBegin,
    Status,
    TrialBegin,
    TrialEnd,
)

_FIRST = 3  # trials whose cost tells what others cost
_START = (-1, -1)  # before the first epoch of the first execution


@dataclass(frozen=True)
class Limit:
    """A limit that is reached.

    Attributes:
        key: Its name in the section `budget`.
        sentence: What to say of it.
    """

    key: str
    sentence: str


@dataclass(frozen=True)
class Cost:
    """What trials take.

    Attributes:
        trial: Seconds outside of its epochs: building, tracing and the first epoch's surplus.
        epoch: Seconds of an epoch.
        whole: Seconds of the mean trial so far, as long as it trained.
        known: Whether an epoch after another was seen; else `epoch` is the most that it can be,
            and `trial` is 0.
    """

    trial: float
    epoch: float
    whole: float
    known: bool


@dataclass
class _Run:
    """An attempt that runs or may go on."""

    attempt: int
    latest: float
    position: tuple[int, int] = _START
    seconds: float = 0.0
    epochs: int = 0
    between: float = 0.0
    steps: int = 0


@dataclass
class Spent:
    """What a search has spent, record by record.

    Attributes:
        trials: The trials that were begun.
        epochs: Epochs trained, each once, executions included.
        seconds: From the search's beginning to its newest record, without the time in which no
            process ran it.
        scores: Of trials that are over, in the order they ended; None without a score.
        direction: Whether the `min` or the `max` score is the best.
    """

    trials: set[str] = field(default_factory=set)
    epochs: int = 0
    seconds: float = 0.0
    scores: dict[str, float | None] = field(default_factory=dict)
    direction: str = "min"
    _latest: float | None = None
    _runs: dict[str, _Run] = field(default_factory=dict)
    _first_epochs: list[float] = field(default_factory=list)
    _tested: float | None = None
    _whole: list[float] = field(default_factory=list)
    _outside: list[float] = field(default_factory=list)
    _an_epoch: list[float] = field(default_factory=list)
    _between: float = 0.0
    _steps: int = 0

    def note(self, record: Record) -> None:
        """Count one more record; they come in the order of the journal."""
        since = 0.0
        if self._latest is not None and not isinstance(record, SearchBegin):
            since = max(0.0, record.time - self._latest)
        self.seconds += since
        self._latest = record.time
        match record:
            case SearchBegin():
                self.direction = record.direction
            case TrialBegin():
                self._begin(record)
            case EpochEnd():
                self._add(record)
            case TrialEnd():
                self._end(record)
            case EvaluationEnd():
                self._tested = since

    def seconds_until(self, now: float) -> float:
        """Return the seconds spent at a time, since the epoch, at which a process runs it."""
        return self.seconds + (0.0 if self._latest is None else max(0.0, now - self._latest))

    def seconds_of(self, trial: str, now: float) -> float:
        """Return the seconds that a running trial's attempt has taken, in all processes."""
        run = self._runs[trial]
        return run.seconds + max(0.0, now - run.latest)

    @property
    def best(self) -> tuple[str, float] | None:
        """The first trial with the best score, and the score."""
        scored = [(trial, score) for trial, score in self.scores.items() if score is not None]
        sign = -1.0 if self.direction == "max" else 1.0
        return min(scored, key=lambda one: sign * one[1], default=None)

    @property
    def without_progress(self) -> int:
        """Trials that ended since the best one; 0 without a best one."""
        best = self.best
        return 0 if best is None else len(self.scores) - 1 - [*self.scores].index(best[0])

    @property
    def cost(self) -> Cost | None:
        """What a trial takes; None until three have ended."""
        if len(self._whole) < _FIRST:
            return None
        whole = statistics.fmean(self._whole)
        if self._steps == 0:
            return Cost(0.0, statistics.fmean(self._an_epoch), whole, known=False)
        epoch = self._between / self._steps
        return Cost(statistics.fmean(self._outside), epoch, whole, known=True)

    def reserve(self, *, retrained: bool) -> float:
        """Return the seconds that the final model is expected to take.

        That is what it took before, if the search was continued after it. Else a test is expected
        to take as long as a trial's way to the end of its first epoch: both build a model, trace
        it and go through data. A final training takes as long as the mean trial.

        Args:
            retrained: Whether the final model is trained again.
        """
        if self._tested is not None:
            return self._tested
        first = statistics.median(self._first_epochs) if self._first_epochs else 0.0
        return first + (statistics.fmean(self._whole) if retrained and self._whole else 0.0)

    def _begin(self, record: TrialBegin) -> None:
        self.trials.add(record.trial)
        run = self._runs.get(record.trial)
        if run is None or run.attempt != record.attempt:
            run = _Run(record.attempt, record.time)
        run.latest = record.time
        self._runs[record.trial] = run

    def _add(self, record: EpochEnd) -> None:
        run, position = self._runs[record.trial], (record.execution, record.epoch)
        seconds = max(0.0, record.time - run.latest)
        run.seconds += seconds
        run.latest = record.time
        if position <= run.position:  # told again by a process that continues
            return
        if run.position == _START:
            self._first_epochs.append(seconds)
        elif record.execution == run.position[0]:
            run.between += seconds
            run.steps += 1
        run.position = position
        run.epochs += 1
        self.epochs += 1

    def _end(self, record: TrialEnd) -> None:
        run = self._runs[record.trial]
        run.seconds += max(0.0, record.time - run.latest)
        if record.status is Status.INTERRUPTED:
            return
        if record.status is not Status.PRUNED:  # which may go on
            del self._runs[record.trial]
        if not record.final:
            return
        self.scores.pop(record.trial, None)
        self.scores[record.trial] = record.score
        if record.status is not Status.FAILED:
            self._whole.append(run.seconds)
            self._between += run.between
            self._steps += run.steps
            epoch = self._between / self._steps if self._steps else 0.0
            self._an_epoch.append(run.seconds / max(1, run.epochs))
            self._outside.append(max(0.0, run.seconds - run.epochs * epoch))


def reached(budget: Budget, spent: Spent, now: float, *, retrained: bool) -> Limit | None:
    """Return the limit at which a search ends, whatever it might still begin.

    Args:
        budget: What it may spend.
        spent: What it has spent.
        now: Seconds since the epoch.
        retrained: As of `Spent.reserve`.

    Returns:
        The first of those that are reached.
    """
    best = spent.best
    if budget.target is not None and best is not None:
        trial, score = best
        better = score >= budget.target if spent.direction == "max" else score <= budget.target
        if better:
            told = f"trial {trial} has reached budget.target={budget.target:g} with {score:g}"
            return Limit("target", told)
    if _is_used(budget.trials_without_progress, spent.without_progress):
        told = f"budget.trials_without_progress={budget.trials_without_progress} trials ended"
        return Limit("trials_without_progress", f"{told} since the best one")
    if _is_used(budget.epochs, spent.epochs):
        return Limit("epochs", f"budget.epochs={budget.epochs} are trained")
    return time_over(budget, spent, now, retrained=retrained)


def time_over(budget: Budget, spent: Spent, now: float, *, retrained: bool) -> Limit | None:
    """Return the limit of seconds, if no more are left than the final test needs."""
    if budget.seconds is None or not spent.trials:
        return None
    if spent.seconds_until(now) + spent.reserve(retrained=retrained) < budget.seconds:
        return None
    return Limit("seconds", f"budget.seconds={budget.seconds:g} are over")


def closed(
    budget: Budget, spent: Spent, now: float, *, retrained: bool, epochs: int
) -> Limit | None:
    """Return the limit at which no other trial starts, but begun ones may go on.

    A trial starts only if the mean one would end in time; where trials that were paused go on,
    only if one could be trained to its end after it. With `grace=stop` it may be stopped instead.

    Args:
        budget: What the search may spend.
        spent: What it has spent.
        now: Seconds since the epoch.
        retrained: As of `Spent.reserve`.
        epochs: Epochs that a paused trial may need to its end; 0 if none is paused.

    Returns:
        The first of those that are reached.
    """
    if _is_used(budget.trials, len(spent.trials)):
        return Limit("trials", f"budget.trials={budget.trials} were run")
    cost = spent.cost
    stopped = budget.grace is Grace.stop and not epochs
    if budget.seconds is None or cost is None or stopped:
        return None
    needed = cost.whole + epochs * cost.epoch + spent.reserve(retrained=retrained)
    if spent.seconds_until(now) + needed <= budget.seconds:
        return None
    return Limit("seconds", f"budget.seconds={budget.seconds:g} leave no time for another trial")


def limit_of(begin: SearchBegin, key: str) -> float | None:
    """Return a limit of a search as it was configured, in a journal of any version."""
    section = begin.config.get("budget") or {}
    value = section.get(key)
    if value is None and key == "seconds":
        value = begin.config.get("max_seconds")
    return None if value is None else float(value)


def is_raised(key: str, past: SearchBegin, begin: SearchBegin) -> bool:
    """Whether a search may spend more than an earlier one that ended at a limit.

    Args:
        key: The limit's.
        past: The earlier search.
        begin: The search that is about to start.
    """
    now, before = limit_of(begin, key), limit_of(past, key)
    if now is None or before is None:
        return now is None
    if key == "target":
        return now > before if begin.direction == "max" else now < before
    return now > before


def _is_used(limit: int | None, spent: int) -> bool:
    return limit is not None and spent >= limit
