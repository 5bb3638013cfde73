"""What is counted of a search's attempts: failures, time, and trials that failed in a row."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from keras_tuner.engine.trial import TrialStatus

from pipeline.journal.callbacks import Status


@dataclass(frozen=True)
class Earlier:
    """What earlier processes did of a search.

    Attributes:
        attempts: FAILED attempts, by trial.
        seconds: Time spent on the attempt that is continued, by trial.
        needed: Trials whose files are needed yet, beside those of which the oracle knows.
        pruned: Time spent on trials that were pruned and may go on, by trial.
    """

    attempts: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    needed: Collection[str] = ()
    pruned: Mapping[str, float] = field(default_factory=dict)


class Attempts:
    """Counts the attempts at trials, of earlier processes and of this one.

    Args:
        earlier: What earlier processes did.
        ended: The statuses of the trials that ended in them, in this order.

    Attributes:
        failed_in_a_row: Trials that failed since the last one that did not.
    """

    def __init__(self, earlier: Earlier, ended: Iterable[str]) -> None:
        self.failed_in_a_row = 0
        self._earlier = earlier
        self._failed = Counter(earlier.attempts)
        self._seconds = dict(earlier.seconds)
        self._pruned = dict(earlier.pruned)
        for status in ended:
            self.note_end(status)

    def number(self, trial: str) -> int:
        """Return which attempt at a trial runs or comes next: 0 for the first."""
        return self._failed[trial]

    def spend(self, trial: str, seconds: float) -> float:
        """Note what this process spent on a trial's attempt.

        Args:
            trial: The trial's identifier.
            seconds: Time since this process began or continued the attempt.

        Returns:
            Seconds that all processes together spent on it.
        """
        continued = self._failed[trial] == self._earlier.attempts.get(trial, 0)
        told = self._seconds.pop(trial, 0.0) if continued else 0.0
        return seconds + told + self._pruned.pop(trial, 0.0)

    def note_pruned(self, trial: str, seconds: float) -> None:
        """Note that a trial was pruned, after so many seconds; it may go on."""
        self._pruned[trial] = seconds

    def note_failure(self, trial: str) -> None:
        """Note that a trial's attempt FAILED; the next one has another number."""
        self._failed[trial] += 1

    def note_end(self, status: str) -> None:
        """Note how the oracle left a trial; one that is tried again has not ended."""
        if status in (TrialStatus.COMPLETED, Status.PRUNED):
            self.failed_in_a_row = 0
        elif status == TrialStatus.FAILED:
            self.failed_in_a_row += 1
