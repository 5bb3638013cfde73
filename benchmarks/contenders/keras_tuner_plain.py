"""KerasTuner with its own defaults and no tracking."""

from pathlib import Path
from typing import Any

import keras_tuner

from benchmarks import cases
from benchmarks.cases import Case
from benchmarks.given_sets import KerasTunersGivenSets
from benchmarks.work import OBJECTIVE, SEED, Outcome, Work

_OBJECTIVE = keras_tuner.Objective(OBJECTIVE, "min")


def search(work: Work, folder: Path) -> Outcome:
    """Search, with a checkpoint at every improvement and a state file a trial."""
    return run(cases.load(work), work, folder)


def run(
    case: Case, work: Work, folder: Path, tuner_class: type = keras_tuner.Tuner, **fit: Any
) -> Outcome:
    """Search with a tuner, which clears Keras's session before it builds a model.

    Args:
        case: What is searched.
        work: The search.
        folder: Where the tuner keeps its files.
        tuner_class: `keras_tuner.Tuner` or one derived from it, unless Hyperband proposes.
        **fit: Further arguments of the models' `fit`.

    Returns:
        The outcome.
    """
    place = {"directory": str(folder), "project_name": "search"}
    if work.sets:
        oracle = KerasTunersGivenSets(objective=_OBJECTIVE, sets=work.sets)
        tuner = tuner_class(oracle=oracle, hypermodel=case.hypermodel, **place)
    else:
        budget = {"max_epochs": work.epochs, "factor": 3, "hyperband_iterations": 1}
        tuner = keras_tuner.Hyperband(
            case.hypermodel, objective=_OBJECTIVE, seed=SEED + 1, **budget, **place
        )
    tuner.search(**case.fit_arguments(work.epochs), **fit)
    oracle = tuner.oracle
    (best,) = oracle.get_best_trials(1)
    trained = [oracle.trials[trial].hyperparameters.values for trial in oracle.start_order]
    return Outcome(trained, float(best.score))
