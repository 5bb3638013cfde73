"""Where a pruner stopped each trial, and which of them went on later."""

import math
from collections import Counter

import plotly.graph_objects as go

from pipeline.journal.history import Attempt, History
from pipeline.report.layout import (
    ACCENT,
    MUTED,
    POINT,
    Picture,
    figure,
    name_whole_numbers,
    rounded,
    show_scores,
)
from pipeline.report.trials import trials_of
from pipeline.terminal.wording import count

_NAME, _TITLE = "rungs", "Where trials were pruned"
_MOST_NAMED = 4  # epochs
_Point = tuple[int, float, str]
"""The epoch, the best value up to it, and the trial."""


def rungs_picture(history: History) -> Picture | None:
    """Return each trial where it stopped, by its best value up to then.

    Returns:
        The picture; None if no pruner was used, and none was pruned.
    """
    trials = [attempt for attempt in trials_of(history) if attempt.epochs]
    if history.begin.pruner == "none" and not any(attempt.pruned for attempt in trials):
        return None
    pruned = [attempt for attempt in trials if attempt.pruned]
    again = [attempt for attempt in trials if attempt.pauses]
    ends = {
        "pruned": _ends(history, pruned),
        "completed": _ends(history, [attempt for attempt in trials if attempt.completed]),
        "taken up again": [
            point
            for attempt in again
            for epoch in attempt.pauses
            if (point := _point(history, attempt, epoch)) is not None
        ],
    }
    shown = [point for points in ends.values() for point in points]
    if not shown:
        return Picture(_NAME, _TITLE, "No trial was pruned or has completed yet.", None)
    objective = history.begin.objective
    made = figure("last epoch", f"best {objective} up to then", height=440)
    made.add_trace(_ways(history, again))
    for name, color, symbol in (
        ("pruned", MUTED, "circle"),
        ("taken up again", ACCENT, "triangle-right"),
        ("completed", POINT, "circle"),
    ):
        _add(made, ends[name], name, color, symbol)
    outside = show_scores(made, [value for _, value, _ in shown], history.begin.direction)
    epochs = [epoch for epoch, _, _ in shown]
    name_whole_numbers(made, min(epochs), max(epochs))
    told = [_told(pruned, len(trials))]
    if again:
        told.append(f"{count(len(again), 'trial')} went on after a pause.")
    return Picture(_NAME, _TITLE, " ".join([*told, outside]).strip(), made)


def _told(pruned: list[Attempt], trials: int) -> str:
    if not pruned:
        return f"None of {count(trials, 'trial')} is pruned."
    after = Counter(attempt.epochs[-1].epoch for attempt in pruned)
    where = f"after epochs {min(after)} to {max(after)}"
    if len(after) <= _MOST_NAMED:
        where = ", ".join(
            f"{number} after epoch {epoch}" for epoch, number in sorted(after.items())
        )
    verb = "is" if len(pruned) == 1 else "are"
    return f"{len(pruned)} of {count(trials, 'trial')} {verb} pruned: {where}."


def _ends(history: History, attempts: list[Attempt]) -> list[_Point]:
    found = [_point(history, attempt, attempt.epochs[-1].epoch) for attempt in attempts]
    return [point for point in found if point is not None]


def _point(history: History, attempt: Attempt, epoch: int) -> _Point | None:
    """Return an attempt at the end of an epoch; None if it has no finite value by then."""
    values = [
        value
        for told in attempt.epochs
        if told.epoch <= epoch
        and math.isfinite(value := told.logs.get(history.begin.objective, math.nan))
    ]
    if not values:
        return None
    best = max(values) if history.begin.direction == "max" else min(values)
    return epoch, best, attempt.begin.trial


def _ways(history: History, attempts: list[Attempt]) -> go.Scatter:
    """Return lines from where trials were paused to where they stopped later."""
    x: list[int | None] = []
    y: list[float | None] = []
    for attempt in attempts:
        stops = [*attempt.pauses, attempt.epochs[-1].epoch]
        points = [point for stop in stops if (point := _point(history, attempt, stop)) is not None]
        x += [*(epoch for epoch, _, _ in points), None]
        y += [*rounded([value for _, value, _ in points]), None]
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": ACCENT, "width": 1},
        opacity=0.6,
        hoverinfo="skip",
        showlegend=False,
    )


def _add(made: go.Figure, points: list[_Point], name: str, color: str, symbol: str) -> None:
    if points:
        epochs, values, trials = zip(*points, strict=True)
        made.add_scatter(
            x=epochs,
            y=rounded(values),
            text=trials,
            name=name,
            mode="markers",
            marker={"color": color, "size": 8, "opacity": 0.8, "symbol": symbol},
            hovertemplate="trial %{text}: %{y}<extra></extra>",
        )
