"""trials.csv and epochs.csv: what a search tried, as tables for other programs."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.journal.callbacks import Status
from pipeline.journal.files import replacing
from pipeline.journal.history import Attempt, History, read

TRIALS_FILE = "trials.csv"
EPOCHS_FILE = "epochs.csv"
_TRIALS = ("trial", "attempt", "status", "score", "best_epoch", "epochs_trained")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_EPOCHS = ("trial", "attempt", "execution", "epoch")


def write_tables(directory: Path) -> None:
    """Write `trials.csv` and `epochs.csv` from the journal.

    Args:
        directory: The search's folder, with its journal.
    """
    history = read(directory)
    for name, table in ((TRIALS_FILE, trial_rows(history)), (EPOCHS_FILE, epoch_rows(history))):
        with replacing(directory / name) as file:
            file.write(csv_text(*table).encode())


def trial_rows(history: History) -> tuple[list[str], list[list[Any]]]:
    """Return a search's attempts, one a row, in the order they began.

    The columns are `trial`, `attempt` (from 0), `status` (`COMPLETED`, `PRUNED`, `FAILED` or
    `INTERRUPTED`), `score`, `best_epoch` (from 0), `epochs_trained` (executions included),
    `duration_seconds`, and the hyperparameters by their names.

    Args:
        history: The search.

    Returns:
        The columns, and the rows; what a trial does not have is None.
    """
    names = list(dict.fromkeys(name for a in history.attempts for name in a.hyperparameters))
    rows = [
        [*_trial_row(attempt), *(attempt.hyperparameters.get(name) for name in names)]
        for attempt in history.attempts
    ]
    return [*_TRIALS, "duration_seconds", *names], rows


def epoch_rows(history: History) -> tuple[list[str], list[list[Any]]]:
    """Return every epoch of a search, one a row, in the order the trials began.

    The columns are `trial`, `attempt` and `execution` (from 0), `epoch` (absolute, from 0: a trial
    that Hyperband promoted starts where the one before it ended), and the metrics by the names that
    Keras gives them, in the order they first appeared.

    Args:
        history: The search.

    Returns:
        The columns, and the rows; what an epoch did not report is None.
    """
    epochs = [epoch for attempt in history.attempts for epoch in attempt.epochs]
    names = list(dict.fromkeys(name for epoch in epochs for name in epoch.logs))
    rows = [
        [e.trial, e.attempt, e.execution, e.epoch, *(e.logs.get(name) for name in names)]
        for e in epochs
    ]
    return [*_EPOCHS, *names], rows


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table as CSV that a spreadsheet takes for nothing but data.

    Args:
        columns: The header.
        rows: The values; None is empty. A text that a spreadsheet would run as a formula has an
            apostrophe before it (OWASP's advice on CSV injection).

    Returns:
        The table, its lines ended as in RFC 4180.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for row in (columns, *rows):
        writer.writerow([_data(value) for value in row])
    return text.getvalue()


def _data(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _trial_row(attempt: Attempt) -> list[Any]:
    begin, end = attempt.begin, attempt.end
    if end is None:  # its process died
        known = len(attempt.epochs)
        return [begin.trial, begin.attempt, Status.INTERRUPTED.value, None, None, known, None]
    return [
        begin.trial,
        begin.attempt,
        end.status.value,
        end.score,
        end.best_epoch,
        end.epochs_trained,
        end.duration_seconds,
    ]
