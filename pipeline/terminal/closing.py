"""What the terminal says when a search has ended."""

import shlex
from pathlib import Path

from rich.console import Console

from pipeline.journal.attempts import distinct
from pipeline.journal.files import REPORT_FILE
from pipeline.journal.history import FILE_NAME, Attempt, History, read
from pipeline.terminal.baseline import baseline_sentence, beats_baseline
from pipeline.terminal.leaderboard import LeaderboardRow, leaderboard
from pipeline.tracking import Delivery, viewing

_BEST = 5


def tell_missing_report(console: Console, directory: Path, reason: str | None) -> None:
    """Say how to make the report again, if it could not be made for a reason."""
    if reason is not None:
        console.print(
            f"The report could not be made ({reason}); make it again with: python -m "
            f"pipeline.report {shlex.quote(str(directory))}",
            soft_wrap=True,
            markup=False,
        )


def tell_waiting(console: Console, what: str) -> None:
    """Say what the end of a command waits for, when that takes longer than one expects."""
    console.print(f"Waiting for {what}; Ctrl-C ends the waiting", soft_wrap=True, markup=False)


def tell_undelivered(console: Console, directory: Path, delivery: Delivery) -> None:
    """Say how to deliver what MLflow does not have, if there is something."""
    if delivery.undelivered:
        if console.quiet:  # it is the one thing that is still to be done
            console = Console(stderr=True, highlight=False)
        console.print(
            f"MLflow does not have {delivery.undelivered} records yet ({delivery.error}); deliver "
            f"them with: python -m pipeline.tracking {shlex.quote(str(directory))}",
            soft_wrap=True,
            markup=False,  # an error may hold brackets
        )


def tell_result(
    console: Console, directory: Path, history: History, uri: str, delivery: Delivery
) -> None:
    """Print the leaderboard, the test's result and how to see it all.

    Args:
        console: Where to.
        directory: The search's folder.
        history: The search, whose best model was tested.
        uri: The tracking store's address.
        delivery: What MLflow has of it.
    """
    tested = history.evaluation
    assert tested is not None
    _tell_leaderboard(console, history)
    metrics = "  ".join(f"{name} {value:.4g}" for name, value in tested.metrics.items())
    how = "retrained on train and validation data" if tested.retrained else "its best weights"
    console.print(f"Test of trial {tested.trial} ({how}): [bold]{metrics}[/]", soft_wrap=True)
    if baseline := baseline_sentence(history):
        style = "yellow" if beats_baseline(history) is False else None
        console.print(baseline, style=style, soft_wrap=True)
    console.print(f"Model: {directory / tested.model}", soft_wrap=True)
    _tell_where(console, directory, history, uri, delivery)


def tell_unfinished(console: Console, directory: Path, uri: str, delivery: Delivery) -> None:
    """Print what a search had found before something ended it, and how to see it.

    Args:
        console: Where to.
        directory: The search's folder.
        uri: The tracking store's address.
        delivery: What MLflow has of it.
    """
    if not (directory / FILE_NAME).exists():  # somebody removed it
        return
    history = read(directory)
    if history.ranked():
        _tell_leaderboard(console, history)
    if history.attempts:
        _tell_where(console, directory, history, uri, delivery)


def _tell_leaderboard(console: Console, history: History) -> None:
    begin = history.begin
    rows = [_leaderboard_row(attempt) for attempt in distinct(history.ranked(), _BEST)]
    console.print(leaderboard(rows, objective=begin.objective, direction=begin.direction))


def _tell_where(
    console: Console, directory: Path, history: History, uri: str, delivery: Delivery
) -> None:
    if (report := directory / REPORT_FILE).exists():
        console.print(f"Report: {report}", soft_wrap=True)
    if delivery.registered:
        console.print(delivery.registered, soft_wrap=True)
    page = viewing(uri, delivery.experiment_id, history.begin.search)
    console.print(f"See every trial: {page}", soft_wrap=True)


def _leaderboard_row(attempt: Attempt) -> LeaderboardRow:
    end = attempt.end
    assert end is not None
    assert end.score is not None
    return LeaderboardRow(
        trial=end.trial,
        score=end.score,
        best_epoch=end.best_epoch,
        epochs_trained=end.epochs_trained,
        seconds=end.duration_seconds,
        hyperparameters=attempt.hyperparameters,
    )
