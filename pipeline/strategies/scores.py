"""The scores of trials: one for each COMPLETED trial, and the order that they make."""

import math
from collections.abc import Iterable
from typing import Any

import keras_tuner


def score(trial: Any, objective: keras_tuner.Objective) -> None:
    """Set a trial's score and best step; the score is NaN if no value was finite.

    Args:
        trial: A trial with the objective among its metrics.
        objective: What is optimised.
    """
    history = trial.metrics.get_history(objective.name)
    means = {entry.step: sum(entry.value) / len(entry.value) for entry in history}
    finite = {step: mean for step, mean in means.items() if math.isfinite(mean)}
    if finite:
        best = max if objective.direction == "max" else min
        trial.best_step = best(finite, key=lambda step: finite[step])
        trial.score = finite[trial.best_step]
    else:
        trial.score = math.nan  # KerasTuner fails a trial whose score is NaN
        values = ", ".join(str(mean) for mean in means.values())
        trial.message = f"the objective {objective.name} must be finite; it was {values}"


def ranked(trials: Iterable[Any], objective: keras_tuner.Objective) -> list[Any]:
    """Sort trials that have a score, best first; equal ones keep their order."""
    return sorted(trials, key=lambda trial: trial.score, reverse=objective.direction == "max")
