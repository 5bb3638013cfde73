"""The Gaussian process beside scikit-learn's."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from pipeline.strategies import gaussian_process
from pipeline.strategies.gaussian_process import fit

COLUMNS = np.array([0, 1, 2, 2])


def seen(count=30, noise=0.1):
    generator = np.random.default_rng(0)
    features = generator.random((count, 4))
    values = np.sin(6 * features[:, 0]) + features[:, 2] ** 2
    values += noise * generator.normal(size=count)
    return features, (values - values.mean()) / values.std()


def test_predicts_what_scikit_learn_does():
    features, values = seen()
    process = fit(features, COLUMNS, values)
    kernel = ConstantKernel(process.variance) * Matern(1 / process.scales, nu=2.5)
    alpha = process.noise + 1e-8 * process.variance
    theirs = GaussianProcessRegressor(kernel, alpha=alpha, optimizer=None).fit(features, values)
    elsewhere = np.random.default_rng(1).random((50, 4))
    mean, deviation, distance = process.predict(elsewhere)
    expected, spread = theirs.predict(elsewhere, return_std=True)
    np.testing.assert_allclose(mean, expected, atol=1e-6)
    np.testing.assert_allclose(deviation, spread, atol=1e-6)
    scaled = (elsewhere[:, None] - features[None]) * process.scales
    np.testing.assert_allclose(distance, np.linalg.norm(scaled, axis=2).min(axis=1), atol=1e-6)


@pytest.mark.parametrize("noise", [None, 0.01])
def test_the_gradient_is_that_of_the_cost(noise):
    features, values = seen(12)
    differences = gaussian_process._differences(features, COLUMNS)
    cost = gaussian_process._cost(differences, values, 3, noise)
    at = np.array([-0.5, 0.3, 0.1, -3.0][: 4 if noise is None else 3])
    _, gradient = cost(at)
    steps = 1e-5 * np.eye(len(at))
    numeric = [(cost(at + step)[0] - cost(at - step)[0]) / 2e-5 for step in steps]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-5)


def test_finds_what_matters_and_how_noisy_it_is():
    features, values = seen(60, noise=0.3)
    process = fit(features, COLUMNS, values)
    _, exact = seen(60, noise=0.0)
    assert process.scales[0] > 2 * process.scales[1]  # the second column changes nothing
    assert process.scales[2] == process.scales[3]
    assert 5 * fit(features, COLUMNS, exact).noise < process.noise < 0.5
    assert fit(features, COLUMNS, values, noise=0.2).noise == pytest.approx(
        0.2 * fit(features, COLUMNS, values, noise=0.2).variance
    )


@pytest.mark.parametrize("count", [1, 2])
def test_a_value_or_two_leave_the_priors(count):
    features = np.random.default_rng(0).random((count, 4))
    process = fit(features, COLUMNS, np.zeros(count))
    mean, deviation, _ = process.predict(np.full((1, 4), 0.5))
    assert mean == pytest.approx(0)
    assert 0.1 < deviation < 1


def test_a_further_value_changes_what_is_believed_nearby():
    features, values = seen()
    process = fit(features, COLUMNS, values)
    point = np.full((1, 4), 0.9)
    mean, deviation, _ = process.predict(point)
    after, certain, distance = process.after(point, mean + 2).predict(point)
    assert mean + 0.5 < after < mean + 2.1
    assert certain < deviation
    assert distance == pytest.approx(0, abs=1e-6)
