"""What an unfinished search hands on to the process that continues it."""

from collections import Counter
from collections.abc import Sequence

import keras_tuner

from pipeline.configuration.config import ConfigError, Resume
from pipeline.journal.callbacks import Status
from pipeline.journal.history import Attempt, History, follow, read
from pipeline.search.attempts import Earlier
from pipeline.search.budgeting import Spending
from pipeline.search.deaths import lost_attempts, needed_yet, revived, still_holds
from pipeline.search.listeners import Listeners
from pipeline.search.pruning import Pruning
from pipeline.search.storage import Folder
from pipeline.search.trial_values import restored_values
from pipeline.strategies import Oracle, RestoredTrial
from pipeline.terminal.wording import count


def position(past: History) -> str:
    """Return where a search continues: its next trial, and the epochs which that has already."""
    newest = {attempt.begin.trial: attempt for attempt in past.attempts}
    running = next((attempt for attempt in newest.values() if not attempt.finished), None)
    if running is None:
        return f"trial {len(newest):04d}"
    epochs = len(running.epochs)
    known = f", of which {count(epochs, 'epoch')} {'is' if epochs == 1 else 'are'} known"
    return f"trial {running.begin.trial}" + (known if running.continues and epochs else "")


def what_next(resume: Resume, oracle: keras_tuner.Oracle) -> str:
    """Say how to go on with an interrupted search."""
    if not hasattr(oracle, "restore"):
        return f"the same command starts anew, as {type(oracle).__name__} cannot continue"
    again = " with resume=auto" if resume is Resume.never else ""
    return f"the same command{again} continues this search"


def resume_of(resume: Resume, oracle: keras_tuner.Oracle) -> Resume:
    """Return what is asked for, but `never` for an oracle that cannot continue.

    Raises:
        ConfigError: It must.
    """
    if hasattr(oracle, "restore"):
        return resume
    if resume is Resume.must:
        raise ConfigError(
            f"resume=must needs a strategy that can continue; {type(oracle).__name__} is no "
            "pipeline.strategies.Oracle"
        )
    return Resume.never


def catch_up(
    folder: Folder,
    oracle: Oracle,
    name: str,
    max_attempts: int | None,
    listeners: Listeners,
    pruning: Pruning,
    spending: Spending,
) -> Earlier:
    """Bring the oracle, the pruning and the terminal to where an unfinished search was.

    Args:
        folder: The search's folder, held by this process.
        oracle: It knows of no trial yet.
        name: The search's name, as configured now.
        max_attempts: As in `lost_attempts`.
        listeners: Told of attempts whose end nobody lived to tell.
        pruning: Follows the trials; it is among the listeners.
        spending: Follows what they cost; it is among the listeners.

    Returns:
        What the tuner has to know; nothing of a search that starts now.
    """
    for sentence in folder.told:
        listeners.console.print(sentence, soft_wrap=True)
    if folder.past is None:
        return Earlier()
    past = revived(folder.past, max_attempts)
    told = [record for _, record in follow(folder.path) if still_holds(record, past)]
    listeners.progress.replay(told)
    for record in told:
        pruning.replay(record)
        spending.replay(record)
    for end in lost_attempts(past, max_attempts):
        for callback in listeners.callbacks:
            callback.on_trial_end(end)
    past = revived(read(folder.path), max_attempts)
    oracle.restore(restored_trials(past, pruning))
    spending.afford()
    where = f"Continuing {folder.path.name} at {position(past)}"
    if name != folder.past.begin.name:
        where += f"; name={name} alone makes no other search, resume=never does"
    listeners.console.print(where, soft_wrap=True)
    return earlier(past)


def restored_trials(past: History, pruning: Pruning) -> list[RestoredTrial]:
    """Return the trials of an unfinished search, for the oracle that continues it.

    Args:
        past: The search so far.
        pruning: It knows what pruned trials have reported.

    Returns:
        Each trial once, in the order they started; one that was running is RUNNING again.
    """
    attempts: dict[str, list[Attempt]] = {}
    for attempt in past.attempts:
        attempts.setdefault(attempt.begin.trial, []).append(attempt)
    return [_restored(tries, pruning) for tries in attempts.values()]


def _restored(tries: Sequence[Attempt], pruning: Pruning) -> RestoredTrial:
    last = tries[-1]
    end = last.end if last.finished else None
    failed = [attempt for attempt in tries if attempt.end and attempt.end.status is Status.FAILED]
    return RestoredTrial(
        trial_id=last.begin.trial,
        values=restored_values(last.hyperparameters, last.begin),
        status="RUNNING" if end is None else end.status.value,
        score=end.score if end else None,
        best_step=end.best_epoch or 0 if end else None,
        attempts=len(failed),
        metrics=end.metrics if end else {},
        message=end.message if end else None,
        declared=end.declared if end else (),
        partial=pruning.values(last.begin.trial) if end and end.status is Status.PRUNED else {},
        unused=end.unused if end else (),
    )


def earlier(past: History) -> Earlier:
    """Return what the tuner has to know of an unfinished search."""
    return Earlier(
        attempts=Counter(
            attempt.begin.trial
            for attempt in past.attempts
            if attempt.end is not None and attempt.end.status is Status.FAILED
        ),
        seconds={a.begin.trial: a.seconds for a in past.attempts if a.continues},
        needed=needed_yet(past),
        pruned={
            attempt.begin.trial: attempt.end.duration_seconds
            for attempt in past.attempts
            if attempt.end is not None and attempt.end.status is Status.PRUNED
        },
    )
