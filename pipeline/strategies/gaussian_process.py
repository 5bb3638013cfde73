"""A Gaussian process over the points of a unit cube."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.optimize import minimize

Array = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.int64]]

# Normal priors of logarithms: median and deviation. The bounds only keep the arithmetic sound.
_LENGTH, _LENGTH_SPREAD, _LENGTHS = 0.5, 1.0, (0.02, 50.0)  # where the whole range is 1
_NOISE, _NOISE_SPREAD, _NOISES = 1e-2, 2.0, (1e-6, 10.0)  # variance, the function's being 1
_PRIOR_VALUES = 2.0  # how many values of variance 1 the prior of the variance is worth
_JITTER = 1e-8
_MOST_STEPS = 30


@dataclass(frozen=True)
class GaussianProcess:
    """What is believed of a function of which some values were seen, with noise.

    Its mean is 0, its covariance a Matern kernel of smoothness 2.5 with a length scale for each
    column (Rasmussen and Williams, "Gaussian processes for machine learning", 2006, 2.3, 4.2).

    Attributes:
        points: Where values were seen, in length scales; shape (values, features).
        values: What was seen.
        scales: What features are multiplied by, to be in length scales; shape (features,).
        variance: The function's, where nothing was seen.
        noise: Variance of a value around the function.
        lower: Cholesky factor of the values' covariance; shape (values, values).
        weights: The inverse of that covariance times the values.
    """

    points: Array
    values: Array
    scales: Array
    variance: float
    noise: float
    lower: Array
    weights: Array

    def predict(self, features: Array) -> tuple[Array, Array, Array]:
        """Return what is believed of the function, without noise.

        Args:
            features: Shape (points, features).

        Returns:
            Means, standard deviations, and distances to the nearest point seen, in length
            scales; each of shape (points,).
        """
        squared = _squared(features * self.scales, self.points)
        covariance = self.variance * _matern(squared)
        explained = solve_triangular(self.lower, covariance.T, lower=True, check_finite=False)
        left = self.variance - np.einsum("ij,ij->j", explained, explained)
        deviation = np.sqrt(np.maximum(left, 1e-12 * self.variance))
        return covariance @ self.weights, deviation, np.sqrt(squared.min(axis=1))

    def after(self, features: Array, values: Array) -> "GaussianProcess":
        """Return the process after further values, with the same length scales and variances."""
        return _conditioned(
            np.concatenate([self.points, features * self.scales]),
            np.concatenate([self.values, values]),
            self.scales,
            self.variance,
            self.noise,
        )


def fit(
    features: Array, columns: Indices, values: Array, noise: float | None = None
) -> GaussianProcess:
    """Find the likeliest process for values, given priors.

    Length scales and noise have log-normal priors, which a few values hardly move: without, the
    likelihood of ten values may call all but one hyperparameter irrelevant. The variance has an
    inverse gamma prior, so that its likeliest value is known in closed form.

    Args:
        features: Where values were seen; shape (values, features).
        columns: For each feature, the number of the column whose length scale it has.
        values: What was seen; mean 0, variance 1.
        noise: Variance of a value around the function, as a share of the function's; None finds
            the likeliest.

    Returns:
        The process.
    """
    count = int(columns.max()) + 1
    cost = _cost(_differences(features, columns), values, count, noise)
    start = np.full(count, np.log(_LENGTH))
    bounds = [tuple(np.log(_LENGTHS))] * count
    if noise is None:
        start = np.append(start, np.log(_NOISE))
        bounds.append(tuple(np.log(_NOISES)))
    found = minimize(
        cost,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": _MOST_STEPS, "ftol": 1e-4, "gtol": 1e-2},
    ).x
    share = float(np.exp(found[count])) if noise is None else noise
    scales = np.exp(-found[columns])
    process = _conditioned(features * scales, values, scales, 1.0, share)
    variance = _likeliest_variance(float(values @ process.weights), len(values))
    return _conditioned(process.points, values, scales, variance, share * variance)


def _cost(
    differences: Array, values: Array, count: int, noise: float | None
) -> Callable[[Array], tuple[float, Array]]:
    """Return the negative logarithm of the posterior, a function of logarithms.

    Args:
        differences: As `_differences` returns them.
        values: What was seen.
        count: How many columns there are.
        noise: As in `fit`.

    Returns:
        A function of length scales, and of the noise where that is not given; it returns the
        value and the gradient.
    """
    total = len(values)
    rows, others = np.tril_indices(total, -1)
    diagonal = np.arange(total)
    middle = np.full(count, np.log(_LENGTH))
    spread = np.full(count, _LENGTH_SPREAD)
    if noise is None:
        middle, spread = np.append(middle, np.log(_NOISE)), np.append(spread, _NOISE_SPREAD)

    def cost(logarithms: Array) -> tuple[float, Array]:
        inverses = np.exp(-2 * logarithms[:count])
        share = np.exp(logarithms[count]) if noise is None else noise
        root = np.sqrt(5 * (inverses @ differences))
        decay = np.exp(-root)
        matrix = np.zeros((total, total))
        matrix[rows, others] = (1 + root + root * root / 3) * decay
        matrix[diagonal, diagonal] = 1 + share + _JITTER
        lower, _ = dpotrf(matrix, lower=1, clean=0)
        weights = cho_solve((lower, True), values, check_finite=False)
        variance = _likeliest_variance(float(values @ weights), total)
        inverse, _ = dpotri(lower, lower=1)
        # Half the derivative by the matrix; each pair stands for two of its elements.
        slopes = weights[rows] * weights[others] / variance - inverse[rows, others]
        gradient = np.empty_like(logarithms)
        gradient[:count] = -(5 / 3) * inverses * (differences @ (slopes * (1 + root) * decay))
        if noise is None:
            own = weights * weights / variance - inverse[diagonal, diagonal]
            gradient[count] = -0.5 * share * own.sum()
        off = (logarithms - middle) / spread
        value = (
            0.5 * (total + _PRIOR_VALUES) * np.log(variance)
            + np.log(lower[diagonal, diagonal]).sum()
            + 0.5 * off @ off
        )
        return float(value), gradient + off / spread

    return cost


def _differences(features: Array, columns: Indices) -> Array:
    """Return squared differences of all pairs of points; shape (columns, pairs)."""
    rows, others = np.tril_indices(len(features), -1)
    differences = np.zeros((int(columns.max()) + 1, len(rows)))
    for column, feature in zip(columns, features.T, strict=True):
        differences[column] += (feature[rows] - feature[others]) ** 2
    return differences


def _likeliest_variance(quadratic: float, count: int) -> float:
    """Return the function's variance, of the values' square by the inverse of correlations."""
    return (quadratic + _PRIOR_VALUES) / (count + _PRIOR_VALUES)


def _conditioned(
    points: Array, values: Array, scales: Array, variance: float, noise: float
) -> GaussianProcess:
    covariance = variance * _matern(_squared(points, points))
    diagonal = np.arange(len(values))
    covariance[diagonal, diagonal] = variance * (1 + _JITTER) + noise
    lower = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    weights = cho_solve((lower, True), values, check_finite=False)
    return GaussianProcess(points, values, scales, variance, noise, lower, weights)


def _squared(first: Array, second: Array) -> Array:
    """Return squared distances of all pairs of rows."""
    lengths = np.einsum("ij,ij->i", first, first)[:, None] + np.einsum("ij,ij->i", second, second)
    return np.asarray(np.maximum(lengths - 2 * (first @ second.T), 0))


def _matern(squared: Array) -> Array:
    """Return the correlation at squared distances."""
    root = np.sqrt(5 * squared)
    return np.asarray((1 + root + root * root / 3) * np.exp(-root))
