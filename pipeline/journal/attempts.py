"""One try at a trial, gathered from what the journal tells of it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.journal.callbacks import EpochEnd, Status, TrialBegin, TrialEnd

_SETBACKS_A_DEATH = 10
_NOWHERE = (-1, -1)  # execution and epoch


@dataclass(frozen=True)
class Attempt:
    """One try at a trial, as the journal tells of it.

    Attributes:
        begin: How it started.
        epochs: Its epochs so far, in the order they were trained, each once.
        end: How it ended, None while it runs or if the process died.
        deaths: How many processes died in it since it last got further, although they had the
            chance to: they had told again all epochs that were known. Ten that had not count as
            one. A process that is still at it counts.
        early_deaths: How many died before it had any epoch, of which nobody can tell whether they
            had the chance; they are not among the others.
        seconds: Time spent on it by all processes, as far as they told.
        pauses: Absolute epochs at whose ends it was pruned, and later taken up again.
    """

    begin: TrialBegin
    epochs: tuple[EpochEnd, ...] = ()
    end: TrialEnd | None = None
    deaths: int = 0
    early_deaths: int = 0
    seconds: float = 0.0
    pauses: tuple[int, ...] = ()

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The values under evaluation, those that the training itself declared included."""
        declared = self.end.declared_values if self.end else {}
        return {**self.begin.hyperparameters, **declared}

    @property
    def completed(self) -> bool:
        """Whether it ended with a score."""
        return self.end is not None and self.end.status is Status.COMPLETED

    @property
    def pruned(self) -> bool:
        """Whether a pruner stopped it, and it was not taken up again."""
        return self.end is not None and self.end.status is Status.PRUNED

    @property
    def failed(self) -> bool:
        """Whether the trial has failed for good with this attempt."""
        return self.finished and not self.completed and not self.pruned

    @property
    def finished(self) -> bool:
        """Whether the trial is over with this attempt: completed, pruned, or failed for good."""
        return self.end is not None and self.end.final and self.end.status != Status.INTERRUPTED

    @property
    def continues(self) -> bool:
        """Whether it was begun and may go on: it was interrupted, or its process died."""
        return self.end is None or self.end.status is Status.INTERRUPTED

    def best_execution(self, objective: str, direction: str) -> int:
        """Return the execution that saw the objective's best value.

        Args:
            objective: Name of the metric.
            direction: `min` or `max`.

        Returns:
            Its index; 0 if no epoch reported a finite value.
        """
        best = _best(self.epochs, objective, direction)
        return 0 if best is None else best.execution

    def best_epoch(self, execution: int, objective: str, direction: str) -> EpochEnd | None:
        """Return the epoch that an execution's weights are of.

        Args:
            execution: Its index.
            objective: Name of the metric.
            direction: `min` or `max`.

        Returns:
            The first epoch with the best value; None if none reported a finite one.
        """
        return _best(self.epochs_of(execution), objective, direction)

    def epochs_of(self, execution: int) -> list[EpochEnd]:
        """Return the epochs of one execution, in the order they were trained."""
        return [epoch for epoch in self.epochs if epoch.execution == execution]


def _best(epochs: Iterable[EpochEnd], objective: str, direction: str) -> EpochEnd | None:
    sign = -1.0 if direction == "max" else 1.0
    finite = [epoch for epoch in epochs if math.isfinite(epoch.logs.get(objective, math.nan))]
    return min(finite, key=lambda one: (sign * one.logs[objective], one.execution), default=None)


class Told:
    """What the journal has told of one attempt so far."""

    def __init__(self, begin: TrialBegin) -> None:
        self._begin = begin
        self._end: TrialEnd | None = None
        self._epochs: dict[tuple[int, int], EpochEnd] = {}
        self._running = False
        self._deaths = self._early = self._setbacks = 0
        self._seconds = 0.0
        self._pauses: list[int] = []
        self._started = self._latest = begin.time
        self._furthest = self._furthest_before = self._reached = _NOWHERE

    def start(self, record: TrialBegin) -> None:
        """Note that a process begins or continues it."""
        self._deaths, self._early, self._setbacks = self._counted()
        self._seconds += self._latest - self._started
        if self._end is not None and self._end.status is Status.PRUNED:
            self._pauses.append(self._furthest[1])
        self._begin, self._end, self._running = record, None, True
        self._started = self._latest = record.time
        self._furthest_before, self._reached = self._furthest, _NOWHERE

    def add(self, record: EpochEnd) -> None:
        """Note an epoch.

        A process that continues tells epochs again. Unless it tells the same, what was known of
        the epoch and of those behind it is void.
        """
        position = (record.execution, record.epoch)
        known = self._epochs.get(position)
        if known is None or not same_logs(known.logs, record.logs):
            for other in [other for other in self._epochs if other >= position]:
                del self._epochs[other]
            self._epochs[position] = record
        self._reached = max(self._reached, position)
        self._furthest = max(self._furthest, position)
        self._latest = record.time

    def finish(self, record: TrialEnd) -> None:
        """Note how it ended."""
        self._end, self._running, self._latest = record, False, record.time
        if record.deaths:  # told by a process that began none itself
            self._deaths, self._early, self._setbacks = record.deaths, 0, 0

    def as_attempt(self) -> Attempt:
        """Return it as it stands."""
        seconds = self._seconds + self._latest - self._started
        epochs = tuple(self._epochs.values())
        deaths, early, setbacks = self._counted()
        deaths += setbacks // _SETBACKS_A_DEATH
        pauses = tuple(self._pauses)
        return Attempt(self._begin, epochs, self._end, deaths, early, seconds, pauses)

    def _counted(self) -> tuple[int, int, int]:
        """Return deaths, early ones, and setbacks: of processes that had no chance to get further.

        A process that told of no end is among them.
        """
        if self._furthest > self._furthest_before:
            return 0, 0, 0
        if not self._running:
            return self._deaths, self._early, self._setbacks
        if self._furthest == _NOWHERE:
            return self._deaths, self._early + 1, self._setbacks
        if self._reached < self._furthest:
            return self._deaths, self._early, self._setbacks + 1
        return self._deaths + 1, self._early, self._setbacks


def same_logs(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Return whether two epochs report the same; NaN is the same as NaN."""
    return one.keys() == other.keys() and all(
        same_number(value, other[name]) for name, value in one.items()
    )


def same_number(one: float, other: float) -> bool:
    """Return whether two numbers are equal, or both NaN."""
    return one == other or (math.isnan(one) and math.isnan(other))


def distinct(attempts: Sequence[Attempt], count: int) -> list[Attempt]:
    """Return the first trials that differ in their hyperparameters.

    Hyperband trains the same ones again, longer.

    Args:
        attempts: Trials, best first.
        count: How many to return at most.

    Returns:
        The trials, in the same order.
    """
    by_values: dict[str, Attempt] = {}
    for attempt in attempts:
        by_values.setdefault(repr(sorted(attempt.hyperparameters.items())), attempt)
        if len(by_values) == count:
            break
    return list(by_values.values())
