"""The best score so far, against trials, epochs and seconds."""

from dataclasses import dataclass
from itertools import accumulate

import plotly.graph_objects as go

from pipeline.journal.history import Attempt, History
from pipeline.report.layout import (
    ACCENT,
    MUTED,
    Picture,
    figure,
    name_whole_numbers,
    rounded,
    show_scores,
)
from pipeline.report.trials import end_time, epochs_of, score_of, scored

AXES = {
    "trials": "trials finished",
    "epochs": "epochs trained",
    "seconds": "seconds trained",
}
"""What the best score is shown against."""


@dataclass(frozen=True)
class Course:
    """How a search's best score improved; one entry for each trial with a score, as they ended.

    Attributes:
        trials: The trials.
        spent: What the search had spent when each ended.
        scores: Their scores.
        best: The best score so far.
        total: What was spent in all.
    """

    trials: tuple[str, ...]
    spent: tuple[float, ...]
    scores: tuple[float, ...]
    best: tuple[float, ...]
    total: float


def progress_pictures(history: History) -> list[Picture]:
    """Return how the best score improved: by trials, by epochs and by seconds."""
    if not scored(history):
        why = "No trial has a score yet."
        return [_picture(unit, why, None) for unit in AXES]
    return [_progress(history, unit) for unit in AXES]


def course_of(history: History, unit: str) -> Course:
    """Return how a search's best score improved.

    All attempts and executions count as spent, failed ones too; pauses do not.

    Args:
        history: The search.
        unit: One of `AXES`.

    Returns:
        Its course; without a score it is empty.
    """
    better = max if history.begin.direction == "max" else min
    spent = _spent(history, unit)
    attempts = sorted(scored(history), key=end_time)
    trials = tuple(attempt.begin.trial for attempt in attempts)
    scores = tuple(score_of(attempt) for attempt in attempts)
    return Course(
        trials=trials,
        spent=tuple(spent[trial] for trial in trials),
        scores=scores,
        best=tuple(accumulate(scores, better)),
        total=max(spent.values(), default=0.0),
    )


def _progress(history: History, unit: str) -> Picture:
    objective = history.begin.objective
    course = course_of(history, unit)
    made = figure(AXES[unit], objective, height=320)
    made.add_scatter(
        x=rounded(course.spent),
        y=rounded(course.scores),
        text=course.trials,
        hovertemplate="trial %{text}: %{y}<extra></extra>",
        mode="markers",
        name="score of a trial",
        marker={"color": MUTED, "size": 6},
    )
    made.add_scatter(
        x=rounded([*course.spent, course.total]),
        y=rounded([*course.best, course.best[-1]]),
        mode="lines",
        name="best so far",
        line={"color": ACCENT, "shape": "hv", "width": 2.5},
        hovertemplate="best so far: %{y}<extra></extra>",
    )
    if unit != "seconds":
        name_whole_numbers(made, 0, round(course.total))
    outside = show_scores(made, course.scores, history.begin.direction)
    what = f"Each point is a trial's {objective}, the line the best so far."
    return _picture(unit, f"{what} {outside}".strip(), made)


def _picture(unit: str, caption: str, made: go.Figure | None) -> Picture:
    title = f"Best score against {AXES[unit]}"
    return Picture(f"progress_{unit}", title, caption, made, size="third")


def _spent(history: History, unit: str) -> dict[str, float]:
    """Return what had been spent when each trial ended."""
    ordered = sorted(history.attempts, key=end_time)
    totals = accumulate(_cost(attempt, unit) for attempt in ordered)
    return {attempt.begin.trial: total for attempt, total in zip(ordered, totals, strict=True)}


def _cost(attempt: Attempt, unit: str) -> float:
    if unit == "trials":
        return float(attempt.finished)
    return float(epochs_of(attempt)) if unit == "epochs" else attempt.seconds
