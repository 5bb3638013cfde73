"""Pruning by executions."""

import itertools
import math

import pytest
import scipy.stats

from pipeline.pruners import Wilcoxon
from pipeline.pruners.wilcoxon import signed_rank_p
from tests.pruners.curves import curve

BEST = curve(0, [0.5], [0.4], [0.6], [0.5], [0.5], completed=True)
WORSE = curve(1, [0.1], [9.0], [9.0], [9.0], [9.0], completed=True)


def wilcoxon(**changes) -> Wilcoxon:
    return Wilcoxon(**{"direction": "min", "max_epochs": 2, **changes})


def worse_by(*differences, newest=(0.5,)):
    best = [values[0] for values in BEST.executions]
    told = [[one + more] for one, more in zip(best, differences, strict=False)]
    return curve(2, *told, list(newest))


def test_four_worse_executions_are_enough():
    """One of 16 is below 0.1, one of 8 is not."""
    assert not wilcoxon().prunes(worse_by(0.1, 0.2, 0.3), [BEST, WORSE])
    assert wilcoxon().prunes(worse_by(0.1, 0.2, 0.3, 0.4), [BEST, WORSE])
    assert wilcoxon(p_threshold=0.2).prunes(worse_by(0.1, 0.2, 0.3), [BEST, WORSE])


def test_a_little_better_once_is_not_enough_to_go_on_much_better_is():
    assert wilcoxon(p_threshold=0.13).prunes(worse_by(-0.01, 0.2, 0.3, 0.4), [BEST])  # p = 2/16
    assert not wilcoxon(p_threshold=0.9).prunes(worse_by(0.01, 0.2, 0.1, -0.4), [BEST])


def test_the_execution_that_trains_does_not_count_until_its_last_epoch():
    assert not wilcoxon().prunes(worse_by(0.1, 0.2, 0.3, newest=[9.0]), [BEST])
    assert wilcoxon().prunes(worse_by(0.1, 0.2, 0.3, newest=[9.0, 9.0]), [BEST])


def test_at_the_end_of_its_last_execution_a_trial_has_completed():
    assert not wilcoxon().prunes(worse_by(0.1, 0.2, 0.3, 0.4, newest=[9.0, 9.0]), [BEST])


def test_without_a_completed_trial_none_is_pruned():
    running = curve(0, *BEST.executions)
    assert not wilcoxon().prunes(worse_by(1, 1, 1, 1), [])
    assert not wilcoxon().prunes(worse_by(1, 1, 1, 1), [running])


def test_an_execution_without_a_finite_value_ends_the_trial():
    broken = curve(2, [0.1], [math.nan], [0.1])
    assert wilcoxon().prunes(broken, [BEST])
    assert not wilcoxon(n_startup_executions=3).prunes(broken, [BEST])


def test_the_exact_probability_is_scipys():
    """Where no difference is zero and no two are equal, SciPy's is exact."""
    sizes = [0.3, 0.1, 0.5, 0.2, 0.7]
    for signs in itertools.product([-1, 1], repeat=5):
        differences = [sign * size for sign, size in zip(signs, sizes, strict=True)]
        theirs = scipy.stats.wilcoxon(differences, alternative="greater", method="exact").pvalue
        assert signed_rank_p(differences) == pytest.approx(theirs)


def test_zeros_and_equal_differences_are_shared():
    assert signed_rank_p([0.0, 0.0]) == 0.75
    assert signed_rank_p([1.0, 1.0]) == 0.25
    assert signed_rank_p([1.0, -1.0]) == 0.75


def test_wrong_arguments_are_named():
    told = "^p_threshold must be a number between 0 and 1; received 1.0$"
    with pytest.raises(ValueError, match=told):
        wilcoxon(p_threshold=1.0)
