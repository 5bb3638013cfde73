"""A search's trials as the report shows them: each once, with how it stands."""

import dataclasses
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.journal.callbacks import Status
from pipeline.journal.history import Attempt, History

RUNNING = "RUNNING"

_NUMBERS = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class Failure:
    """Trials that failed for the same reason.

    Attributes:
        reason: What the first of them told; the others may differ in numbers.
        attempts: The failed attempts.
        traceback: Of the first one that has one.
    """

    reason: str
    attempts: tuple[Attempt, ...]
    traceback: str | None

    @property
    def trials(self) -> tuple[str, ...]:
        """The trials that failed so for good."""
        return tuple(a.begin.trial for a in self.attempts if a.finished)


def trials_of(history: History) -> list[Attempt]:
    """Return the newest attempt at each trial, in the order the trials began."""
    return list({attempt.begin.trial: attempt for attempt in history.attempts}.values())


def scored(history: History) -> list[Attempt]:
    """Return the completed trials with a finite score, best first."""
    finite = tuple(a for a in history.attempts if a.completed and math.isfinite(score_of(a)))
    return dataclasses.replace(history, attempts=finite).ranked()


def scoreless(history: History) -> list[Attempt]:
    """Return the trials that `scored` leaves out, in the order they began."""
    known = {attempt.begin.trial for attempt in scored(history)}
    return [attempt for attempt in trials_of(history) if attempt.begin.trial not in known]


def score_of(attempt: Attempt) -> float:
    """Return a completed trial's score."""
    assert attempt.end is not None
    assert attempt.end.score is not None
    return attempt.end.score


def status_of(attempt: Attempt, history: History) -> str:
    """Return how an attempt ended, or that it runs.

    A process that dies tells of no end: its attempt is shown as running until the search's
    next process tells more.
    """
    if attempt.end is not None:
        return str(attempt.end.status)
    return RUNNING if history.end is None else str(Status.INTERRUPTED)


def epochs_of(attempt: Attempt) -> int:
    """Return how many epochs an attempt trained so far, executions included."""
    return len(attempt.epochs) if attempt.end is None else attempt.end.epochs_trained


def end_time(attempt: Attempt) -> float:
    """Return when something of an attempt was last told, in seconds since the epoch."""
    if attempt.end is not None:
        return attempt.end.time
    return attempt.epochs[-1].time if attempt.epochs else attempt.begin.time


def failures_of(history: History) -> list[Failure]:
    """Return the failed attempts grouped by reason, the most frequent first."""
    groups: dict[str, list[Attempt]] = {}
    for attempt in history.attempts:
        if attempt.end is not None and attempt.end.status is Status.FAILED:
            message = attempt.end.message or "no reason was told"
            groups.setdefault(_NUMBERS.sub("#", message), []).append(attempt)
    failures = [_failure(attempts) for attempts in groups.values()]
    return sorted(failures, key=lambda failure: -len(failure.attempts))


def _failure(attempts: Sequence[Attempt]) -> Failure:
    ends = [attempt.end for attempt in attempts if attempt.end is not None]
    tracebacks = (end.traceback for end in ends if end.traceback)
    reason = ends[0].message or "no reason was told"
    return Failure(reason, tuple(attempts), next(tracebacks, None))
