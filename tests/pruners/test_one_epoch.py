"""All trials briefly, the best of them to its end."""

import math

import pytest

from pipeline.pruners import OneEpoch
from tests.pruners.curves import completed, curve, paused


def one_epoch(**changes) -> OneEpoch:
    return OneEpoch(**{"direction": "min", "max_epochs": 5, "i_epoch": 2, **changes})


def test_every_trial_stops_after_the_same_epochs():
    values = [9.0, 8.0, 7.0, 6.0, 5.0]
    asked = {n: one_epoch().prunes(curve(1, values[:n]), []) for n in range(1, 6)}
    assert asked == {1: False, 2: True, 3: False, 4: False, 5: False}
    assert not one_epoch().prunes(curve(1, [1.0], [1.0, 1.0]), [])
    assert not one_epoch(i_epoch=5).prunes(curve(1, values), [])


def test_the_best_goes_on_when_all_have_had_their_turn():
    trials = [paused(0, 9.0, 3.0), paused(1, 1.0, 2.0), paused(2, 9.0, 1.5)]
    assert one_epoch().resumes(trials, exhausted=False) is None
    assert one_epoch().resumes(trials, exhausted=True) == "0001"
    assert one_epoch(compare="last").resumes(trials, exhausted=True) == "0002"
    assert one_epoch(direction="max").resumes(trials, exhausted=True) == "0000"
    assert one_epoch().resumes([*trials, curve(3, [9.0])], exhausted=True) is None  # it runs yet


def test_no_other_follows_unless_it_fails():
    last = paused(0, 3.0, 3.0)
    values = [1.0, 2.0, 4.0]
    assert one_epoch().resumes([last, curve(1, values)], exhausted=True) is None
    assert one_epoch().resumes([last, completed(1, *values)], exhausted=True) is None
    failed = curve(1, values, failed=True)
    assert one_epoch().resumes([last, failed], exhausted=True) == "0000"


def test_nothing_finite_is_not_trained_on():
    assert one_epoch().resumes([paused(0, math.nan, math.nan)], exhausted=True) is None
    assert one_epoch().resumes([], exhausted=True) is None


def test_more_epochs_than_there_are_is_a_mistake():
    with pytest.raises(ValueError, match="i_epoch must be an integer from 1 to 5; received 6"):
        one_epoch(i_epoch=6)
