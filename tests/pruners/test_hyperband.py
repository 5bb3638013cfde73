"""Trials dealt to brackets."""

from collections import Counter

import pytest

from pipeline.pruners import ASHA, Hyperband
from tests.pruners.curves import curve


def hyperband(**changes) -> Hyperband:
    return Hyperband(**{"direction": "min", "max_epochs": 10, "seed": 0, **changes})


@pytest.mark.parametrize(
    ("arguments", "sizes"),
    [
        ({}, {0: 9, 1: 5, 2: 3}),  # rungs from 1, from 3, and none
        ({"max_epochs": 27}, {0: 27, 1: 12, 2: 6, 3: 4}),
        ({"reduction_factor": 4, "min_epochs": 3}, {0: 4, 1: 2}),
        ({"min_epochs": 10}, {0: 1}),
    ],
)
def test_each_round_of_trials_is_dealt_as_hyperband_does(arguments, sizes):
    pruner, dealt = hyperband(**arguments), sum(sizes.values())
    for begin in (0, dealt):
        places = [pruner.bracket(f"{number:04d}") for number in range(begin, begin + dealt)]
        assert Counter(places) == sizes


def test_the_seed_deals():
    def brackets(seed):
        return [hyperband(seed=seed).bracket(f"{number:04d}") for number in range(51)]

    assert brackets(1) == brackets(1)
    assert brackets(1) != brackets(2)


def test_a_trial_is_compared_within_its_bracket():
    pruner = hyperband()
    of = {number: pruner.bracket(f"{number:04d}") for number in range(51)}
    first, second = [number for number, bracket in of.items() if bracket == 0][:2]
    other = next(number for number, bracket in of.items() if bracket == 1)
    good = curve(other, [1.0])
    assert not pruner.prunes(curve(second, [2.0]), [good])
    assert pruner.prunes(curve(second, [2.0]), [curve(first, [1.0])])
    assert not pruner.prunes(curve(other, [2.0]), [curve(first, [1.0])])  # it has no such rung


def test_one_bracket_alone_prunes_as_asha():
    begun = [curve(number, [float(number)]) for number in range(6)]
    pruner = hyperband(max_epochs=2)
    zero = [one for one in begun if pruner.bracket(one.trial) == 0]
    asha = ASHA(direction="min", max_epochs=2)
    assert [pruner.prunes(one, begun) for one in zero] == [asha.prunes(one, zero) for one in zero]
