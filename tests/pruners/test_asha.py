"""Successive halving, trial by trial."""

import math

import pytest

from pipeline.pruners import ASHA
from pipeline.pruners.rungs import rungs
from tests.pruners.curves import completed, curve, paused

NAN = math.nan


def asha(**changes) -> ASHA:
    return ASHA(**{"direction": "min", "max_epochs": 20, **changes})


def pruned_one_by_one(pruner, losses) -> list[float]:
    """Return which are stopped after their first epoch if they come one after the other."""
    begun = [curve(number, [loss]) for number, loss in enumerate(losses)]
    return [loss for n, loss in enumerate(losses) if pruner.prunes(begun[n], begun[:n])]


@pytest.mark.parametrize(
    ("first", "epochs", "factor", "expected"),
    [
        (1, 20, 3, [1, 3, 9]),
        (1, 10, 3, [1, 3]),  # after 9 of 10 there is nothing left to save
        (1, 27, 3, [1, 3, 9]),
        (1, 30, 3, [1, 3, 9]),
        (2, 50, 4, [2, 8, 32]),
        (1, 8, 2, [1, 2, 4]),
        (1, 2, 3, [1]),
        (1, 1, 3, []),
        (9, 10, 3, [9]),  # asked for
        (10, 10, 3, []),
    ],
)
def test_rungs(first, epochs, factor, expected):
    assert rungs(first, epochs, factor) == expected


class TestStopping:
    def test_the_best_third_goes_on_rounded_up(self):
        """Of 1, 2, 3 trials the best, of 4, 5, 6 the best two."""
        stopped = pruned_one_by_one(asha(), [5.0, 6.0, 4.0, 4.5, 3.0, 4.2, 4.1])
        assert stopped == [6.0, 4.2]  # of seven trials the best three go on, of which 4.1 is one

    def test_a_larger_factor_is_stricter(self):
        losses = [5.0, 4.0, 4.5]
        assert pruned_one_by_one(asha(reduction_factor=2), losses) == [4.5][:0]
        assert pruned_one_by_one(asha(reduction_factor=3), losses) == [4.5]

    def test_trials_are_compared_at_rungs_alone(self):
        best = completed(0, *[1.0] * 20)
        bad = [2.0] * 20
        stopped = [n for n in range(1, 20) if asha().prunes(curve(1, bad[:n]), [best])]
        assert stopped == [1, 3, 9]

    def test_the_first_rung_is_after_min_epochs(self):
        best = completed(0, *[1.0] * 20)
        pruner = asha(min_epochs=4)
        assert [n for n in range(1, 20) if pruner.prunes(curve(1, [2.0] * n), [best])] == [4, 12]

    def test_those_that_did_not_get_to_the_rung_do_not_count(self):
        others = [paused(0, 1.0), curve(1, [1.0, 1.0]), curve(2, [1.0, NAN], failed=True)]
        assert not asha().prunes(curve(3, [2.0] * 3), others)

    def test_one_that_ended_by_itself_stands_on_all_later_rungs(self):
        early = completed(0, 1.5, 1.0)
        assert asha().prunes(curve(1, [2.0] * 9), [early])
        assert not asha().prunes(curve(1, [0.9] * 9), [early])

    def test_best_or_last(self):
        other, risen = completed(0, 1.0, 1.0, 1.0), curve(1, [0.5, 2.0, 2.0])
        assert not asha().prunes(risen, [other])
        assert asha(compare="last").prunes(risen, [other])

    def test_equal_trials_go_on_together(self):
        assert pruned_one_by_one(asha(), [1.0] * 9) == []

    def test_nothing_finite_never_goes_on(self):
        assert asha().prunes(curve(0, [NAN]), [])
        assert asha().prunes(curve(0, [math.inf]), [completed(1, NAN)])
        assert not asha().prunes(curve(0, [9.0]), [completed(1, NAN)])

    def test_only_the_first_execution_is_judged(self):
        assert not asha().prunes(curve(1, [2.0], [2.0]), [completed(0, 1.0)])

    def test_a_trial_that_began_behind_a_rung_is_not_on_it(self):
        promoted = curve(1, [0.1], first_epoch=3)
        assert not asha().prunes(promoted, [completed(0, 0.0)])
        assert not asha().prunes(curve(2, [0.5] * 3), [promoted])

    def test_none_is_taken_up_again(self):
        assert not asha().keeps_pruned
        assert asha().resumes([paused(0, 1.0), paused(1, 2.0)], exhausted=True) is None


class TestPromotion:
    def test_the_first_wait_until_there_are_enough(self):
        """Of three trials one goes on; the third knows it at once."""
        assert pruned_one_by_one(asha(promote=True), [5.0, 6.0]) == [5.0, 6.0]
        assert pruned_one_by_one(asha(promote=True), [5.0, 6.0, 4.0]) == [5.0, 6.0]

    def test_a_paused_trial_is_promoted_when_it_belongs_to_the_best(self):
        promoted = [
            asha(promote=True).resumes(
                [paused(n, loss) for n, loss in enumerate(losses)], exhausted=False
            )
            for losses in ([5.0, 6.0], [5.0, 6.0, 7.0], [5.0, NAN, NAN], [NAN, NAN, NAN])
        ]
        assert promoted == [None, "0000", "0000", None]

    def test_it_is_promoted_once_at_each_rung(self):
        gone_on = curve(0, [5.0, 4.0])
        others = [paused(1, 6.0), paused(2, 7.0)]
        assert asha(promote=True).resumes([gone_on, *others], exhausted=False) is None
        paused_again = paused(0, 5.0, 4.0, 3.0)
        assert asha(promote=True).resumes([paused_again, *others], exhausted=False) is None

    def test_the_next_best_follows_as_more_come(self):
        trials = [curve(0, [5.0, 4.0]), *(paused(n, 5.0 + n) for n in range(1, 6))]
        assert asha(promote=True).resumes(trials[:5], exhausted=False) is None
        assert asha(promote=True).resumes(trials, exhausted=False) == "0001"

    def test_the_highest_rung_goes_first(self):
        low = [paused(n, 1.0 + n) for n in range(3)]
        high = [paused(3 + n, 9.0, 9.0, 8.0 - n) for n in range(3)]
        assert asha(promote=True).resumes([*low, *high], exhausted=False) == "0005"
        assert asha(promote=True).resumes(low, exhausted=False) == "0000"

    def test_in_the_end_two_more_go_on_at_each_rung(self):
        ended = [completed(0, *[1.0] * 20)]
        waiting = [paused(n, 1.0 + n) for n in range(1, 5)]
        pruner = asha(promote=True)
        assert pruner.resumes([*ended, *waiting], exhausted=False) is None
        assert pruner.resumes([*ended, *waiting], exhausted=True) == "0001"
        ended.append(completed(1, *[2.0] * 20))
        assert pruner.resumes([*ended, *waiting[1:]], exhausted=True) == "0002"
        ended.append(completed(2, *[3.0] * 20))
        assert pruner.resumes([*ended, *waiting[2:]], exhausted=True) is None

    def test_a_search_of_one_trial_completes_it(self):
        assert asha(promote=True).resumes([paused(0, 5.0)], exhausted=True) == "0000"
        assert asha(promote=True).resumes([paused(0, NAN)], exhausted=True) is None
        assert asha(promote=True).resumes([], exhausted=True) is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"min_epochs": 0}, "min_epochs must be an integer from 1 to 20; received 0"),
        ({"min_epochs": 21}, "min_epochs must be an integer from 1 to 20; received 21"),
        ({"reduction_factor": 1}, "reduction_factor must be an integer of at least 2; received 1"),
        ({"reduction_factor": 2.5}, "reduction_factor must be an integer .+; received 2.5"),
        ({"promote": "yes"}, "promote must be true or false; received 'yes'"),
        ({"compare": "mean"}, "compare must be best or last; received 'mean'"),
    ],
)
def test_wrong_arguments_are_named(wrong, told):
    with pytest.raises(ValueError, match=f"^{told}$"):
        asha(**wrong)
