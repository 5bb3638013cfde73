"""How the report's pictures look, and which part of an axis they show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from pipeline.journal.callbacks import SearchBegin
from pipeline.terminal.wording import count

ACCENT = "#e07b00"
MUTED = "#8d99a6"
POINT = "#2f83c5"
COLORS = (ACCENT, POINT, "#2a9d6f", "#b0579f", "#c5473f")
"""Legible on white and on black."""

SCALE = ((0.0, MUTED), (0.5, "#3f8fd0"), (1.0, ACCENT))
"""From the worst to the best."""

MARGIN = {"l": 60, "r": 20, "t": 30, "b": 50}


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
    """Return which part of an axis shows most scores, so that one of 1e9 does not flatten the rest.

    The good ones are never left out.

    Args:
        scores: Finite numbers, at least one.
        direction: `min` or `max`.

    Returns:
        The smallest and the largest of those that are at most four times as far from the best
        as the nearest three quarters are.
    """
    losses = np.asarray(scores, float) * (-1.0 if direction == "max" else 1.0)
    reach = 4 * (np.quantile(losses, 0.75) - losses.min())
    kept = np.asarray(scores)[losses <= losses.min() + reach] if reach > 0 else scores
    return float(np.min(kept)), float(np.max(kept))


def show_readable(made: go.Figure, scores: Sequence[float], begin: SearchBegin) -> str:
    """Let a figure's vertical axis show what is readable of some scores.

    Args:
        made: The figure.
        scores: Finite values of the objective, at least one.
        begin: The search's beginning.

    Returns:
        A sentence on what lies outside; empty if nothing does.
    """
    low, high = readable(scores, begin.direction)
    hidden = sum(not low <= score <= high for score in scores)
    if not hidden:
        return ""
    pad = 0.05 * (high - low or abs(high) or 1.0)
    made.update_yaxes(range=[low - pad, high + pad])
    side, bound = ("below", low) if begin.direction == "max" else ("above", high)
    return f"{count(hidden, 'value')} {side} {bound:.4g} outside: double-click to see all."


def rounded(values: Sequence[float]) -> list[float | None]:
    """Return numbers with five digits, which is more than a screen shows; None for NaN."""
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values]
