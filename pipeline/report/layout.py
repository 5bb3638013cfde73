"""How the report's pictures look, and which part of an axis they show."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from pipeline.terminal.wording import count

ACCENT = "#e07b00"
MUTED = "#8d99a6"
POINT = "#3b93d8"
COLORS = (ACCENT, POINT, "#2a9d6f", "#b0579f", "#c5473f")
"""Legible on white and on black."""

SCALE = ((0.0, MUTED), (0.5, "#3f8fd0"), (1.0, ACCENT))
"""From the worst to the best."""

MARGIN = {"l": 60, "r": 20, "t": 30, "b": 50}

_FACTOR = 8.0  # between scores, from which on an axis is logarithmic
_PAD = 0.05  # of an axis, at either end


@dataclass(frozen=True)
class Picture:
    """A picture of a search, or why there is none.

    Attributes:
        name: Its stable name.
        title: Its heading.
        caption: What is shown, in a sentence or two; or why nothing is.
        figure: The picture, None if there is none.
        wide: Whether it needs more room than a telephone has.
        size: How much of the page's width it needs.
    """

    name: str
    title: str
    caption: str
    figure: go.Figure | None
    wide: bool = False
    size: Literal["whole", "half", "third"] = "whole"


def figure(x: str, y: str, *, height: int) -> go.Figure:
    """Return an empty figure.

    Args:
        x: Title of the horizontal axis.
        y: Title of the vertical axis.
        height: In pixels; the width is that of the page.

    Returns:
        The figure.
    """
    made = go.Figure(layout={"xaxis": {"title": x}, "yaxis": {"title": y}})
    return dressed(made, height=height)


def dressed(made: go.Figure, *, height: int) -> go.Figure:
    """Give a figure the look of the report; the page adds the colours of text and lines."""
    made.update_xaxes(automargin=True)
    made.update_yaxes(automargin=True, title_standoff=10)
    return made.update_layout(
        template="none",
        title=None,
        height=height,
        margin=MARGIN,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )


def readable(scores: Sequence[float], direction: str) -> tuple[float, float]:
    """Return which part of an axis shows what matters, so that bad scores do not flatten the rest.

    The good ones are never left out.

    Args:
        scores: Finite numbers, at least one.
        direction: `min` or `max`.

    Returns:
        The smallest and the largest of those that are at most three times as far from the best
        as the middle one is.
    """
    losses = np.asarray(scores, float) * (-1.0 if direction == "max" else 1.0)
    reach = 3 * (np.median(losses) - losses.min())
    kept = np.asarray(scores)[losses <= losses.min() + reach] if reach > 0 else scores
    return float(np.min(kept)), float(np.max(kept))


def fits_logarithm(low: float, high: float, direction: str) -> bool:
    """Whether scores between two are told apart better on a logarithmic axis: the best are close.

    Args:
        low: The smallest.
        high: The largest.
        direction: `min` or `max`.
    """
    return direction == "min" and low > 0 and high > _FACTOR * low


def show_scores(
    made: go.Figure, scores: Sequence[float], direction: str, always: Sequence[float] = ()
) -> str:
    """Let a figure's vertical axes show what is readable of some scores.

    Args:
        made: The figure.
        scores: Finite values of the objective, at least one.
        direction: `min` or `max`.
        always: Those that must be seen, however bad they are.

    Returns:
        A sentence on what lies outside; empty if nothing does.
    """
    bounds = [*readable(scores, direction), *always]
    low, high = min(bounds), max(bounds)
    show_range(made, low, high, direction)
    hidden = sum(not low <= score <= high for score in scores)
    if not hidden:
        return ""
    side, bound = ("below", low) if direction == "max" else ("above", high)
    return f"{count(hidden, 'value')} {side} {bound:.4g} outside: double-click to see all."


def show_range(made: go.Figure, low: float, high: float, direction: str) -> None:
    """Let a figure's vertical axes show a part, logarithmic if that fits better.

    The other kind of axis is noted in the figure, for the page's switch between them.

    Args:
        made: The figure.
        low: The smallest value to be seen.
        high: The largest; not below it.
        direction: `min` or `max`.
    """
    kinds = {"linear": _linear(low, high)}
    if low > 0:
        kinds["logarithmic"] = _logarithmic(low, high)
    made.update_layout(meta={"score_axis": kinds})
    made.update_yaxes(kinds["logarithmic" if fits_logarithm(low, high, direction) else "linear"])


def name_whole_numbers(made: go.Figure, low: int, high: int) -> None:
    """Let a figure's horizontal axis name whole numbers alone."""
    made.update_xaxes(nticks=min(high - low + 1, 10), tickformat="d")


def rounded(values: Sequence[float]) -> list[float | None]:
    """Return numbers with five digits, which is more than a screen shows; None for NaN."""
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values]


def _linear(low: float, high: float) -> dict[str, Any]:
    pad = _PAD * (high - low or abs(high) or 1.0)
    return {"type": "linear", "range": [low - pad, high + pad], "dtick": None, "tickformat": None}


def _logarithmic(low: float, high: float) -> dict[str, Any]:
    decades = math.log10(high / low)
    pad = _PAD * (decades or 1.0)
    return {
        "type": "log",
        "range": [math.log10(low) - pad, math.log10(high) + pad],
        # Each decade, or 1, 2 and 5 of it; of less than one Plotly names what there is room for.
        "dtick": 1 if decades > 3 else "D2" if decades > 0.7 else None,
        "minorloglabels": "complete",
        "tickformat": "~g",
    }
