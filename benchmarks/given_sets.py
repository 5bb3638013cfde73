"""Oracles that propose given hyperparameters, so that all contenders train the same trials."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras_tuner

from pipeline.strategies import RandomSearch


class _Given:
    """Hands out one set after the other; goes before an oracle in the bases."""

    sets: Sequence[Mapping[str, Any]]
    start_order: list[str]

    def populate_space(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the values of the next trial."""
        return {"status": "RUNNING", "values": dict(self.sets[len(self.start_order)])}


class KerasTunersGivenSets(_Given, keras_tuner.oracles.RandomSearchOracle):
    """KerasTuner's oracle, with its own files.

    Args:
        objective: The metric to optimise.
        sets: What to propose.
    """

    def __init__(
        self, *, objective: keras_tuner.Objective, sets: Sequence[Mapping[str, Any]]
    ) -> None:
        super().__init__(objective=objective, max_trials=len(sets))
        self.sets = sets


class OurGivenSets(_Given, RandomSearch):
    """Our oracle.

    Args:
        objective: The metric to optimise.
        hyperparameters: The search space.
        seed: Any integer.
        sets: What to propose.
    """

    def __init__(
        self,
        *,
        objective: keras_tuner.Objective,
        hyperparameters: keras_tuner.HyperParameters,
        seed: int,
        sets: Sequence[Mapping[str, Any]],
    ) -> None:
        super().__init__(
            objective=objective,
            hyperparameters=hyperparameters,
            seed=seed,
            max_trials=len(sets),
        )
        self.sets = sets
