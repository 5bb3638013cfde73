"""What is said of a test result beside what predicting the same for every row achieves."""

from pipeline.configuration.objectives import is_for_the_worst
from pipeline.journal.history import History
from pipeline.terminal.wording import number

_PREDICTING = {
    "classification": "each class as often as the training data have it",
    "multilabel": "each label as often as the training data have it",
    "regression": "the mean of the training data's targets",
}


def baseline_sentence(history: History) -> str | None:
    """Return what the best model's test is to be compared with, and whether it is no better.

    Args:
        history: The search.

    Returns:
        A sentence; None if there was no test, or none that a baseline was measured of.
    """
    tested = history.evaluation
    if tested is None or not tested.baseline:
        return None
    measured = " and ".join(f"{name} {number(value)}" for name, value in tested.baseline.items())
    predicting = _PREDICTING.get(history.begin.task, "the same")
    said = f"To predict {predicting}, whatever the inputs, has {measured}"
    return f"{said}: the model is not better." if beats_baseline(history) is False else f"{said}."


def beats_baseline(history: History) -> bool | None:
    """Whether the best model's test is better than the baseline by the metric that decides.

    Args:
        history: The search.

    Returns:
        None where there is nothing to compare, or the search was for the worst.
    """
    tested, begin = history.evaluation, history.begin
    if tested is None or is_for_the_worst(begin.objective, begin.direction):
        return None
    name = tested.score_name
    if name not in tested.baseline or name not in tested.metrics:
        return None
    same = name == begin.objective.removeprefix("val_")
    larger = begin.direction == "max" if same else is_for_the_worst(name, "min")
    score, baseline = tested.metrics[name], tested.baseline[name]
    return score > baseline if larger else score < baseline
