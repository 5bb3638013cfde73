"""Parallel coordinates: each trial as a line through its hyperparameters to its score."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from pipeline.journal.callbacks import SearchBegin
from pipeline.journal.history import Attempt, History
from pipeline.report.chosen import MOST_HYPERPARAMETERS, few, legible
from pipeline.report.layout import SCALE, Picture, figure, fits_logarithm
from pipeline.report.scale import Scale
from pipeline.report.space import Hyperparameter, shown, space_of
from pipeline.report.trials import score_of
from pipeline.terminal.wording import number

NAME, TITLE = "parallel_coordinates", "Parallel coordinates"

_SHADES = 20
_SPREAD = (0.75, 0.25)  # of the part of an axis that a value has: the best trial's and the worst's
_ABSENT = -0.09


def parallel_picture(history: History, names: list[str]) -> Picture:
    """Return the trials as lines, the best in front and their lines the upper ones of a value.

    Args:
        history: The search.
        names: The hyperparameters that differ between trials, the most important first.
    """
    if not names:
        return Picture(NAME, TITLE, "All trials have the same hyperparameters.", None)
    attempts, which = legible(history)
    differing = [name for name in names if _differs(attempts, name)][:MOST_HYPERPARAMETERS]
    if not differing:
        return Picture(NAME, TITLE, f"The hyperparameters of {which} do not differ.", None)
    space, objective = space_of(history), history.begin.objective
    scales = [Scale(space[name]) for name in differing]
    heights = [
        [_height(scale, attempt, place / len(attempts)) for scale in scales]
        for place, attempt in enumerate(attempts)
    ]
    scores = [score_of(attempt) for attempt in attempts]
    score, upwards = _score_scale(scores, history.begin), history.begin.direction == "max"
    for line, value in zip(heights, scores, strict=True):
        line.append(score.height(value) if upwards else 1 - score.height(value))
    made = figure("", "", height=460)
    _add_lines(made, heights, [_told(a, objective, differing) for a in attempts])
    for place, scale in enumerate(scales):
        _mark(made, place, scale.marks())
        if any(line[place] == _ABSENT for line in heights):
            _mark(made, place, [(_ABSENT, "absent")])
    marks = score.marks() if upwards else [(1 - height, text) for height, text in score.marks()]
    _mark(made, len(scales), marks)
    _name_axes(made, [*differing, objective])
    caption = (
        f"Each line is a trial, the better the more orange, and the higher at {objective} and "
        f"within a value: {which}. {few(differing, names)}"
    )
    return Picture(NAME, TITLE, caption.strip(), made, wide=True)


def _differs(attempts: Sequence[Attempt], name: str) -> bool:
    values = [a.hyperparameters[name] for a in attempts if name in a.hyperparameters]
    return len(set(values)) > 1


def _height(scale: Scale, attempt: Attempt, place: float) -> float:
    """Return where a trial's line meets an axis; trials of one value do so side by side."""
    name = scale.item.name
    if name not in attempt.hyperparameters:
        return _ABSENT
    best, worst = _SPREAD
    return scale.height(attempt.hyperparameters[name], within=best + place * (worst - best))


def _score_scale(scores: Sequence[float], begin: SearchBegin) -> Scale:
    low, high = min(scores), max(scores)
    sampling = "log" if fits_logarithm(low, high, begin.direction) else "linear"
    return Scale(Hyperparameter(begin.objective, None, low, high, sampling=sampling))


def _add_lines(made: go.Figure, heights: list[list[float]], told: list[str]) -> None:
    """Draw lines, the first ones in front and in the colour of the best."""
    parts = [part for part in np.array_split(np.arange(len(heights)), _SHADES) if len(part)]
    colors = sample_colorscale([color for _, color in SCALE], np.linspace(1, 0, len(parts)))
    weights = np.linspace(1, 0, len(parts))
    for part, color, weight in reversed(list(zip(parts, colors, weights, strict=True))):
        axes = len(heights[0])
        made.add_scatter(
            x=[*range(axes), None] * len(part),
            y=[y for line in part for y in (*(round(h, 4) for h in heights[line]), None)],
            text=[text for line in part for text in (*[told[line]] * axes, None)],
            mode="lines",
            line={"color": color, "width": 1 + 1.5 * weight},
            opacity=0.35 + 0.6 * weight,
            hovertemplate="%{text}<extra></extra>",
        )


def _told(attempt: Attempt, objective: str, names: Sequence[str]) -> str:
    values = attempt.hyperparameters
    told = [f"{name} {shown(values[name])}" for name in names if name in values]
    head = f"trial {attempt.begin.trial}: {objective} {number(score_of(attempt))}"
    return "<br>".join([head, *told])


def _mark(made: go.Figure, place: int, marks: Sequence[tuple[float, str]]) -> None:
    """Name heights at the left of an axis."""
    common: dict[str, Any] = {"x": place, "xanchor": "right", "xshift": -3, "showarrow": False}
    for height, text in marks:
        made.add_annotation(y=height, text=text, font={"size": 11}, borderpad=1, **common)


def _name_axes(made: go.Figure, names: Sequence[str]) -> None:
    made.update_xaxes(
        tickvals=list(range(len(names))),
        ticktext=list(map(_wrapped, names)),
        range=[-0.45, len(names) - 0.9],
        side="top",
        tickangle=0,
        zeroline=False,
        gridwidth=2,
    )
    made.update_yaxes(visible=False, range=[-0.13, 1.03])
    made.update_layout(margin={"l": 20, "r": 40, "t": 70, "b": 10}, showlegend=False)


def _wrapped(name: str) -> str:
    """Return a name in lines that are broken after underscores and between words."""
    lines = textwrap.wrap(name.replace("_", "_ "), 16)
    return "<br>".join(line.replace("_ ", "_") for line in lines)
