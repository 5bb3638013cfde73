"""The report's tables: trials, search space and failures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.history import Attempt, History
from pipeline.report.conclusions import BEST
from pipeline.report.space import Hyperparameter, shown, space_of
from pipeline.report.trials import distinct, epochs_of, score_of, scored, status_of, trials_of
from pipeline.wording import duration


@dataclass(frozen=True)
class Cell:
    """A cell of a table that can be sorted.

    Attributes:
        text: What is shown.
        key: What it is sorted by.
    """

    text: str
    key: float | str


@dataclass(frozen=True)
class TrialRow:
    """A trial in the leaderboard.

    Attributes:
        trial: Its identifier.
        link: Address of its MLflow run, None if it is not known.
        status: How it stands.
        cells: The other columns.
    """

    trial: str
    link: str | None
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
    """Return the titles of the leaderboard's columns behind the trial."""
    told = ("rank", "status", history.begin.objective, "best epoch", "epochs", "time", "attempts")
    return [*told, *_names(history)]


def leaderboard(history: History, links: Mapping[str, str]) -> list[TrialRow]:
    """Return every trial, best first; those without a score follow in the order they began.

    Args:
        history: The search.
        links: Addresses of MLflow runs, by trial.

    Returns:
        A row a trial, with a cell for each of `columns`.
    """
    ranked = scored(history)
    known = {attempt.begin.trial for attempt in ranked}
    others = [attempt for attempt in trials_of(history) if attempt.begin.trial not in known]
    names = _names(history)
    rows = []
    for rank, attempt in enumerate([*ranked, *others], start=1):
        told = _told(attempt, rank if rank <= len(ranked) else None, status_of(attempt, history))
        cells = (*told, *(_value(attempt.hyperparameters.get(name, "")) for name in names))
        trial = attempt.begin.trial
        rows.append(TrialRow(trial, links.get(trial), status_of(attempt, history), cells))
    return rows


def space_rows(history: History) -> list[SpaceRow]:
    """Return what was searched and what the best trials have of it."""
    best = distinct(scored(history), BEST)
    return [_space_row(item, best) for item in space_of(history).values()]


def _names(history: History) -> list[str]:
    """Return the hyperparameters of the leaderboard; one that is fixed has a row in the space."""
    return [name for name, item in space_of(history).items() if item.searched]


def _told(attempt: Attempt, rank: int | None, status: str) -> tuple[Cell, ...]:
    end = attempt.end
    epoch = None if end is None else end.best_epoch
    return (
        _optional(rank, str(rank)),
        Cell(status.lower(), status),
        _optional(score_of(attempt), f"{score_of(attempt):.5g}") if rank else Cell("", ""),
        _optional(epoch, str(epoch)),
        Cell(str(epochs_of(attempt)), epochs_of(attempt)),
        Cell(duration(attempt.seconds), round(attempt.seconds, 3)),
        Cell(str(attempt.begin.attempt + 1), attempt.begin.attempt),
    )


def _optional(value: float | None, text: str) -> Cell:
    return Cell("", "") if value is None else Cell(text, value)


def _value(value: Any) -> Cell:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(shown(value), value if is_number else str(value))


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
