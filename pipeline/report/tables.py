"""The report's tables: trials and search space."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.journal.attempts import distinct
from pipeline.journal.history import Attempt, History
from pipeline.report.conclusions import BEST
from pipeline.report.space import Hyperparameter, shown, space_of
from pipeline.report.trials import epochs_of, score_of, scored, scoreless, status_of
from pipeline.terminal.wording import duration


@dataclass(frozen=True)
class Cell:
    """A cell of a table that can be sorted.

    Attributes:
        text: What is shown.
        key: What it is sorted by.
        link: Where it leads to: an address, or a file beside the page; None if to nothing.
    """

    text: str
    key: float | str
    link: str | None = None


EMPTY = Cell("", "")


@dataclass(frozen=True)
class TableRow:
    """A row of a table of trials or searches.

    Attributes:
        status: How the trial or search stands.
        cells: The columns.
    """

    status: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class SpaceRow:
    """A hyperparameter in the table of the search space.

    Attributes:
        name: Its name.
        space: What may be chosen.
        best: What the best trial has.
        used: What the best trials have.
        note: When it exists, or that it is not searched; else empty.
    """

    name: str
    space: str
    best: str
    used: str
    note: str


def columns(history: History) -> list[str]:
    """Return the titles of the leaderboard's columns."""
    objective = history.begin.objective
    told = ("trial", "rank", "status", objective, "best epoch", "epochs", "time", "attempts")
    return [*told, *searched(history)]


def leaderboard(history: History, links: Mapping[str, str]) -> list[TableRow]:
    """Return every trial, best first; those without a score follow in the order they began.

    Args:
        history: The search.
        links: Addresses of MLflow runs, by trial.

    Returns:
        A row for each, with a cell for each of `columns`.
    """
    ranked = scored(history)
    names = searched(history)
    rows = []
    for rank, attempt in enumerate([*ranked, *scoreless(history)], start=1):
        status, trial = status_of(attempt, history), attempt.begin.trial
        place = rank if rank <= len(ranked) else None
        cells = (
            Cell(trial, trial, links.get(trial)),
            optional(place),
            Cell(status.lower(), status),
            *told(attempt),
            *(value_of(attempt, name) for name in names),
        )
        rows.append(TableRow(status, cells))
    return rows


def told(attempt: Attempt) -> tuple[Cell, ...]:
    """Return an attempt's score, best epoch, epochs, time and number of attempts."""
    end = attempt.end
    known = attempt.completed and math.isfinite(score_of(attempt))
    return (
        Cell(f"{score_of(attempt):.5g}", score_of(attempt)) if known else EMPTY,
        optional(None if end is None else end.best_epoch),
        Cell(str(epochs_of(attempt)), epochs_of(attempt)),
        Cell(duration(attempt.seconds), round(attempt.seconds, 3)),
        Cell(str(attempt.begin.attempt + 1), attempt.begin.attempt),
    )


def optional(value: int | None) -> Cell:
    """Return a number, or nothing where there is none."""
    return EMPTY if value is None else Cell(str(value), value)


def value_of(attempt: Attempt, name: str) -> Cell:
    """Return what an attempt has of a hyperparameter; empty if it has none of that name."""
    value = attempt.hyperparameters.get(name, "")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(shown(value), value if is_number else str(value))


def searched(history: History) -> list[str]:
    """Return the hyperparameters of the leaderboard; one that is fixed has a row in the space."""
    return [name for name, item in space_of(history).items() if item.searched]


def tested_columns(history: History) -> list[str]:
    """Return the titles of the columns of `tested_rows`."""
    baseline = history.evaluation is not None and history.evaluation.baseline
    return ["metric", "best model", *(["baseline"] if baseline else [])]


def tested_rows(history: History) -> list[TableRow]:
    """Return the best model's test metrics, each beside its baseline.

    Args:
        history: The search.

    Returns:
        A row for each, with a cell for each of `tested_columns`; none without a test.
    """
    tested = history.evaluation
    if tested is None:
        return []
    rows = []
    for name, value in tested.metrics.items():
        baseline = tested.baseline.get(name)
        beside = [EMPTY if baseline is None else _measured(baseline)] if tested.baseline else []
        rows.append(TableRow("", (Cell(name, name), _measured(value), *beside)))
    return rows


def space_rows(history: History) -> list[SpaceRow]:
    """Return what was searched and what the best trials have of it."""
    best = distinct(scored(history), BEST)
    return [_space_row(item, best) for item in space_of(history).values()]


def _measured(value: float) -> Cell:
    return Cell(f"{value:.5g}", value)


def _space_row(item: Hyperparameter, best: Sequence[Attempt]) -> SpaceRow:
    values = [a.hyperparameters[item.name] for a in best if item.name in a.hyperparameters]
    notes = [] if item.searched else ["not searched"]
    if item.conditional:
        notes.append("only with some values of others")
    first = shown(best[0].hyperparameters[item.name]) if _has(best[:1], item.name) else ""
    return SpaceRow(item.name, item.describe(), first, _used(item, values), ", ".join(notes))


def _has(attempts: Sequence[Attempt], name: str) -> bool:
    return any(name in attempt.hyperparameters for attempt in attempts)


def _used(item: Hyperparameter, values: Sequence[Any]) -> str:
    if not values:
        return ""
    if item.choices is not None:
        return ", ".join(dict.fromkeys(map(shown, values)))
    low, high = min(values), max(values)
    return shown(low) if low == high else f"{shown(low)} to {shown(high)}"
