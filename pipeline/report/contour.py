"""The score over two hyperparameters together."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from pipeline.journal.history import Attempt, History
from pipeline.report.chosen import CHOSEN, MOST_LINES, best_of
from pipeline.report.layout import SCALE, Picture, figure, readable, rounded
from pipeline.report.scale import Scale
from pipeline.report.space import shown, space_of
from pipeline.report.trials import score_of, scored

NAME, TITLE = "contour", "Two hyperparameters together"

_MOST_CELLS = 40  # of an axis: a browser takes seconds to fill the gaps between 200


def contour_picture(history: History, names: list[str]) -> Picture:
    """Return the plane of the two most important hyperparameters that differ in the same trials.

    Args:
        history: The search.
        names: The hyperparameters that differ between trials, the most important first.
    """
    if len(names) < 2:
        why = "It needs two hyperparameters that differ between trials."
        return Picture(NAME, TITLE, why, None)
    attempts = scored(history)[:MOST_LINES]
    pair = next((pair for pair in combinations(names, 2) if _plane(attempts, pair)), None)
    if pair is None:
        why = "No two hyperparameters differ in the trials that have both."
        return Picture(NAME, TITLE, why, None)
    both = _having(attempts, pair)
    which = best_of(attempts, scored(history))
    if len(both) < len(attempts):
        which = f"{len(both)} of {which}, those that have both"
    objective, space = history.begin.objective, space_of(history)
    scales = [Scale(space[name]) for name in pair]
    x, y = (
        [scale.place(attempt.hyperparameters[scale.item.name]) for attempt in both]
        for scale in scales
    )
    scores = [score_of(attempt) for attempt in both]
    made = figure(*pair, height=460)
    direction = history.begin.direction
    columns, rows = (
        _cells(values, scale.item.log) for values, scale in zip((x, y), scales, strict=True)
    )
    z = _grid(x, y, columns, rows, np.clip(scores, *readable(scores, direction)).tolist())
    downwards = direction == "min"
    made.add_contour(
        x=columns,
        y=rows,
        z=z,
        colorscale=[(1 - at, color) for at, color in SCALE[::-1]] if downwards else SCALE,
        colorbar={"title": {"text": objective}, "thickness": 18, "outlinewidth": 0},
        connectgaps=True,
        contours={"coloring": "heatmap"},
        line={"width": 0.5, "smoothing": 1.3},
        hoverinfo="skip",
    )
    made.add_scatter(
        x=x,
        y=y,
        text=[_told(attempt, pair) for attempt in both],
        customdata=rounded(scores),
        mode="markers",
        marker={"color": "#fff", "size": 7, "line": {"width": 1.5, "color": "#24272b"}},
        hovertemplate="%{text}: %{customdata}<extra></extra>",
    )
    made.update_xaxes(**scales[0].layout())
    made.update_yaxes(**scales[1].layout())
    made.update_layout(showlegend=False)
    caption = (
        f"{' and '.join(pair)}, {CHOSEN}. Each point is a trial, the colour {objective}: {which}. "
        "Far from the best it does not change, and between the points it is a guess."
    )
    return Picture(NAME, TITLE, caption, made)


def _having(attempts: Sequence[Attempt], pair: tuple[str, str]) -> list[Attempt]:
    return [a for a in attempts if all(name in a.hyperparameters for name in pair)]


def _plane(attempts: Sequence[Attempt], pair: tuple[str, str]) -> bool:
    """Whether two hyperparameters both differ among the trials that have both."""
    values = [attempt.hyperparameters for attempt in _having(attempts, pair)]
    return all(len({value[name] for value in values}) > 1 for name in pair)


def _cells(values: Sequence[float], log: bool) -> list[float]:
    """Return where a score may stand on an axis: at each value, or evenly if there are many."""
    distinct = sorted(set(values))
    if len(distinct) <= _MOST_CELLS:
        return distinct
    spaced = np.geomspace if log else np.linspace
    even: list[float] = spaced(distinct[0], distinct[-1], _MOST_CELLS).tolist()
    return even


def _grid(
    x: Sequence[float],
    y: Sequence[float],
    columns: Sequence[float],
    rows: Sequence[float],
    scores: Sequence[float],
) -> list[list[float | None]]:
    """Return the score of each cell, of several the first; None where there is none."""
    z = np.full((len(rows), len(columns)), np.nan)
    for column, row, score in reversed(list(zip(x, y, scores, strict=True))):
        at = np.searchsorted(rows, row), np.searchsorted(columns, column)
        z[tuple(np.minimum(at, np.subtract(z.shape, 1)))] = score
    return [rounded(line) for line in z.tolist()]


def _told(attempt: Attempt, pair: tuple[str, str]) -> str:
    values = ", ".join(f"{name} {shown(attempt.hyperparameters[name])}" for name in pair)
    return f"trial {attempt.begin.trial}, {values}"
