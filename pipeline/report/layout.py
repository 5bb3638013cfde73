"""How the report's pictures look, and which part of an axis they show."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

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
        small: Whether a third of a page is room enough.
    """

    name: str
    title: str
    caption: str
    figure: go.Figure | None
    wide: bool = False
    small: bool = False


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


def readable(values: Sequence[float]) -> tuple[float, float]:
    """Return between which values most of some lie, so that a few of 1e9 do not flatten the rest.

    Args:
        values: Finite numbers, at least one.

    Returns:
        The smallest and the largest that are within three interquartile ranges of the middle
        half.
    """
    numbers = np.asarray(values, float)
    lower, upper = np.quantile(numbers, (0.25, 0.75))
    reach = 3 * (upper - lower)
    kept = numbers[(numbers >= lower - reach) & (numbers <= upper + reach)]
    return float(kept.min()), float(kept.max())


def show_readable(made: go.Figure, values: Sequence[float], what: str) -> str:
    """Let a figure's vertical axis show what is readable of some values.

    Args:
        made: The figure.
        values: Finite numbers, at least one.
        what: Their name.

    Returns:
        A sentence on what lies outside; empty if nothing does.
    """
    low, high = readable(values)
    hidden = sum(not low <= value <= high for value in values)
    if not hidden:
        return ""
    pad = 0.05 * (high - low or abs(high) or 1.0)
    made.update_yaxes(range=[low - pad, high + pad])
    outside = "1 value" if hidden == 1 else f"{hidden} values"
    return f"{outside} of {what} outside of {low:.4g} to {high:.4g}: double-click to see all."


def rounded(values: Sequence[float]) -> list[float | None]:
    """Return numbers with five digits, which is more than a screen shows; None for NaN."""
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values]
