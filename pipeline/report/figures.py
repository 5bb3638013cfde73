"""All pictures of a search; those of its hyperparameters are Optuna's."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import optuna
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from pipeline.journal.history import Attempt, History
from pipeline.report import study as studies
from pipeline.report.brackets import brackets_picture
from pipeline.report.curves import curves_picture
from pipeline.report.layout import (
    ACCENT,
    POINT,
    SCALE,
    Picture,
    dressed,
    readable,
    show_readable,
)
from pipeline.report.progress import progress_pictures
from pipeline.report.space import space_of
from pipeline.report.timeline import timeline_picture
from pipeline.report.trials import score_of, scored

MOST_LINES = 200
"""Trials in pictures that draw every trial by itself; more cannot be told apart."""

MOST_HYPERPARAMETERS = 6
"""Hyperparameters side by side in a picture."""

_CHOSEN = "the most important as far as that is known"
_TITLES = {
    "parallel_coordinates": "Parallel coordinates",
    "importances": "Importance of the hyperparameters",
    "slice": "Score against each hyperparameter",
    "contour": "Two hyperparameters together",
}


def figures(history: History) -> dict[str, go.Figure]:
    """Return a search's pictures by their names.

    The names are `progress_trials`, `progress_epochs`, `progress_seconds`, `importances`,
    `parallel_coordinates`, `slice`, `contour`, `curves`, `brackets` and `timeline`.

    Args:
        history: The search, finished or not.

    Returns:
        The pictures that can be drawn of it: without a score there are few, and `brackets` is
        Hyperband's alone.

    Example:
        >>> figures(history.read(directory))["curves"].show()
    """
    return {
        picture.name: picture.figure for picture in pictures(history) if picture.figure is not None
    }


def pictures(history: History) -> list[Picture]:
    """Return a search's pictures in the report's order; those that are missing say why."""
    brackets = brackets_picture(history)
    return [
        *progress_pictures(history),
        curves_picture(history),
        *_of_hyperparameters(history),
        *([brackets] if brackets else []),
        timeline_picture(history),
    ]


def _of_hyperparameters(history: History) -> list[Picture]:
    """Return the pictures that Optuna draws."""
    attempts = scored(history)
    space = {name: item for name, item in space_of(history).items() if item.searched}
    if not space:
        return [_missing(name, "No hyperparameter is searched.") for name in _TITLES]
    if len(attempts) < 2:
        why = f"It needs two trials with a score; {len(attempts) or 'none'} has one."
        return [_missing(name, why) for name in _TITLES]
    study = studies.study_of(history)
    importances = studies.importances(study)
    varying = studies.varying(study)
    names = [name for name in dict.fromkeys([*importances, *space]) if name in varying]
    return [
        _importances(history, study, importances),
        _parallel_coordinates(history, names),
        _slice(history, study, names),
        _contour(history, names),
    ]


def _missing(name: str, why: str) -> Picture:
    return Picture(name, _TITLES[name], why, None)


def _importances(history: History, study: optuna.Study, importances: dict[str, float]) -> Picture:
    name = "importances"
    trials = len(study.get_trials(deepcopy=False))
    if trials < studies.FEWEST_TRIALS:
        why = f"It needs {studies.FEWEST_TRIALS} trials with a score; {trials} have one."
        return _missing(name, why)
    if not studies.varied(study):
        return _missing(name, "All trials have the same score.")
    if not importances:
        return _missing(name, "No searched hyperparameter is in all trials.")
    made = optuna.visualization.plot_param_importances(
        study,
        evaluator=studies.evaluator(),
        params=sorted(importances),  # Optuna 5.0 mixes up those in another order
        target=studies.rank,
        target_name=history.begin.objective,
    )
    made.update_traces(marker_color=ACCENT)
    made.update_layout(xaxis_title="importance", yaxis_title=None)
    made.update_yaxes(automargin=True)
    dressed(made, height=140 + 36 * len(importances)).update_layout(margin={"r": 50})
    rest = sorted(
        {n for t in study.get_trials(deepcopy=False) for n in t.params} - set(importances)
    )
    caption = (
        f"How much each decides which of {trials} trials are better than others (a random "
        "forest's mean decrease in impurity); the sum is 1."
    )
    if trials < 30:
        caption += " With fewer than 30 trials it is a rough guess."
    if rest:
        caption += f" Not assessed, as some trials do not have them: {', '.join(rest)}."
    return Picture(name, _TITLES[name], caption, made)


def _parallel_coordinates(history: History, names: list[str]) -> Picture:
    name = "parallel_coordinates"
    if not names:
        return _missing(name, "All trials have the same hyperparameters.")
    attempts, which = _legible(history)
    study = studies.study_of(history, attempts[::-1])  # the best are drawn last, in front
    shown = [other for other in names if other in studies.varying(study)][:MOST_HYPERPARAMETERS]
    if not shown:
        return _missing(name, f"The hyperparameters of {which} do not differ.")
    made = optuna.visualization.plot_parallel_coordinate(
        study, params=shown, target_name=history.begin.objective
    )
    made.data = made.data[: len(attempts)]  # behind them is a bar of colours that are not ours
    shades = sample_colorscale([color for _, color in SCALE], np.linspace(0, 1, len(attempts)))
    for line, attempt, shade in zip(made.data, attempts[::-1], shades, strict=True):
        line.update(line_color=shade, name=attempt.begin.trial)
    made.update_annotations(font_color=None)
    dressed(made, height=440).update_layout(margin={"l": 80, "r": 80}, showlegend=False)
    caption = f"Each line is a trial, the better the more orange: {which}. {_few(shown, names)}"
    return Picture(name, _TITLES[name], caption.strip(), made, wide=True)


def _slice(history: History, study: optuna.Study, names: list[str]) -> Picture:
    name, objective = "slice", history.begin.objective
    if not names:
        return _missing(name, "All trials have the same hyperparameters.")
    shown = names[:MOST_HYPERPARAMETERS]
    made = optuna.visualization.plot_slice(study, params=shown, target_name=objective)
    made.update_traces(marker={"color": POINT, "showscale": False, "line": {"width": 0}})
    made.update_traces(marker_size=6, opacity=0.6)
    made.for_each_xaxis(lambda axis: _name_decades(axis, every=1))
    dressed(made, height=380).update_layout(width=None, showlegend=False)
    scores = [score_of(attempt) for attempt in scored(history)]
    outside = show_readable(made, scores, history.begin)
    caption = f"Each point is one of {len(scores)} trials. {_few(shown, names)} {outside}"
    return Picture(name, _TITLES[name], " ".join(caption.split()), made, wide=True)


def _contour(history: History, names: list[str]) -> Picture:
    name = "contour"
    if len(names) < 2:
        return _missing(name, "It needs two hyperparameters that differ between trials.")
    attempts, which = _legible(history)
    pair = next((pair for pair in combinations(names, 2) if _plane(attempts, pair)), None)
    if pair is None:
        return _missing(name, "No two hyperparameters differ in the trials that have both.")
    both = [a for a in attempts if all(other in a.hyperparameters for other in pair)]
    if len(both) < len(attempts):
        which = f"{len(both)} of {which}, those that have both"
    made = optuna.visualization.plot_contour(
        studies.study_of(history, both),
        params=list(pair),
        target_name=history.begin.objective,
    )
    scale = SCALE if history.begin.direction == "max" else [[1 - at, c] for at, c in SCALE[::-1]]
    made.update_traces(selector={"type": "contour"}, colorscale=scale, reversescale=False)
    made.update_traces(selector={"type": "scatter"}, marker={"color": "#222", "size": 4})
    made.update_traces(selector={"type": "scatter"}, marker_line_width=0)
    made.for_each_xaxis(lambda axis: _name_decades(axis, every="D2"))
    made.for_each_yaxis(lambda axis: _name_decades(axis, every="D2"))
    made.update_yaxes(automargin=True)
    dressed(made, height=440)
    caption = (
        f"{' and '.join(pair)}, {_CHOSEN}. Each point is a trial, the colour "
        f"{history.begin.objective}: {which}."
    )
    return Picture(name, _TITLES[name], caption, made, wide=True)


def _name_decades(axis: go.layout.XAxis | go.layout.YAxis, *, every: int | str) -> None:
    """Let a logarithmic axis name each decade (1), or 1, 2 and 5 of it ("D2"), as numbers."""
    if axis.type == "log":
        axis.update(dtick=every, minorloglabels="complete", tickformat="~g")


def _plane(attempts: Sequence[Attempt], pair: tuple[str, str]) -> bool:
    """Whether two hyperparameters both differ among the trials that have both."""
    values = [a.hyperparameters for a in attempts if all(n in a.hyperparameters for n in pair)]
    return all(len({value[name] for value in values}) > 1 for name in pair)


def _legible(history: History) -> tuple[list[Attempt], str]:
    """Return the trials that a picture can draw each by itself, best first, and which these are."""
    attempts = scored(history)
    low, high = readable(list(map(score_of, attempts)), history.begin.direction)
    usual = [attempt for attempt in attempts if low <= score_of(attempt) <= high]
    shown = usual[:MOST_LINES]
    which = f"the {len(shown)} best of {len(attempts)} trials"
    if len(shown) == len(attempts):
        which = f"all {len(attempts)} trials"
    return shown, which


def _few(shown: list[str], names: list[str]) -> str:
    if len(shown) == len(names):
        return ""
    return f"Shown are {len(shown)} of {len(names)} hyperparameters, {_CHOSEN}."
