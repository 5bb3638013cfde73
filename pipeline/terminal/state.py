"""How far a search is, folded from its records: what ran, what runs, and the time that is left."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import median_low
from typing import Any

from pipeline.journal.callbacks import EpochEnd, Record, SearchBegin, Status, TrialBegin, TrialEnd
from pipeline.terminal.running import REMEMBERED, Running

_MOST_FAILURES = 3


@dataclass(frozen=True)
class Best:
    """The best trial so far."""

    score: float
    trial: str
    hyperparameters: Mapping[str, Any]


@dataclass(frozen=True)
class Failure:
    """An attempt that failed."""

    begin: TrialBegin
    end: TrialEnd


@dataclass(frozen=True)
class Pace:
    """What trials that have ended took.

    Attributes:
        outside: Seconds that each spent on everything but the epochs after an execution's first.
        between_epochs: Seconds that all spent on those epochs.
        steps: How many of those epochs were planned; fewer may have been trained.
        total: Seconds of all.
    """

    outside: tuple[float, ...] = ()
    between_epochs: float = 0.0
    steps: int = 0
    total: float = 0.0


@dataclass(frozen=True)
class State:
    """What the records told so far. Replaced as a whole: another thread draws it.

    Attributes:
        search: The newest beginning.
        running: The attempts that run, by trial.
        left: The attempts in the midst of which an earlier process ended or a pruner stopped them,
            by trial.
        ended: The attempt that ended last.
        best: The best trial so far.
        failures: The attempts that failed last.
        completed: How many trials have completed.
        failed: How many trials have failed for good.
        pruned: How many trials a pruner has stopped that were not taken up again.
        epochs_of_ended: Epochs that the trials which are over had planned.
        pace: What they took.
    """

    search: SearchBegin
    running: Mapping[str, Running] = field(default_factory=dict)
    left: Mapping[str, Running] = field(default_factory=dict)
    ended: Running | None = None
    best: Best | None = None
    failures: tuple[Failure, ...] = ()
    completed: int = 0
    failed: int = 0
    pruned: int = 0
    epochs_of_ended: int = 0
    pace: Pace = Pace()

    @property
    def epochs(self) -> int:
        """Epochs done: what ended trials had planned, and what running trials trained."""
        return self.epochs_of_ended + sum(
            min(running.epochs, self.planned(running.begin)) for running in self.running.values()
        )

    @property
    def trials(self) -> int:
        """Trials that are over."""
        return self.completed + self.pruned + self.failed

    def planned(self, begin: TrialBegin) -> int:
        """Return the epochs an attempt trains at most, executions included."""
        return (begin.epochs - begin.initial_epoch) * self.search.executions_per_trial

    def seconds_left(self, since: float) -> float | None:
        """Return how much longer the search takes.

        A trial costs something by itself, and something an epoch: Hyperband's first trials have
        few epochs, its last ones many. What a trial costs by itself is the median of at least two,
        as the first one also loads libraries and computes features.

        Args:
            since: Seconds since the newest record.

        Returns:
            The seconds, at most those that the budget leaves; None if they cannot be known yet.
        """
        left = self._seconds_of_all()
        budget = self.search.config.get("budget") or {}
        limit: float | None = budget.get("seconds", self.search.config.get("max_seconds"))
        if limit is not None:
            spent = self.pace.total + sum(running.seconds for running in self.running.values())
            # The trial that runs when the time is over is trained to its end.
            until = max(limit - spent, self._seconds_of_running() or 0.0)
            left = until if left is None else min(left, until)
        return None if left is None else max(0.0, left - since)

    def _seconds_of_all(self) -> float | None:
        """Return the time of what the strategy has planned and is not done."""
        trials, epochs, step = self.search.total_trials, self.search.total_epochs, self._step()
        outside = self._outside()
        if trials is None or epochs is None or (step is None and outside is None):
            return None
        begun = sum(running.epochs > 0 for running in self.running.values())
        to_begin = trials - self.trials - begun
        steps = epochs - self.epochs - to_begin * self.search.executions_per_trial
        return to_begin * (outside or 0.0) + steps * (step or 0.0)

    def _seconds_of_running(self) -> float | None:
        step = self._step()
        if step is None:
            return None
        return sum(
            (self.planned(running.begin) - running.epochs) * step
            for running in self.running.values()
        )

    def _outside(self) -> float | None:
        """Return the seconds that a trial costs by itself; None if too few are known."""
        if self._step() is None:  # trials have one epoch each
            return median_low(self.pace.outside) if self.pace.outside else None
        executions = self.search.executions_per_trial
        begun = [running.before * executions for running in self.running.values() if running.epochs]
        known = [*self.pace.outside, *begun]
        return median_low(known) if len(known) > 1 else None

    def _step(self) -> float | None:
        """Return the seconds of an epoch that is not an execution's first; None if none was."""
        seconds, steps = self.pace.between_epochs, self.pace.steps
        for running in self.running.values():
            if running.latest is not None:
                seconds += running.between_epochs
                steps += running.epochs - running.latest.execution - 1
        return seconds / steps if steps > 0 else None


def advance(state: State | None, record: Record) -> State:
    """Return what is known after one more record.

    Args:
        state: What was known before; None before the first record.
        record: The record; a search's first one is a `SearchBegin`.

    Returns:
        What is known now.
    """
    if isinstance(record, SearchBegin):
        before = State(record) if state is None else state
        left = {**before.left, **before.running}
        return replace(before, search=record, running={}, left=left, ended=None)
    if state is None:
        raise RuntimeError("on_search_begin must be the first hook that is called")
    match record:
        case TrialBegin():
            half = state.left.get(record.trial)
            goes_on = half is not None and half.begin.attempt == record.attempt
            begun = half.again(record) if half is not None and goes_on else Running(record)
            if half is not None and half.pruned is not None:
                state = _without_pruned(state, half, half.pruned)
            return replace(state, running={**state.running, record.trial: begun})
        case EpochEnd():
            after = state.running[record.trial].after(record, state.search.objective)
            return replace(state, running={**state.running, record.trial: after})
        case TrialEnd():
            return _end_trial(state, record)
        case _:
            return state


def _end_trial(state: State, record: TrialEnd) -> State:
    ended = state.running[record.trial].with_all_values(record)
    running = {trial: other for trial, other in state.running.items() if trial != record.trial}
    state = replace(state, running=running, ended=ended)
    if record.status is Status.FAILED:
        failures = (*state.failures, Failure(ended.begin, record))
        state = replace(state, failures=failures[-_MOST_FAILURES:])
    pruned = record.status is Status.PRUNED
    if pruned or record.status is Status.INTERRUPTED:
        seconds = record.duration_seconds if pruned else None
        state = replace(state, left={**state.left, record.trial: replace(ended, pruned=seconds)})
    if record.status is not Status.INTERRUPTED:
        total = state.pace.total + record.duration_seconds
        state = replace(state, pace=replace(state.pace, total=total))
    if not record.final or record.status is Status.INTERRUPTED:
        return state
    planned = state.planned(ended.begin)
    state = replace(state, epochs_of_ended=state.epochs_of_ended + planned)
    if record.status is Status.FAILED:
        return replace(state, failed=state.failed + 1)
    state = replace(state, pace=_pace(state, ended, record))
    if pruned:
        return replace(state, pruned=state.pruned + 1)
    best = state.best
    if record.score is not None and _better(record.score, best, state.search.direction):
        best = Best(record.score, record.trial, ended.begin.hyperparameters)
    return replace(state, completed=state.completed + 1, best=best)


def _without_pruned(state: State, running: Running, seconds: float) -> State:
    """Return what is known when a pruned trial, which was counted as over, goes on."""
    return replace(
        state,
        left={trial: other for trial, other in state.left.items() if other is not running},
        pruned=state.pruned - 1,
        epochs_of_ended=state.epochs_of_ended - state.planned(running.begin),
        pace=replace(state.pace, total=state.pace.total - seconds),
    )


def _pace(state: State, ended: Running, record: TrialEnd) -> Pace:
    """Return what trials took, with one more that completed."""
    pace = state.pace
    steps = state.planned(ended.begin) - state.search.executions_per_trial
    outside = max(0.0, record.duration_seconds - ended.between_epochs)
    return replace(
        pace,
        outside=(*pace.outside[1 - REMEMBERED :], outside),
        between_epochs=pace.between_epochs + ended.between_epochs,
        steps=pace.steps + steps,
    )


def _better(score: float, best: Best | None, direction: str) -> bool:
    if not math.isfinite(score):
        return False
    return best is None or (score > best.score if direction == "max" else score < best.score)
