"""The strategy that chooses among the others."""

from typing import Any

import keras_tuner

from pipeline.configuration.arguments import check_whole_number
from pipeline.strategies.bayesian_optimization import BayesianOptimization
from pipeline.strategies.optuna_search import TPE
from pipeline.strategies.oracle import Oracle

_MOST_FOR_A_PROCESS = 250


class Auto(Oracle):
    """Proposes what `bayesian` does in the first 250 trials, then what `tpe` does.

    Optuna's `AutoSampler` asks a Gaussian process for numbers alone, in up to 250 trials, and TPE
    as soon as one hyperparameter is categorical or conditional. The process of `bayesian` takes
    these as well, and its values were better than TPE's wherever `benchmarks/samplers.py` looked.
    With more trials it would have to leave some out, and takes longer than TPE.

    Args:
        objective: The metric to optimise.
        hyperparameters: The search space.
        seed: Any integer; neighbouring seeds give unrelated values.
        max_trials: Trials to run, at least 1.
        max_attempts: How often a trial is tried before it is FAILED, at least 1.
        tune_new_entries: Whether what a trial asks for beside the space joins it.
        allow_new_entries: Whether a trial may ask for anything beside the space.

    Attributes:
        reason: What was chosen and why, in a sentence.

    Raises:
        TypeError: The objective is not a `keras_tuner.Objective`, or the seed not an integer.
        ValueError: An argument is out of range.
    """

    begins_with_defaults = True

    def __init__(
        self,
        *,
        objective: keras_tuner.Objective,
        hyperparameters: keras_tuner.HyperParameters,
        seed: int,
        max_trials: int,
        max_attempts: int = 1,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
    ) -> None:
        check_whole_number("max_trials", max_trials, 1)
        super().__init__(
            objective=objective,
            hyperparameters=hyperparameters,
            seed=seed,
            max_attempts=max_attempts,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            max_trials=max_trials,
        )
        shared = {
            "objective": objective,
            "hyperparameters": hyperparameters,
            "seed": seed,
            "max_trials": max_trials,
        }
        self._bayesian = self._advised_by(BayesianOptimization(**shared))
        self._tpe = self._advised_by(TPE(**shared, n_startup_trials=10, n_ei_candidates=24))

    @property
    def reason(self) -> str:
        """What is chosen and why, in a sentence."""
        if self.max_trials <= _MOST_FOR_A_PROCESS:
            return (
                "strategy=auto asks bayesian: its Gaussian process has found better values than "
                f"tpe in up to {_MOST_FOR_A_PROCESS} trials, of numbers, categories and "
                "conditional scopes"
            )
        return (
            f"strategy=auto asks bayesian for the first {_MOST_FOR_A_PROCESS} trials, in which its "
            "Gaussian process has found better values than tpe, and then tpe, which learns from "
            "any number of trials at little cost"
        )

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Return the values of the next trial, or that there is none."""
        early = len(self.trials) < _MOST_FOR_A_PROCESS
        answer: dict[str, Any] = (self._bayesian if early else self._tpe).populate_space(trial_id)
        return answer

    def _advised_by(self, oracle: Oracle) -> Oracle:
        """Let an oracle, which is a function of the trials so far, see these as its own."""
        oracle.trials = self.trials
        oracle.measured = self.measured
        oracle.start_order = self.start_order
        oracle.ongoing_trials = self.ongoing_trials
        oracle.hyperparameters = self.hyperparameters
        oracle._tried = self._tried
        return oracle
