"""Random search."""

from typing import Any

import keras_tuner

from pipeline.configuration.arguments import check_whole_number
from pipeline.strategies.oracle import Oracle


class RandomSearch(Oracle, keras_tuner.oracles.RandomSearchOracle):
    """Proposes random values, no combination twice, until the budget or the space is exhausted.

    KerasTuner's own stops after 21 draws in a row that it has seen; this one finds the last
    combination of a finite space.

    Args:
        objective: The metric to optimise.
        hyperparameters: The search space.
        seed: Any integer; neighbouring seeds give unrelated values.
        max_trials: Trials to run, at least 1.
        max_attempts: How often a trial is tried before it is FAILED, at least 1.
        tune_new_entries: Whether what a trial asks for beside the space joins it.
        allow_new_entries: Whether a trial may ask for anything beside the space.

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

    def populate_space(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the values of the next trial, or that there is none."""
        return self._answer_or_draw(None)
