"""Covariance matrix adaptation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras_tuner
import numpy as np
from keras_tuner.engine import hyperparameters as kinds

from pipeline.configuration.arguments import check_whole_number
from pipeline.seeds import derive_seed
from pipeline.strategies.arguments import check_installed
from pipeline.strategies.coordinates import Coordinates
from pipeline.strategies.grids import Values
from pipeline.strategies.oracle import Oracle
from pipeline.strategies.sampling import choose_at

if TYPE_CHECKING:
    from cmaes import CMA

_DEVIATION = 1 / 6  # of the first generation around the middle, as Optuna has it
_QUESTIONS = 20
_ENDED = ("COMPLETED", "PRUNED", "FAILED")  # from good to bad


@dataclass(frozen=True)
class _Kept:
    """An optimizer between two proposals.

    Attributes:
        size: Hyperparameters that the space has.
        optimizer: The optimizer.
        ends: How the trials of each generation ended that it was told of.
    """

    size: int
    optimizer: "CMA"
    ends: Sequence[Sequence[tuple[str, float | None]]]


class CMAES(Oracle):
    """Samples around a mean that moves to where trials were good, as widely as it pays.

    CMA-ES (Hansen, "The CMA evolution strategy: a tutorial", 2016) by the package `cmaes`, which
    is what Optuna's `CmaEsSampler` asks. It is for long searches of numbers: hyperparameters
    whose values have no order, and those of conditional scopes, are drawn at random.

    Generations are made of the trials in the order they started, so that the journal alone
    tells them: each so many as one has. One counts as soon as it and all before it have ended;
    within it, FAILED trials are the worst, and pruned ones come before those.

    Args:
        objective: The metric to optimise.
        hyperparameters: The search space.
        seed: Any integer; neighbouring seeds give unrelated values.
        max_trials: Trials to run, at least 1.
        popsize: Trials of a generation, at least 2. None: 4 + 3 ln(n) for n hyperparameters.
        max_attempts: How often a trial is tried before it is FAILED, at least 1.
        tune_new_entries: Whether what a trial asks for beside the space joins it.
        allow_new_entries: Whether a trial may ask for anything beside the space.

    Raises:
        TypeError: The objective is not a `keras_tuner.Objective`, or the seed not an integer.
        ValueError: An argument is out of range, the package is not installed, or no
            hyperparameter could be adapted.
    """

    def __init__(
        self,
        *,
        objective: keras_tuner.Objective,
        hyperparameters: keras_tuner.HyperParameters,
        seed: int,
        max_trials: int,
        popsize: int | None,
        max_attempts: int = 1,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
    ) -> None:
        check_installed("cmaes", "cmaes", "cmaes")
        check_whole_number("max_trials", max_trials, 1)
        if popsize is not None:
            check_whole_number("popsize", popsize, 2)
        super().__init__(
            objective=objective,
            hyperparameters=hyperparameters,
            seed=seed,
            max_attempts=max_attempts,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            max_trials=max_trials,
        )
        self.popsize = popsize
        self._kept: _Kept | None = None
        columns = Coordinates(self.hyperparameters).columns
        if columns and not any(map(_is_adapted, columns)):
            raise ValueError(
                "strategy=cmaes needs a hyperparameter whose values have an order and that is "
                f"always active; received {', '.join(hp.name for hp in columns)}"
            )

    def populate_space(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the values of the next trial, or that there is none."""
        values = self._adapted()
        return self._answer_or_draw(values)

    def _adapted(self) -> Values | None:
        """Return a new combination of the present generation; None if none is found."""
        coordinates = Coordinates(self.hyperparameters)
        adapted = [n for n, hp in enumerate(coordinates.columns) if _is_adapted(hp)]
        if not adapted:
            return None
        optimizer = self._told(coordinates, adapted)
        return self._asked(optimizer, coordinates.columns, adapted)

    def _told(self, coordinates: Coordinates, adapted: Sequence[int]) -> "CMA":
        """Return the optimizer that knows all generations that have ended.

        That of the last proposal is told what is new; if a trial of a generation that it knows
        was taken up again, or the space has grown, one begins anew.
        """
        kept = self._kept
        size = len(self.hyperparameters.space)
        if kept is None or kept.size != size:
            kept = _Kept(size, self._new_optimizer(len(adapted)), [])
        generations = list(self._generations(kept.optimizer.population_size))
        ends = [[(trial.status, trial.score) for trial in trials] for trials in generations]
        if ends[: len(kept.ends)] != kept.ends:
            kept = _Kept(size, self._new_optimizer(len(adapted)), [])
        for trials in generations[len(kept.ends) :]:
            points = coordinates.points_of(trial.hyperparameters.values for trial in trials)
            ranked = zip(points[:, adapted], self._ranks(trials), strict=True)
            kept.optimizer.tell(list(ranked))
        self._kept = _Kept(size, kept.optimizer, ends)
        return kept.optimizer

    def _new_optimizer(self, dimensions: int) -> "CMA":
        from cmaes import CMA  # not everybody has it

        return CMA(
            mean=np.full(dimensions, 0.5),
            sigma=_DEVIATION,
            bounds=np.tile([0.0, 1.0], (dimensions, 1)),
            n_max_resampling=10 * dimensions,
            population_size=self.popsize,
        )

    def _generations(self, size: int) -> Iterator[Sequence[Any]]:
        """Yield the trials of each generation that has ended, up to the first that has not."""
        trials = [self.trials[trial_id] for trial_id in self.start_order]
        for begin in range(0, len(trials) - size + 1, size):
            generation = trials[begin : begin + size]
            if any(trial.status not in _ENDED for trial in generation):
                return
            yield generation

    def _asked(
        self, optimizer: "CMA", columns: Sequence[Any], adapted: Sequence[int]
    ) -> Values | None:
        """Return a new combination that the optimizer proposes; None if it knows only old ones."""
        for question in range(_QUESTIONS):
            seed = derive_seed(self.seed, "generation", len(self.trials), question)
            optimizer.reseed_rng(seed % 2**32)
            point = np.random.default_rng(seed).random(len(columns))
            point[adapted] = optimizer.ask()
            values = choose_at(self.hyperparameters, columns, point)
            if values not in self._tried:
                return values
        return None

    def _ranks(self, generation: Sequence[Any]) -> list[float]:
        """Return each trial's place in its generation, the best first."""
        sign = -1.0 if self.objective.direction == "max" else 1.0
        order = sorted(
            range(len(generation)),
            key=lambda n: (
                _ENDED.index(generation[n].status),
                sign * generation[n].score if generation[n].status == "COMPLETED" else 0.0,
            ),
        )
        return [float(order.index(n)) for n in range(len(generation))]


def _is_adapted(hp: Any) -> bool:
    """Return whether a hyperparameter is a number, or a place in an order, in every trial."""
    unordered = isinstance(hp, kinds.Boolean) or (isinstance(hp, kinds.Choice) and not hp.ordered)
    return not unordered and not hp.conditions
