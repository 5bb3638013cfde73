"""The best trials of a search as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from pipeline.terminal.wording import assignments, duration, number


@dataclass(frozen=True)
class LeaderboardRow:
    """A completed trial, as the leaderboard shows it.

    Attributes:
        trial: Identifier of the trial.
        score: The objective's value.
        best_epoch: Absolute epoch of the score, from 0; None if unknown.
        epochs_trained: Epochs the trial trained, executions included.
        seconds: How long it took.
        hyperparameters: Its values.
    """

    trial: str
    score: float
    best_epoch: int | None
    epochs_trained: int
    seconds: float
    hyperparameters: Mapping[str, Any]


def leaderboard(
    rows: Sequence[LeaderboardRow], *, objective: str, direction: str, count: int = 5
) -> Table:
    """Return the best trials as a table.

    Args:
        rows: Completed trials in any order.
        objective: Name of the metric that is optimised.
        direction: `min` or `max`.
        count: How many trials to show.

    Returns:
        The table, best trial first; equal scores keep their order.
    """
    sign = -1.0 if direction == "max" else 1.0
    ranked = sorted(rows, key=lambda row: sign * row.score)[:count]
    table = Table(
        title=f"Best trials by {objective} ({direction})",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("trial", no_wrap=True)
    table.add_column(objective, justify="right", style="bold", no_wrap=True)
    table.add_column("best\nepoch", justify="right")
    table.add_column("epochs", justify="right")
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("hyperparameters")
    for row in ranked:
        table.add_row(
            Text(row.trial),
            number(row.score),
            "" if row.best_epoch is None else str(row.best_epoch),
            str(row.epochs_trained),
            duration(row.seconds),
            Text(assignments(row.hyperparameters)),
        )
    return table
