"""Bayesian optimization with a Gaussian process."""

import math
from collections.abc import Sequence
from typing import Any

import keras_tuner
import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from pipeline.configuration.arguments import check_whole_number
from pipeline.seeds import derive_seed
from pipeline.strategies.acquisition import Merit, best_points
from pipeline.strategies.coordinates import Array, Coordinates
from pipeline.strategies.gaussian_process import GaussianProcess, fit
from pipeline.strategies.grids import Values
from pipeline.strategies.oracle import Oracle

_CLOSE = 0.05  # length scales within which a point counts as one that was tried
_KNOWN_OF = ("COMPLETED", "PRUNED")  # statuses of the trials that it learns from
_KNOWN = 3  # best points of earlier trials around which others are tried
_LAST = 1e12  # puts points that cannot be told from tried ones behind all others
_MOST_POINTS = 250  # the Gaussian process takes cubic time


class BayesianOptimization(Oracle, keras_tuner.oracles.BayesianOptimizationOracle):
    """Proposes where a Gaussian process over the scores so far expects or hopes for good ones.

    The process has KerasTuner's kernel, a Matern one of smoothness 2.5, but a length scale for
    each hyperparameter, found together with the noise of the scores. The lower confidence bound
    that it proposes by is KerasTuner's as well, but no point counts that is so close to a tried
    one that the process could not tell the two apart: it would learn nothing from it, and propose
    the next such point. Other repairs: no combination is proposed twice while others remain; only
    finite scores of COMPLETED trials enter; ranges with a float step keep all their values apart;
    values without an order are equally far from each other; far-off bad scores do not flatten the
    rest; candidates are random ones and neighbours of the best, predicted at once, which is many
    times faster than KerasTuner's 50 descents.

    Args:
        objective: The metric to optimise.
        hyperparameters: The search space.
        seed: Any integer; neighbouring seeds give unrelated values.
        max_trials: Trials to run, at least 1.
        num_initial_points: COMPLETED trials with random values before the process is asked, at
            least 1. None: three for each hyperparameter that varies (as in KerasTuner), but at
            least 3 and at most 10, so that a search of 20 trials is not mostly random.
        alpha: Expected noise of the scores, as a variance relative to that of all scores; above
            0. None: the likeliest.
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
        alpha: float | None = None,
        beta: float = 1.0,
        max_attempts: int = 1,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
    ) -> None:
        check_whole_number("max_trials", max_trials, 1)
        if num_initial_points is not None:
            check_whole_number("num_initial_points", num_initial_points, 1)
        if alpha is not None and not (_is_number(alpha) and alpha > 0):
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
        self._coordinates = Coordinates(self.hyperparameters)
        self._points: dict[int, Array] = {}  # of trials that have ended, in these coordinates
        self._declared_then = len(self.hyperparameters.space)

    def populate_space(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the values of the next trial, or that there is none."""
        if len(self.hyperparameters.space) != self._declared_then:
            self._declared_then = len(self.hyperparameters.space)
            self._coordinates = Coordinates(self.hyperparameters)
            self._points.clear()
        columns = len(self._coordinates.columns)
        ended = [trial for trial in self.trials.values() if trial.status in _KNOWN_OF]
        known = [*self.measured, *ended]
        initial = self.num_initial_points or min(max(3 * columns, 3), 10)
        scored = any(trial.status == "COMPLETED" for trial in known)
        values = None
        if columns and scored and len(known) >= initial:
            values = self._most_promising(known)
        return self._answer_or_draw(values)

    def _most_promising(self, known: Sequence[Any]) -> Values | None:
        """Return the unseen candidate that is worth most, None if all were seen."""
        coordinates = self._coordinates
        scores = self._scores(known)
        chosen = _chosen(scores)
        scores, known = scores[chosen], [known[number] for number in chosen]
        points = np.array([self._point_of(trial) for trial in known])
        process = self._process(points, _evened(scores))
        expected, _, _ = process.predict(coordinates.features_of(points))
        generator = np.random.default_rng(derive_seed(self.seed, "candidates", len(self.trials)))
        candidates = best_points(
            coordinates,
            self._merit(process),
            points[np.argsort(expected, kind="stable")[:_KNOWN]],
            generator,
        )
        combinations = (coordinates.values_at(point) for point in candidates)
        return next((v for v in combinations if v not in self._tried), None)

    def _scores(self, known: Sequence[Any]) -> Array:
        """Return the scores of trials, the lower the better.

        A pruned trial was worse than others of as many epochs, so it is not better than the
        median of the COMPLETED ones, however good it looked by then.
        """
        sign = -1.0 if self.objective.direction == "max" else 1.0
        completed = [sign * trial.score for trial in known if trial.status == "COMPLETED"]
        median = float(np.median(completed))
        return np.array(
            [
                sign * trial.score
                if trial.status == "COMPLETED"
                else max([median, *_reported(trial, self.objective.name, sign)])
                for trial in known
            ]
        )

    def _point_of(self, ended: Any) -> Array:
        """Return where a trial is, whose values change no more."""
        point = self._points.get(id(ended))
        if point is None:
            (point,) = self._coordinates.points_of([ended.hyperparameters.values])
            self._points[id(ended)] = point
        return point

    def _process(self, points: Array, scores: Array) -> GaussianProcess:
        """Fit the process to scores; trials that run count as rather bad."""
        coordinates = self._coordinates
        process = fit(coordinates.features_of(points), coordinates.features, scores, self.alpha)
        running = [trial.hyperparameters.values for trial in self.ongoing_trials.values()]
        if not running:
            return process
        # As in KerasTuner: pretend a rather bad result, so as to look elsewhere.
        features = coordinates.features_of(coordinates.points_of(running))
        mean, deviation, _ = process.predict(features)
        return process.after(features, mean + deviation)

    def _merit(self, process: GaussianProcess) -> Merit:
        coordinates = self._coordinates

        def merit(points: Array) -> Array:
            mean, deviation, distance = process.predict(coordinates.features_of(points))
            worth = self.beta * deviation - mean
            return np.asarray(np.where(distance < _CLOSE, worth - _LAST, worth))

        return merit


def _chosen(scores: Array) -> Sequence[int]:
    """Return which trials the process is fitted to: all, or the best and newest if they are many.

    Args:
        scores: Of all trials, in the order they started; the lower the better.
    """
    if len(scores) <= _MOST_POINTS:
        return range(len(scores))
    half = _MOST_POINTS // 2
    best = np.argsort(scores[:-half], kind="stable")[:half]
    return [*best.tolist(), *range(len(scores) - half, len(scores))]


def _reported(pruned: Any, objective: str, sign: float) -> Sequence[float]:
    """Return the best value that a pruned trial has reported, the lower the better, if any."""
    if not pruned.metrics.exists(objective):
        return []
    values = [sign * entry.mean() for entry in pruned.metrics.get_history(objective)]
    finite = [float(value) for value in values if math.isfinite(value)]
    return [min(finite)] if finite else []


def _evened(scores: Array) -> Array:
    """Return values for the process, the lower the better; mean 0.

    Losses of trainings lie close together where they are good, and far apart where they are bad,
    up to 10**9 and more where one diverged; a process that is alike everywhere would fit the bad
    ones. So half of a value is the quantile of the score's rank, as in Salinas et al. ("A
    quantile-based approach for hyperparameter transfer learning", ICML 2020), and half the score
    itself, where the worse ones count as far from the median as the best is.
    """
    ranks = ndtri((rankdata(scores) - 0.5) / len(scores))
    median, best = np.median(scores), scores.min()
    return _standardised(
        _standardised(ranks) + _standardised(np.minimum(scores, 2 * median - best))
    )


def _standardised(values: Array) -> Array:
    """Return values with mean 0 and variance 1, zeros if they are all equal."""
    deviations = values - values.mean()
    spread = values.std()
    return np.asarray(deviations / spread if spread > 0 else np.zeros_like(values))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
