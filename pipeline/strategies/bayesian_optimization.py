"""Bayesian optimization with a Gaussian process."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras_tuner
import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

from pipeline.seeds import derive_seed
from pipeline.strategies.arguments import check_whole_number
from pipeline.strategies.grids import Values, is_active, key, values_of
from pipeline.strategies.oracle import Oracle
from pipeline.strategies.sampling import choose, from_unit, to_unit

_CANDIDATES = 1000  # random combinations whose bound is computed
_BEST = 5  # of them, around which finer ones are tried
_NEIGHBOURS = 20  # tried around each of those, at each width
_WIDTHS = (0.1, 0.03, 0.01)  # standard deviations, where the whole range is 1
_RESAMPLED = 0.1  # share of a neighbour's hyperparameters that are drawn anew
_LENGTHS = (0.05, 20.0)  # shortest and longest length scale, where the whole range is 1
_MOST_POINTS = 500  # the Gaussian process takes cubic time

Array = np.ndarray[Any, np.dtype[np.float64]]


class BayesianOptimization(Oracle, keras_tuner.oracles.BayesianOptimizationOracle):
    """Proposes where a Gaussian process over the scores so far expects or hopes for good ones.

    The process (a Matern kernel of smoothness 2.5 and one length scale) and the lower confidence
    bound are KerasTuner's. Repaired: no combination is proposed twice while others remain; only
    finite scores of COMPLETED trials enter; ranges with a float step keep all their values apart;
    far-off bad scores do not flatten the rest; the bound is minimised over random candidates and
    neighbours of the best, which is many times faster than KerasTuner's 50 descents.

    Args:
        objective: The metric to optimise.
        hyperparameters: The search space.
        seed: Any integer; neighbouring seeds give unrelated values.
        max_trials: Trials to run, at least 1.
        num_initial_points: COMPLETED trials with random values before the process is asked, at
            least 1. None: three for each hyperparameter that varies (as in KerasTuner), but at
            least 3 and at most 10, so that a search of 20 trials is not mostly random.
        alpha: Expected noise of the scores, as a variance relative to that of all scores; above 0.
        beta: How much uncertainty attracts, in standard deviations; 0 only exploits. KerasTuner's
            default, 2.6, still explores when a search of a few dozen trials ends.
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
        num_initial_points: int | None = None,
        alpha: float = 1e-4,
        beta: float = 1.0,
        max_attempts: int = 1,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
    ) -> None:
        check_whole_number("max_trials", max_trials, 1)
        if num_initial_points is not None:
            check_whole_number("num_initial_points", num_initial_points, 1)
        if not (_is_number(alpha) and alpha > 0):
            raise ValueError(f"alpha must be a number above 0; received {alpha!r}")
        if not (_is_number(beta) and beta >= 0):
            raise ValueError(f"beta must be a number of at least 0; received {beta!r}")
        super().__init__(
            objective=objective,
            hyperparameters=hyperparameters,
            seed=seed,
            max_attempts=max_attempts,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            max_trials=max_trials,
            num_initial_points=num_initial_points,
            alpha=alpha,
            beta=beta,
        )

    def populate_space(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the values of the next trial, or that there is none."""
        columns = [hp for hp in self.hyperparameters.space if _varies(hp)]
        ended = [trial for trial in self.trials.values() if trial.status == "COMPLETED"]
        completed = [*self.measured, *ended]
        initial = self.num_initial_points or min(max(3 * len(columns), 3), 10)
        values = None
        if columns and len(completed) >= initial:
            values = self._most_promising(columns, completed)
        return self._answer(self._unseen(self._tried) if values is None else values)

    def _most_promising(self, columns: Sequence[Any], completed: Sequence[Any]) -> Values | None:
        """Return the unseen candidate with the lowest bound, None if all were seen."""
        bound = self._bound(columns, completed)
        generator = np.random.default_rng(derive_seed(self.seed, "candidates", len(self.trials)))
        pool = self._candidates(columns, generator.random((_CANDIDATES, len(columns))), bound)
        for width in _WIDTHS:
            near = [_neighbours(point, width, generator) for _, point, _ in pool[:_BEST]]
            if near:
                pool += self._candidates(columns, np.concatenate(near), bound)
                pool.sort(key=lambda candidate: candidate[0])
        return pool[0][2] if pool else None

    def _candidates(
        self, columns: Sequence[Any], points: Array, bound: Callable[[Array], Array]
    ) -> list[tuple[float, Array, Values]]:
        """Return the unseen combinations nearest to points: bound, point, values; lowest first."""
        combined: dict[str, Values] = {}
        for point in points:
            values = _values(self.hyperparameters, columns, point)
            combined.setdefault(key(values), values)
        unseen = [values for values in combined.values() if values not in self._tried]
        if not unseen:
            return []
        vectors = _vectors(columns, unseen)
        return sorted(
            zip(bound(vectors).tolist(), vectors, unseen, strict=True), key=lambda item: item[0]
        )

    def _bound(self, columns: Sequence[Any], completed: Sequence[Any]) -> Callable[[Array], Array]:
        """Fit the process and return its lower confidence bound (lower is more promising)."""
        sign = -1.0 if self.objective.direction == "max" else 1.0
        chosen = self._chosen(completed)
        points = _vectors(columns, [trial.hyperparameters.values for trial in chosen])
        scores = _without_outliers(np.array([sign * trial.score for trial in chosen]))
        process = GaussianProcessRegressor(
            Matern(length_scale_bounds=_LENGTHS, nu=2.5),
            alpha=self.alpha,
            normalize_y=True,
            optimizer=_most_likely_length,
        ).fit(points, scores)
        ongoing = [trial.hyperparameters.values for trial in self.ongoing_trials.values()]
        if ongoing:  # as in KerasTuner: pretend a rather bad result, so as to look elsewhere
            running = _vectors(columns, ongoing)
            mean, deviation = process.predict(running, return_std=True)
            process = GaussianProcessRegressor(
                process.kernel_, alpha=self.alpha, normalize_y=True, optimizer=None
            ).fit(np.concatenate([points, running]), np.concatenate([scores, mean + deviation]))

        def bound(vectors: Array) -> Array:
            mean, deviation = process.predict(vectors, return_std=True)
            return np.asarray(mean - self.beta * deviation)

        return bound

    def _chosen(self, completed: Sequence[Any]) -> Sequence[Any]:
        """Return the trials for the process: all, or the best and the newest if they are many."""
        if len(completed) <= _MOST_POINTS:
            return completed
        half = _MOST_POINTS // 2
        older, newest = completed[:-half], completed[-half:]
        return [*self._ranked(older)[:half], *newest]


def _varies(hp: Any) -> bool:
    values = values_of(hp)
    return values is None or len(values) > 1


def _values(space: Any, columns: Sequence[Any], point: Array) -> Values:
    """Return the combination at a point; what does not vary has no coordinate and needs none."""
    fractions = {id(hp): fraction for hp, fraction in zip(columns, point.tolist(), strict=True)}
    return choose(space, lambda hp: from_unit(hp, fractions.get(id(hp), 0)))


def _vectors(columns: Sequence[Any], combinations: Iterable[Values]) -> Array:
    """Return one row a combination; an inactive or later declared hyperparameter is at default."""
    return np.array(
        [
            [to_unit(hp, values[hp.name] if _has(hp, values) else hp.default) for hp in columns]
            for values in combinations
        ]
    )


def _has(hp: Any, values: Values) -> bool:
    return hp.name in values and is_active(hp, values)


def _neighbours(point: Array, width: float, generator: np.random.Generator) -> Array:
    """Return points around one: normal deviations, and some coordinates drawn anew."""
    shape = (_NEIGHBOURS, len(point))
    moved = np.clip(point + generator.normal(0, width, shape), 0, 1)
    return np.where(generator.random(shape) < _RESAMPLED, generator.random(shape), moved)


def _without_outliers(scores: Array) -> Array:
    """Limit bad scores to Tukey's outer fence.

    A diverged training may score 10**9 where all others are near 1; in proportion to it, the
    others would all look the same.
    """
    lower, upper = np.quantile(scores, [0.25, 0.75])
    return np.asarray(np.minimum(scores, upper + 3 * (upper - lower)))


def _most_likely_length(
    objective: Callable[..., float],
    initial: Array,  # noqa: ARG001
    bounds: Array,
) -> tuple[Array, float]:
    """Return the logarithm of the likeliest length scale, and its negative log likelihood.

    The likelihood may have several peaks, so a grid comes before the descent. Both stay clear of
    the bounds: with few or equal scores the likelihood rises up to the end, and scikit-learn
    would warn of something that a user need not care about.
    """

    def cost(length: float) -> float:
        return objective(np.array([length]), eval_gradient=False)

    low, high = bounds[0]
    grid = np.linspace(low, high, 14)[1:-1]
    best = int(np.argmin([cost(length) for length in grid]))
    around = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    found = minimize_scalar(cost, bounds=around, method="bounded", options={"xatol": 0.01})
    return np.array([found.x]), float(found.fun)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
