"""A search space as a unit cube, beside the mappings of one value at a time."""

import keras_tuner
import numpy as np
import pytest
from keras_tuner.engine import hyperparameters as kinds

from pipeline.strategies.coordinates import Coordinates
from tests.strategies.oracles import mixed_space, number, space_of


def nested_space():
    space = space_of(
        kinds.Int("layers", 1, 3, default=2), kinds.Fixed("kind", "a"), number("share", 0, 1)
    )
    with space.conditional_scope("kind", ["a"]):
        space.Choice("units", [8, 16, 32], default=16)
        with space.conditional_scope("units", [16, 32]):
            space.Int("width", 4, 64, sampling="log")
            space.Int("height", 4, 64, sampling="reverse_log")
            with space.conditional_scope("width", [4, 5, 6]):
                space.Boolean("narrow")
    with space.conditional_scope("kind", ["b"]):
        space.Boolean("never")
    with space.conditional_scope("layers", [2, 3]):
        space.Choice("second", ["x", "y", "z"])
        with space.conditional_scope("second", ["z"]):
            space.Float("third", 0, 1, step=0.25)
    return space


@pytest.mark.parametrize("space", [mixed_space(), nested_space()], ids=["mixed", "nested"])
def test_many_points_at_once_are_what_one_at_a_time_is(space):
    coordinates = Coordinates(space)
    points = np.random.default_rng(0).random((300, len(coordinates.columns)))
    nearest = coordinates.nearest(points)
    combinations = [coordinates.values_at(point) for point in points]
    np.testing.assert_allclose(nearest, coordinates.points_of(combinations), atol=1e-12)
    assert [coordinates.values_at(point) for point in nearest] == combinations
    assert len({len(values) for values in combinations}) > 1 or "units" in combinations[0]


def test_what_an_inactive_hyperparameter_would_be_changes_nothing():
    space = mixed_space()
    coordinates = Coordinates(space)
    kind = [hp.name for hp in coordinates.columns].index("kind")
    points = np.full((2, len(coordinates.columns)), 0.25)
    points[1, kind + 1 :] = 0.9
    points[:, kind] = 0.25  # a: the first of the two that are called units is active
    nearest = coordinates.nearest(points)
    assert (nearest[0] != nearest[1]).tolist() == [False, False, False, True, False]


def test_values_without_an_order_are_equally_far_from_each_other():
    space = space_of(kinds.Choice("x", ["a", "b", "c"]), kinds.Choice("n", [1, 2, 3]))
    coordinates = Coordinates(space)
    combinations = [{"x": x, "n": n} for x in "abc" for n in (1, 3)]
    features = coordinates.features_of(coordinates.points_of(combinations))
    assert coordinates.features.tolist() == [0, 0, 0, 1]
    distances = np.linalg.norm(features[:, None] - features[None], axis=2)
    assert distances[0].round(6).tolist() == pytest.approx(
        [0, 2 / 3, 1, (1 + 4 / 9) ** 0.5, 1, (1 + 4 / 9) ** 0.5], abs=1e-6
    )


def test_a_later_hyperparameter_is_where_its_default_is():
    space = keras_tuner.HyperParameters()
    space.Float("rate", 0, 1)
    space.Int("late", 0, 9, default=7)
    assert Coordinates(space).points_of([{"rate": 0.5}]).tolist() == [[0.5, 0.75]]
