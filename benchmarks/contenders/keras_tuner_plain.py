"""KerasTuner with its own defaults and no tracking."""

from pathlib import Path
from typing import Any

import keras_tuner

from benchmarks.cases import CASES, fit_arguments
from benchmarks.given_sets import KerasTunersGivenSets
from benchmarks.work import OBJECTIVE, SEED, Work

_OBJECTIVE = keras_tuner.Objective(OBJECTIVE, "min")


def search(work: Work, folder: Path) -> float:
    """Search, with a checkpoint at every improvement and a state file a trial."""
    return run(work, folder, keras_tuner.Tuner)


def run(work: Work, folder: Path, tuner_class: type, **fit: Any) -> float:
    """Search with a tuner.

    Args:
        work: The search.
        folder: Where the tuner keeps its files.
        tuner_class: `keras_tuner.Tuner` or one derived from it, unless Hyperband proposes.
        **fit: Further arguments of the models' `fit`.

    Returns:
        The best score.
    """
    dataset, hypermodel = CASES[work.case]()
    place = {"directory": str(folder), "project_name": "search"}
    if work.sets:
        oracle = KerasTunersGivenSets(objective=_OBJECTIVE, sets=work.sets)
        tuner = tuner_class(oracle=oracle, hypermodel=hypermodel, **place)
    else:
        budget = {"max_epochs": work.epochs, "factor": 3, "hyperband_iterations": 1}
        tuner = keras_tuner.Hyperband(
            hypermodel, objective=_OBJECTIVE, seed=SEED + 1, **budget, **place
        )
    tuner.search(**fit_arguments(dataset, work), **fit)
    (best,) = tuner.oracle.get_best_trials(1)
    return float(best.score)
