"""Learning curves of all trials, the best in front."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

import plotly.graph_objects as go

from pipeline.journal.history import Attempt, History
from pipeline.report.layout import COLORS, MUTED, Picture, figure, rounded, show_readable
from pipeline.report.trials import scored, trials_of

_NAME, _TITLE = "curves", "Learning curves"


def curves_picture(history: History) -> Picture:
    """Return the objective of every epoch of every trial; of executions, the mean."""
    objective = history.begin.objective
    trials = trials_of(history)
    curves = {attempt.begin.trial: curve_of(attempt, objective) for attempt in trials}
    parents = {attempt.begin.trial: attempt.begin.lineage.get("parent") for attempt in trials}
    curves = {trial: curve for trial, curve in curves.items() if curve}
    if not curves:
        return Picture(_NAME, _TITLE, f"No trial has told {objective} of an epoch.", None)
    best = [a.begin.trial for a in scored(history) if a.begin.trial in curves][: len(COLORS)]
    others = [trial for trial in curves if trial not in best]
    made = figure("epoch", objective, height=440)
    if others:
        made.add_trace(_joined([curves[trial] for trial in others], others))
    for place, trial in reversed(list(enumerate(best))):
        epochs, values = zip(*_whole(trial, curves, parents), strict=True)
        made.add_scatter(
            x=epochs,
            y=rounded(values),
            name=f"{place + 1}. trial {trial}",
            mode="lines+markers",
            line={"color": COLORS[place], "width": 2.5},
            marker={"size": 5},
            legendrank=place,
        )
    shown = [value for curve in curves.values() for _, value in curve]
    outside = show_readable(made, shown, history.begin)
    front = f", the best {len(best)} in front" if best and others else ""
    many = "1 trial" if len(curves) == 1 else f"all {len(curves)} trials"
    caption = f"{objective} of every epoch of {many}{front}. {outside}"
    return Picture(_NAME, _TITLE, caption.strip(), made)


def curve_of(attempt: Attempt, metric: str) -> list[tuple[int, float]]:
    """Return a metric of an attempt's epochs, the mean over its executions.

    Args:
        attempt: The attempt.
        metric: The metric's name.

    Returns:
        Absolute epochs and values; values that are not finite are left out.
    """
    values: dict[int, list[float]] = {}
    for epoch in attempt.epochs:
        value = epoch.logs.get(metric, math.nan)
        if math.isfinite(value):
            values.setdefault(epoch.epoch, []).append(value)
    return [(epoch, fmean(told)) for epoch, told in sorted(values.items())]


def _whole(
    trial: str, curves: Mapping[str, list[tuple[int, float]]], parents: Mapping[str, str | None]
) -> list[tuple[int, float]]:
    """Return a trial's curve behind those of the trials that it continues."""
    whole = curves[trial]
    parent = parents[trial]
    while parent is not None and parent in curves:
        whole = [point for point in curves[parent] if point[0] < whole[0][0]] + whole
        parent = parents[parent]
    return whole


def _joined(curves: Sequence[Sequence[tuple[int, float]]], names: Sequence[str]) -> go.Scatter:
    """Return many curves as one line with gaps, which browsers draw at once."""
    x: list[int | None] = []
    y: list[float | None] = []
    text: list[str | None] = []
    for curve, name in zip(curves, names, strict=True):
        epochs, values = zip(*curve, strict=True)
        x += [*epochs, None]
        y += [*rounded(values), None]
        text += [name] * len(curve) + [None]
    alone = all(len(curve) == 1 for curve in curves)
    return go.Scatter(
        x=x,
        y=y,
        text=text,
        name="other trials",
        mode="markers" if alone else "lines",
        line={"color": MUTED, "width": 1},
        opacity=0.5,
        hovertemplate="trial %{text}: %{y}<extra></extra>",
        legendrank=1000,
    )
