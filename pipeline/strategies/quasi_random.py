"""Quasi-random search."""

from typing import Any

import keras_tuner
from scipy.stats import qmc

from pipeline.configuration.arguments import check_boolean, check_choice, check_whole_number
from pipeline.seeds import derive_seed
from pipeline.strategies.grids import Values, varies
from pipeline.strategies.oracle import Oracle
from pipeline.strategies.sampling import choose_at

_SEQUENCES = {"sobol": qmc.Sobol, "halton": qmc.Halton}
_POINTS = 100  # of the sequence that are looked at for a combination that is new


class QMC(Oracle):
    """Proposes the points of a sequence that fills the space more evenly than random ones.

    Bergstra and Bengio ("Random search for hyper-parameter optimization", JMLR 13, 2012)
    recommend it in place of random search. The sequences are SciPy's, as in Optuna's
    `QMCSampler`; other than there, the first trial has a point of it too, and hyperparameters of
    conditional scopes have a coordinate each. A space that grows begins a sequence anew.

    Args:
        objective: The metric to optimise.
        hyperparameters: The search space.
        seed: Any integer; neighbouring seeds give unrelated values. Without scrambling the
            sequence does not depend on it.
        max_trials: Trials to run, at least 1.
        qmc_type: `sobol` or `halton`.
        scramble: Whether the sequence is randomised, which does it good, or begins at the lower
            ends of all ranges.
        max_attempts: How often a trial is tried before it is FAILED, at least 1.
        tune_new_entries: Whether what a trial asks for beside the space joins it.
        allow_new_entries: Whether a trial may ask for anything beside the space.

    Raises:
        TypeError: The objective is not a `keras_tuner.Objective`, or the seed not an integer.
        ValueError: An argument is out of range.
    """

    def __init__(
        self,
        *,
        objective: keras_tuner.Objective,
        hyperparameters: keras_tuner.HyperParameters,
        seed: int,
        max_trials: int,
        qmc_type: str,
        scramble: bool,
        max_attempts: int = 1,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
    ) -> None:
        check_whole_number("max_trials", max_trials, 1)
        check_boolean("scramble", scramble)
        check_choice("qmc_type", qmc_type, tuple(_SEQUENCES))
        super().__init__(
            objective=objective,
            hyperparameters=hyperparameters,
            seed=seed,
            max_attempts=max_attempts,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            max_trials=max_trials,
        )
        self.qmc_type = qmc_type
        self.scramble = scramble

    def populate_space(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the values of the next trial, or that there is none."""
        values = self._next_of_sequence()
        return self._answer_or_draw(values)

    def _next_of_sequence(self) -> Values | None:
        """Return the first new combination from the trial's own point on."""
        columns = [hp for hp in self.hyperparameters.space if varies(hp)]
        if not columns:
            return None
        seed = derive_seed(self.seed, "sequence", len(columns))
        sequence = _SEQUENCES[self.qmc_type](len(columns), scramble=self.scramble, rng=seed)
        if self.trials:
            sequence.fast_forward(len(self.trials))
        for _ in range(_POINTS):
            values = choose_at(self.hyperparameters, columns, sequence.random(1)[0])
            if values not in self._tried:
                return values
        return None
