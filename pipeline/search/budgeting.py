"""Follows what a search spends, and tells the loop what its budget allows."""

import dataclasses
import time
from collections.abc import Callable
from typing import Protocol

import keras_tuner

from pipeline.configuration.config import Budget, Grace
from pipeline.journal.callbacks import (
    EpochEnd,
    EvaluationEnd,
    Record,
    SearchBegin,
    SearchCallback,
    SearchEnd,
    Status,
    TrialBegin,
    TrialEnd,
)
from pipeline.search.budget import Cost, Limit, Spent, closed, reached, time_over
from pipeline.terminal.wording import count
from pipeline.training.stopping import Stop


class Budgeting(Protocol):
    """What the loop asks about the budget."""

    @property
    def stopped(self) -> str | None:
        """The trial that was stopped with the search, and goes on if the budget is raised."""
        ...

    @property
    def key(self) -> str | None:
        """The key of the limit that has ended the search; None if none has."""
        ...

    @property
    def sentence(self) -> str | None:
        """What to say of that limit."""
        ...

    def is_over(self) -> bool:
        """Whether the search ends here."""
        ...

    def is_closed(self) -> bool:
        """Whether no other trial starts, so that the search ends with those that were paused."""
        ...

    def stop(self, trial: str) -> Stop | None:
        """Return whether a trial stops at the end of its newest epoch."""
        ...


class NoBudget:
    """Limits nothing."""

    stopped: str | None = None
    key: str | None = None
    sentence: str | None = None

    def is_over(self) -> bool:
        """Never."""
        return False

    def is_closed(self) -> bool:
        """Never."""
        return False

    def stop(self, trial: str) -> Stop | None:  # noqa: ARG002
        """Let it go on."""
        return None


class Spending(SearchCallback):
    """Counts what the records tell, and lets the oracle plan with it.

    It is told what the journal is told, also of what earlier processes did.

    Args:
        budget: What the search may spend.
        oracle: Told what trials cost, if it plans.
        retrained: Whether the final model is trained again.
        epochs: Epochs that a paused trial may need to its end; 0 if no pruner pauses any.
        tell: Given a sentence on what the budget buys, once.
        clock: Gives seconds since the epoch.
    """

    def __init__(
        self,
        budget: Budget,
        oracle: keras_tuner.Oracle,
        *,
        retrained: bool = False,
        epochs: int = 0,
        tell: Callable[[str], None] = lambda _sentence: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._budget = budget
        self._oracle = oracle
        self._retrained = retrained
        self._epochs = epochs
        self._tell = tell
        self._clock = clock
        self._spent = Spent()
        self._left: tuple[float, Cost] | None = None
        self._planned_left: int | None = None
        self._planned: int | None = getattr(oracle, "total_trials", None)
        self._told = False
        self._limit: Limit | None = None
        self._stopped: str | None = None

    def replay(self, record: Record) -> None:
        """Take note of what an earlier process has told."""
        self._spent.note(record)
        if isinstance(record, TrialEnd):
            self._told = self._estimate(record) or self._told

    def afford(self) -> None:
        """Let the oracle plan with what trials take, as far as it does and that is known."""
        if self._left is not None and hasattr(self._oracle, "afford"):
            seconds, cost = self._left
            self._planned_left = self._oracle.afford(
                seconds, cost.trial, cost.epoch, known=cost.known
            )

    def on_search_begin(self, record: SearchBegin) -> None:
        """Begin to count, or go on after a pause."""
        self._spent.note(record)

    def on_trial_begin(self, record: TrialBegin) -> None:
        """Count the trial."""
        self._spent.note(record)

    def on_epoch_end(self, record: EpochEnd) -> None:
        """Count the epoch."""
        self._spent.note(record)

    def on_trial_end(self, record: TrialEnd) -> None:
        """Note what the trial took; say what the budget buys as soon as that is known."""
        self._spent.note(record)
        if self._estimate(record):
            self.afford()
            if not self._told:
                self._tell(self._bought())
                self._told = True

    def on_search_end(self, record: SearchEnd) -> None:
        """Count the time until the end."""
        self._spent.note(record)

    def on_evaluation_end(self, record: EvaluationEnd) -> None:
        """Count the time of the final test."""
        self._spent.note(record)

    def is_over(self) -> bool:
        """Whether the search ends here."""
        now, budget = self._clock(), self._budget
        if self._all_begun and not self._epochs:  # it ends by itself
            budget = dataclasses.replace(budget, seconds=None, epochs=None)
        self._limit = reached(budget, self._spent, now, retrained=self._retrained)
        return self._limit is not None

    def is_closed(self) -> bool:
        """Whether no other trial starts, so that the search ends with those that were paused."""
        budget = self._budget
        if self._planned_left is not None or self._all_begun:
            # The oracle proposes what ends in time, or nothing.
            budget = dataclasses.replace(budget, seconds=None)
        self._limit = closed(
            budget,
            self._spent,
            self._clock(),
            retrained=self._retrained,
            epochs=self._epochs,
        )
        return self._limit is not None

    def stop(self, trial: str) -> Stop | None:
        """Return whether a trial stops at the end of its newest epoch.

        A trial that has used its own time up ends with its best epoch so far, as by an early
        stopping. One that is stopped with the search goes on if the budget is raised; the first
        one of a search ends instead, as there would be no model to test.

        Args:
            trial: One that runs.
        """
        now, budget = self._clock(), self._budget
        own = budget.seconds_per_trial
        if own is not None and self._spent.seconds_of(trial, now) >= own:
            return Stop.END
        if budget.grace is Grace.finish:
            return None
        limit = time_over(budget, self._spent, now, retrained=self._retrained)
        if limit is None and budget.epochs is not None and self._spent.epochs >= budget.epochs:
            limit = reached(budget, self._spent, now, retrained=self._retrained)
        if limit is None:
            return None
        if self._spent.best is None:
            return Stop.END
        self._limit, self._stopped = limit, trial
        return Stop.INTERRUPT

    @property
    def stopped(self) -> str | None:
        """The trial that was stopped with the search, and goes on if the budget is raised."""
        return self._stopped

    @property
    def key(self) -> str | None:
        """The key of the limit that has ended the search; None if none has."""
        return None if self._limit is None else self._limit.key

    @property
    def sentence(self) -> str | None:
        """What to say of that limit."""
        if self._limit is None:
            return None
        goes_on = "" if self._stopped is None else f"; trial {self._stopped} goes on with more"
        return self._limit.sentence + goes_on

    @property
    def _all_begun(self) -> bool:
        """Whether the oracle has no other trial than those that were begun, as far as it knows."""
        total: int | None = getattr(self._oracle, "total_trials", None)
        if total is None or self._planned is None or getattr(self._oracle, "must_try_again", False):
            return False
        return len(self._spent.trials) >= max(total, self._planned)

    def _estimate(self, record: TrialEnd) -> bool:
        """Estimate from the trials so far what is left for others; return if that can be done."""
        cost, seconds = self._spent.cost, self._budget.seconds
        if cost is None or seconds is None or record.status is Status.INTERRUPTED:
            return False
        left = seconds - self._spent.reserve(retrained=self._retrained) - self._spent.seconds
        self._left = (left, cost)
        return True

    def _bought(self) -> str:
        """Say how many trials there is time for."""
        cost, seconds = self._spent.cost, self._budget.seconds
        assert cost is not None
        assert seconds is not None
        assert self._left is not None
        more = self._planned_left
        if more is None:
            more = max(0, int(self._left[0] / cost.whole))
        bought = len(self._spent.scores) + more
        limits = (self._planned, self._budget.trials)
        most = min((limit for limit in limits if limit is not None), default=None)
        if most is not None and most <= bought:
            return f"budget.seconds={seconds:g} buy all {count(most, 'trial')}"
        of = "" if most is None else f" of {most}"
        return f"budget.seconds={seconds:g} buy about {count(bought, 'trial')}{of}"
