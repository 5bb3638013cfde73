"""The best score so far of each search of a group, against epochs and against seconds."""

import plotly.graph_objects as go

from pipeline.report.layout import COLORS, Picture, figure, name_whole_numbers, rounded, show_scores
from pipeline.report.progress import AXES, course_of
from pipeline.sweep.page.groups import Group
from pipeline.sweep.standings import Standing

UNITS = ("epochs", "seconds")

_DASHES = ("solid", "dash", "dot", "dashdot")
_MOST_BESIDE = 6
_HEIGHT, _LEGEND_LINE = 380, 19


def pictures_of(group: Group, number: int) -> list[Picture]:
    """Return the pictures of a group.

    Args:
        group: The group.
        number: Its number in the sweep, from 0; a part of the pictures' names.
    """
    return [_picture(group, unit, f"best_by_{unit}_{number}") for unit in UNITS]


def _picture(group: Group, unit: str, name: str) -> Picture:
    shown = [search for search in group.searches if search.history is not None]
    title = f"Best score against {AXES[unit]}"
    if not shown:
        return Picture(name, title, "No search's journal is there.", None, size="half")
    beside = len(shown) <= _MOST_BESIDE
    lines = len(shown) if beside else -(-len(shown) // 3)
    made = figure(AXES[unit], group.objective, height=_HEIGHT + _LEGEND_LINE * lines)
    scores: list[float] = []
    for index, search in enumerate(shown):
        scores += _add_line(made, search, unit, index)
    if unit == "epochs":
        name_whole_numbers(made, 0, max(search.row.epochs_trained for search in shown))
    finals = [search.row.best_score for search in shown if search.row.best_score is not None]
    outside = show_scores(made, scores, group.direction, always=finals)
    better = "higher" if group.direction == "max" else "lower"
    caption = f"The best {group.objective} so far of each search; {better} is better."
    if unit == "seconds":
        caption += " Seconds are those of the trials."
    caption = f"{caption} {outside}".strip()
    return Picture(name, title, caption, made, size="half" if beside else "whole")


def _add_line(made: go.Figure, search: Standing, unit: str, index: int) -> list[float]:
    """Draw a search's line and return its scores."""
    assert search.history is not None
    course = course_of(search.history, unit)
    color = COLORS[index % len(COLORS)]
    label = f"{search.row.label} (best)" if search.row.best else search.row.label
    made.add_scatter(
        x=rounded([*course.spent, course.total]),
        y=rounded([*course.best, course.best[-1]]),
        name=label,
        mode="lines+markers",
        line={
            "color": color,
            "shape": "hv",
            "width": 5 if search.row.best else 2,  # it is seen under one that has the same scores
            "dash": _DASHES[index // len(COLORS) % len(_DASHES)],
        },
        # A mark where it ends: a line that ended sooner may lie under another.
        marker={"size": [0] * len(course.spent) + [8], "color": color, "line": {"width": 0}},
        hovertemplate=f"%{{y}} after %{{x}} {unit}<extra>%{{fullData.name}}</extra>",
    )
    return list(course.best)
