"""All pictures of a search."""

import optuna
import plotly.graph_objects as go

from pipeline.journal.history import History
from pipeline.report import contour, parallel, slices
from pipeline.report import study as studies
from pipeline.report.brackets import brackets_picture
from pipeline.report.confusion import confusion_picture
from pipeline.report.curves import curves_picture, training_picture
from pipeline.report.layout import ACCENT, Picture, dressed
from pipeline.report.progress import progress_pictures
from pipeline.report.rungs import rungs_picture
from pipeline.report.space import space_of
from pipeline.report.timeline import timeline_picture
from pipeline.report.trials import scored

_IMPORTANCES, _IMPORTANCES_TITLE = "importances", "Importance of the hyperparameters"


def figures(history: History) -> dict[str, go.Figure]:
    """Return a search's pictures by their names.

    The names are `confusion`, `progress_trials`, `progress_epochs`, `progress_seconds`, `curves`,
    `training`, `rungs`, `importances`, `parallel_coordinates`, `slice`, `contour`, `brackets` and
    `timeline`.

    Args:
        history: The search, finished or not.

    Returns:
        The pictures that can be drawn of it: without a score there are few, `rungs` is there with
        a pruner, `brackets` with Hyperband, and `confusion` is that of a classification whose
        best model was tested.

    Example:
        >>> figures(history.read(directory))["curves"].show()
    """
    return {
        picture.name: picture.figure for picture in pictures(history) if picture.figure is not None
    }


def pictures(history: History) -> list[Picture]:
    """Return a search's pictures in the report's order; those that are missing say why."""
    confusion, brackets = confusion_picture(history), brackets_picture(history)
    rungs = rungs_picture(history)
    return [
        *([confusion] if confusion else []),
        *progress_pictures(history),
        curves_picture(history),
        training_picture(history),
        *([rungs] if rungs else []),
        *_of_hyperparameters(history),
        *([brackets] if brackets else []),
        timeline_picture(history),
    ]


def _of_hyperparameters(history: History) -> list[Picture]:
    attempts = scored(history)
    space = {name: item for name, item in space_of(history).items() if item.searched}
    why = ""
    if not space:
        why = "No hyperparameter is searched."
    elif len(attempts) < 2:
        why = f"It needs two trials with a score; {len(attempts) or 'none'} has one."
    if why:
        return [
            _missing(why),
            *(Picture(one.NAME, one.TITLE, why, None) for one in (parallel, slices, contour)),
        ]
    study = studies.study_of(history)
    importances = studies.importances(study)
    varying = studies.varying(study)
    names = [name for name in dict.fromkeys([*importances, *space]) if name in varying]
    return [
        _importances(history, study, importances),
        parallel.parallel_picture(history, names),
        slices.slice_picture(history, names),
        contour.contour_picture(history, names),
    ]


def _missing(why: str) -> Picture:
    return Picture(_IMPORTANCES, _IMPORTANCES_TITLE, why, None, size="half")


def _importances(history: History, study: optuna.Study, importances: dict[str, float]) -> Picture:
    trials = len(study.get_trials(deepcopy=False))
    if trials < studies.FEWEST_TRIALS:
        return _missing(f"It needs {studies.FEWEST_TRIALS} trials with a score; {trials} have one.")
    if not studies.varied(study):
        return _missing("All trials have the same score.")
    if not importances:
        return _missing("No searched hyperparameter is in all trials.")
    made = optuna.visualization.plot_param_importances(
        study,
        evaluator=studies.evaluator(),
        params=sorted(importances),  # Optuna 5.0 mixes up those in another order
        target=studies.rank,
        target_name=history.begin.objective,
    )
    made.update_traces(marker_color=ACCENT)
    made.update_layout(xaxis_title="importance", yaxis_title=None)
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
    return Picture(_IMPORTANCES, _IMPORTANCES_TITLE, caption, made, size="half")
