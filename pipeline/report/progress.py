"""The best score so far, against trials, epochs and seconds."""

from itertools import accumulate

import plotly.graph_objects as go

from pipeline.history import Attempt, History
from pipeline.report.layout import ACCENT, MUTED, Picture, figure, rounded, show_readable
from pipeline.report.trials import end_time, epochs_of, score_of, scored

_AXES = {
    "trials": "trials finished",
    "epochs": "epochs trained",
    "seconds": "seconds trained",
}


def progress_pictures(history: History) -> list[Picture]:
    """Return how the best score improved: by trials, by epochs and by seconds.

    All attempts and executions count as epochs and seconds, failed ones too; pauses do not.
    """
    if not scored(history):
        why = "No trial has a score yet."
        return [_picture(unit, why, None) for unit in _AXES]
    return [_progress(history, unit) for unit in _AXES]


def _progress(history: History, unit: str) -> Picture:
    objective = history.begin.objective
    better = max if history.begin.direction == "max" else min
    spent = _spent(history, unit)
    attempts = sorted(scored(history), key=end_time)
    x = [spent[attempt.begin.trial] for attempt in attempts]
    y = [score_of(attempt) for attempt in attempts]
    best = list(accumulate(y, better))
    made = figure(_AXES[unit], objective, height=320)
    made.add_scatter(
        x=rounded(x),
        y=rounded(y),
        text=[attempt.begin.trial for attempt in attempts],
        hovertemplate="trial %{text}: %{y}<extra></extra>",
        mode="markers",
        name="score of a trial",
        marker={"color": MUTED, "size": 6},
    )
    made.add_scatter(
        x=rounded([*x, max(spent.values())]),
        y=rounded([*best, best[-1]]),
        mode="lines",
        name="best so far",
        line={"color": ACCENT, "shape": "hv", "width": 2.5},
        hovertemplate="best so far: %{y}<extra></extra>",
    )
    outside = show_readable(made, y, history.begin)
    what = f"Each point is a trial's {objective}, the line the best so far."
    return _picture(unit, f"{what} {outside}".strip(), made)


def _picture(unit: str, caption: str, made: go.Figure | None) -> Picture:
    title = f"Best score against {_AXES[unit]}"
    return Picture(f"progress_{unit}", title, caption, made, small=True)


def _spent(history: History, unit: str) -> dict[str, float]:
    """Return what had been spent when each trial ended."""
    ordered = sorted(history.attempts, key=end_time)
    totals = accumulate(_cost(attempt, unit) for attempt in ordered)
    return {attempt.begin.trial: total for attempt, total in zip(ordered, totals, strict=True)}


def _cost(attempt: Attempt, unit: str) -> float:
    if unit == "trials":
        return float(attempt.finished)
    return float(epochs_of(attempt)) if unit == "epochs" else attempt.seconds
