"""Learning curves: of all trials, the best in front, and of the best beside their training."""

import math
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean

import plotly.graph_objects as go

from pipeline.journal.history import Attempt, History
from pipeline.report.layout import (
    COLORS,
    MUTED,
    Picture,
    figure,
    name_whole_numbers,
    readable,
    rounded,
    show_range,
)
from pipeline.report.trials import score_of, scored, trials_of

_Curve = list[tuple[int, float]]

_NAME, _TITLE = "curves", "Learning curves"
_BESIDE, _BESIDE_TITLE = "training", "Training beside validation"
_MOST_BESIDE = 3


def curves_picture(history: History) -> Picture:
    """Return the objective of every epoch of every trial; of executions, the mean."""
    objective = history.begin.objective
    curves = _curves(history, objective)
    if not curves:
        return Picture(_NAME, _TITLE, f"No trial has told {objective} of an epoch.", None)
    best = _best(history, curves)[: len(COLORS)]
    others = [trial for trial in curves if trial not in best]
    made = figure("epoch", objective, height=440)
    if others:
        made.add_trace(_joined([curves[trial] for trial in others], others))
    parents = _parents(history)
    fronts = {trial: _whole(trial, curves, parents) for trial in best}
    for place, trial in reversed(list(enumerate(best))):
        _add(made, fronts[trial], f"{place + 1}. trial {trial}", COLORS[place], rank=place)
    _show(made, history, fronts.values() if best else curves.values())
    name_whole_numbers(made, *_span(curves.values()))
    front = f", the best {len(best)} in front" if best and others else ""
    many = "1 trial" if len(curves) == 1 else f"all {len(curves)} trials"
    caption = f"{objective} of every epoch of {many}{front}; what is far from the best is cut off."
    return Picture(_NAME, _TITLE, caption, made)


def training_picture(history: History) -> Picture:
    """Return what the best trials' objective was on the training data beside the validation."""
    objective = history.begin.objective
    metric = objective.removeprefix("val_")
    told, own = _curves(history, objective), _curves(history, metric)
    best = [trial for trial in _best(history, told) if trial in own][:_MOST_BESIDE]
    if metric == objective or not best:
        why = f"No trial with a score has told {objective} of both training and validation."
        return Picture(_BESIDE, _BESIDE_TITLE, why, None, size="half")
    parents = _parents(history)
    made = figure("epoch", metric, height=380)
    curves = []
    for place, trial in enumerate(best):
        for some, dash in ((told, "solid"), (own, "dot")):
            curve = _whole(trial, some, parents)
            _add(made, curve, f"trial {trial}", COLORS[place], rank=place, dash=dash)
            curves.append(curve)
    _show(made, history, curves)
    name_whole_numbers(made, *_span(curves))
    which = "the best trial" if len(best) == 1 else f"the {len(best)} best trials"
    caption = (
        f"{metric} of {which} on validation data (solid) and on training data (dotted, while they "
        "were trained on). Where they part, a model learns its training data by heart."
    )
    return Picture(_BESIDE, _BESIDE_TITLE, caption, made, size="half")


def curve_of(attempt: Attempt, metric: str) -> _Curve:
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


def _curves(history: History, metric: str) -> dict[str, _Curve]:
    """Return the trials' curves that have any point."""
    curves = {a.begin.trial: curve_of(a, metric) for a in trials_of(history)}
    return {trial: curve for trial, curve in curves.items() if curve}


def _best(history: History, curves: Mapping[str, _Curve]) -> list[str]:
    return [a.begin.trial for a in scored(history) if a.begin.trial in curves]


def _parents(history: History) -> dict[str, str | None]:
    return {a.begin.trial: a.begin.lineage.get("parent") for a in trials_of(history)}


def _whole(trial: str, curves: Mapping[str, _Curve], parents: Mapping[str, str | None]) -> _Curve:
    """Return a trial's curve behind those of the trials that it continues."""
    whole = curves[trial]
    parent = parents[trial]
    while parent is not None and parent in curves:
        whole = [point for point in curves[parent] if point[0] < whole[0][0]] + whole
        parent = parents[parent]
    return whole


def _show(made: go.Figure, history: History, curves: Collection[_Curve]) -> None:
    """Let a figure show what is readable of some curves, and of the trials' scores."""
    direction = history.begin.direction
    values = [value for curve in curves for _, value in curve]
    scores = [score_of(attempt) for attempt in scored(history)]
    bounds = [*readable(values, direction), *(readable(scores, direction) if scores else ())]
    show_range(made, min(bounds), max(bounds), direction)


def _span(curves: Collection[_Curve]) -> tuple[int, int]:
    """Return the first and the last epoch."""
    epochs = [epoch for curve in curves for epoch, _ in curve]
    return min(epochs), max(epochs)


def _add(
    made: go.Figure, curve: _Curve, name: str, color: str, *, rank: int, dash: str = "solid"
) -> None:
    epochs, values = zip(*curve, strict=True)
    made.add_scatter(
        x=epochs,
        y=rounded(values),
        name=name,
        mode="lines+markers" if dash == "solid" or len(curve) == 1 else "lines",
        line={"color": color, "width": 2.5, "dash": dash},
        marker={"size": 5},
        legendrank=rank,
        legendgroup=name,
        showlegend=dash == "solid",
    )


def _joined(curves: Sequence[_Curve], names: Sequence[str]) -> go.Scatter:
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
