"""Trials that take their process down: given up after some deaths, tried again if more may be."""

import time
from dataclasses import replace
from itertools import takewhile

from pipeline.journal.callbacks import Record, Status, TrialEnd
from pipeline.journal.history import Attempt, History
from pipeline.terminal.wording import count

_MOST_DEATHS = 3
_EARLY_A_DEATH = 3


def lost_attempts(past: History, max_attempts: int | None) -> list[TrialEnd]:
    """Return the ends of attempts in which the process died once too often.

    Running out of memory or a segmentation fault takes the process down, and KerasTuner then runs
    the trial again for ever (its issue 439).

    Args:
        past: The search so far; no process runs it.
        max_attempts: How often a trial is tried; tries that raised do not count here. None
            allows three deaths: a process may also be killed for reasons that are not the trial's,
            and before its first epoch soon: of such deaths three count as one.

    Returns:
        Ends that nobody lived to tell.
    """
    return [
        _end_of(attempt, _counted(attempt, max_attempts))
        for attempt in past.attempts
        if attempt.end is None and not _may_go_on(attempt, max_attempts)
    ]


def revived(past: History, max_attempts: int | None) -> History:
    """Return a search with the trials that go on because more deaths are allowed than before.

    They are those since the last completed one: what came after that may have made the search
    fail, and nothing was concluded from it.

    Args:
        past: The search so far; no process runs it.
        max_attempts: As in `lost_attempts`.

    Returns:
        The same object if there are none; else one in which they, and the search, have not ended.
    """
    again = [one for one in _given_up(past) if _may_go_on(one, max_attempts)]
    if not again:
        return past
    attempts = [replace(one, end=None) if one in again else one for one in past.attempts]
    return replace(past, attempts=tuple(attempts), end=None)


def needed_yet(past: History) -> set[str]:
    """Return the trials whose files `revived` may need, with those that they start from."""
    begun = [attempt.begin for attempt in _given_up(past)]
    parents = {begin.lineage.get("parent") for begin in begun}
    return {begin.trial for begin in begun} | {parent for parent in parents if parent is not None}


def still_holds(record: Record, past: History) -> bool:
    """Whether a record is not the end of an attempt that went on, or goes on now.

    Args:
        record: One of the search's journal.
        past: The search, after `revived`.
    """
    lost = isinstance(record, TrialEnd) and record.deaths
    return not lost or any(attempt.end == record for attempt in past.attempts)


def _given_up(past: History) -> list[Attempt]:
    """Return the attempts since the last completed one that were given up because of deaths."""
    since = takewhile(lambda attempt: not attempt.completed, reversed(past.attempts))
    return [attempt for attempt in since if attempt.end is not None and attempt.end.deaths]


def _may_go_on(attempt: Attempt, max_attempts: int | None) -> bool:
    return _counted(attempt, max_attempts) < (max_attempts or _MOST_DEATHS)


def _counted(attempt: Attempt, max_attempts: int | None) -> int:
    """Return how many deaths count; where somebody has said how many may be, it is each."""
    early = attempt.early_deaths
    return attempt.deaths + (early if max_attempts is not None else early // _EARLY_A_DEATH)


def _end_of(attempt: Attempt, deaths: int) -> TrialEnd:
    """Return the end of an attempt that takes its process down whenever it is tried."""
    times = count(attempt.deaths + attempt.early_deaths, "time")
    return TrialEnd(
        trial=attempt.begin.trial,
        attempt=attempt.begin.attempt,
        status=Status.FAILED,
        score=None,
        best_epoch=None,
        metrics={},
        epochs_trained=len(attempt.epochs),
        duration_seconds=attempt.seconds,
        final=True,
        message=f"the process died {times} while it ran this trial, without getting further: it "
        "may need too much memory, or a larger max_attempts",
        traceback=None,
        time=time.time(),
        deaths=deaths,
    )
