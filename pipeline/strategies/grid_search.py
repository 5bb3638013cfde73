"""Grid search."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras_tuner

from pipeline.configuration.arguments import check_whole_number
from pipeline.strategies.grids import Values, combinations, grid_values, size
from pipeline.strategies.oracle import Oracle


class GridSearch(Oracle, keras_tuner.oracles.GridSearchOracle):
    """Proposes every combination of grid values once, the last hyperparameter fastest.

    Of a range without a step the grid has 10 values, both ends included. Hyperparameters that
    appear while trials run join the grid. KerasTuner's own repeats itself for ever if a choice
    lists a value twice, leaves out the upper end of ranges and cannot continue a search.

    Args:
        objective: The metric to optimise.
        hyperparameters: The search space.
        seed: Any integer; the grid does not depend on it.
        max_trials: Trials to run, at least 1; None runs the whole grid.
        max_attempts: How often a trial is tried before it is FAILED, at least 1.
        tune_new_entries: Whether what a trial asks for beside the space joins it.
        allow_new_entries: Whether a trial may ask for anything beside the space.

    Raises:
        TypeError: The objective is not a `keras_tuner.Objective`, or the seed not an integer.
        ValueError: An argument is out of range.
    """

    takes_measured = False  # its table of all combinations is of one search

    def __init__(
        self,
        *,
        objective: keras_tuner.Objective,
        hyperparameters: keras_tuner.HyperParameters,
        seed: int,
        max_trials: int | None = None,
        max_attempts: int = 1,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
    ) -> None:
        if max_trials is not None:
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
        self._dimensions = -1
        self._remaining: Iterator[Values] = iter(())

    def populate_space(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the values of the next trial, or that there is none."""
        if len(self.hyperparameters.space) != self._dimensions:
            self._dimensions = len(self.hyperparameters.space)
            self._remaining = combinations(self.hyperparameters)
        unseen = (values for values in self._remaining if values not in self._tried)
        return self._answer(next(unseen, None))

    def values_of(self, hp: Any) -> Sequence[Any]:
        """Return the values of a hyperparameter that are on the grid."""
        return grid_values(hp)

    def _space_size(self) -> int | None:
        return size(self.hyperparameters, grid_values)
