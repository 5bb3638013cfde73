"""Values from elsewhere are checked against a space, or brought into it."""

import re

import keras_tuner
import pytest

from pipeline.strategies.foreign_values import checked, fitted, with_stated
from pipeline.strategies.grids import grid_values, values_of
from tests.strategies.oracles import mixed_space, number, space_of

RATE = {"rate": 0.01, "drop": 0.2, "kind": "a", "units": 2}


def test_what_is_left_out_has_its_default():
    assert checked(mixed_space(), values_of, {"kind": "b"}, "first") == {
        "rate": 1e-4,
        "drop": 0,
        "kind": "b",
        "units": 7,
    }


def test_numbers_have_the_type_that_was_declared():
    values = checked(mixed_space(), values_of, {"drop": 0, "units": 2.0}, "first")
    assert [type(values[name]) for name in ("drop", "units")] == [
        type(values_of(mixed_space().space[1])[0]),
        int,
    ]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"rat": 1},
            "first.rat is not known; did you mean 'rate'? allowed: drop, kind, rate, units",
        ),
        ({"rate": 1}, "first.rate must be a number from 0.0001 to 0.1; received 1"),
        ({"rate": True}, "first.rate must be a number from 0.0001 to 0.1; received True"),
        ({"drop": 0.25}, "first.drop must be one of 0.0, 0.1, 0.2, 0.3, 0.4, 0.5; received 0.25"),
        ({"kind": "c"}, "first.kind must be one of a, b; received 'c'"),
        ({"kind": "a", "units": 7}, "first.units must be an integer from 1 to 3; received 7"),
    ],
)
def test_what_is_no_value_is_refused(given, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        checked(mixed_space(), values_of, given, "first")


def test_what_does_not_count_is_refused():
    space = keras_tuner.HyperParameters()
    space.Choice("kind", ["a", "b"])
    with space.conditional_scope("kind", ["b"]):
        space.Int("units", 7, 9)
    with pytest.raises(ValueError, match=r"first.units does not count .* it needs kind in \['b'\]"):
        checked(space, values_of, {"units": 8}, "first")


@pytest.mark.parametrize(
    ("other", "here", "clipped"),
    [
        ({}, RATE, {}),
        ({"rate": 0.5}, {"rate": 0.1}, {"rate": (0.5, 0.1)}),
        ({"drop": 0.33}, {"drop": 0.3}, {"drop": (0.33, 0.3)}),
        ({"units": 99}, {"units": 3}, {"units": (99, 3)}),
        ({"kind": "b", "units": 8}, {"kind": "b", "units": 8}, {}),
    ],
)
def test_the_nearest_value_is_taken(other, here, clipped):
    found = fitted(mixed_space(), values_of, {**RATE, **other})
    assert found.values == {**RATE, **here}
    assert found.clipped == clipped
    assert found.exact == (not clipped)


def test_what_cannot_be_brought_into_it_says_why():
    found = fitted(mixed_space(), values_of, {**RATE, "kind": "c"})
    assert (found.values, found.reason) == (None, "kind='c' is no value here")
    assert not found.exact


def test_other_hyperparameters_are_named():
    found = fitted(mixed_space(), values_of, {"rate": 0.01, "kind": "a", "units": 2, "size": 3})
    assert (found.added, found.lost) == (("drop",), ("size",))
    assert not found.exact


def test_a_grids_values_are_the_nearest_of_the_grid():
    found = fitted(space_of(number("x", 0, 9)), grid_values, {"x": 3.2})
    assert found.values == {"x": 3.0}


def test_beside_stated_defaults_the_rest_is_drawn():
    space = space_of(number("rate", 0.1, 1.0), number("drop", 0, 1), number("low", 0.6, 1.0))
    stated = {"rate": 1, "low": 0.5}  # which is no value of the last one any more
    one, other = (with_stated(space, values_of, stated, seed) for seed in (1, 2))
    assert one["rate"] == other["rate"] == 1.0
    assert isinstance(one["rate"], float)
    assert one["drop"] != other["drop"]
    assert one["low"] >= 0.6
