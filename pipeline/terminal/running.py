"""An attempt at a trial while it runs, folded from its records."""

from dataclasses import dataclass, replace

from pipeline.journal.attempts import Attempt
from pipeline.journal.callbacks import EpochEnd, TrialBegin, TrialEnd

REMEMBERED = 200
"""Values of a curve, and trials, at most."""


@dataclass(frozen=True)
class Running:
    """An attempt at a trial, as far as it got.

    Attributes:
        begin: How it started.
        latest: Its newest epoch, None before the first one.
        epochs: How many it trained, executions included.
        curve: The objective's newest values in the present execution.
        before: Seconds until its first epoch was trained.
        between_epochs: Seconds from the first epoch of each execution to its newest one.
        known: How many epochs an earlier process had trained: those are only told again.
        earlier: Seconds which that process had spent on it.
        pruned: Seconds after which a pruner stopped it; None if it was not.
    """

    begin: TrialBegin
    latest: EpochEnd | None = None
    epochs: int = 0
    curve: tuple[float, ...] = ()
    before: float = 0.0
    between_epochs: float = 0.0
    known: int = 0
    earlier: float = 0.0
    pruned: float | None = None

    def after(self, record: EpochEnd, objective: str) -> "Running":
        """Return it after one more epoch."""
        goes_on = self.latest is not None and self.latest.execution == record.execution
        curve = self.curve[1 - REMEMBERED :] if goes_on else ()
        if objective in record.logs:
            curve = (*curve, record.logs[objective])
        new = self.epochs >= self.known
        step = _between(self.latest, record) if self.latest and goes_on and new else 0.0
        return replace(
            self,
            latest=record,
            epochs=self.epochs + 1,
            curve=curve,
            before=self.before if self.latest or self.known else _between(self.begin, record),
            between_epochs=self.between_epochs + step,
        )

    def with_all_values(self, end: TrialEnd) -> "Running":
        """Return it with the hyperparameters, too, that its own training has declared."""
        values = Attempt(self.begin, end=end).hyperparameters
        return replace(self, begin=replace(self.begin, hyperparameters=values))

    def again(self, begin: TrialBegin) -> "Running":
        """Return what another process that goes on with the attempt starts with."""
        return Running(
            begin,
            before=self.before,
            between_epochs=self.between_epochs,
            known=max(self.known, self.epochs),
            earlier=self.seconds,
        )

    @property
    def seconds(self) -> float:
        """Seconds from its beginning to its newest epoch, in all processes."""
        return self.earlier + (_between(self.begin, self.latest) if self.latest else 0.0)


def _between(one: TrialBegin | EpochEnd, other: EpochEnd) -> float:
    """Return the seconds between two records; none if the clock was put back meanwhile."""
    return max(0.0, other.time - one.time)
