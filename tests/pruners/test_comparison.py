"""Which value of a trial counts after how many epochs."""

import math

import pytest

from pipeline.pruners import Curve
from pipeline.pruners.comparison import Comparison
from tests.pruners.curves import completed, curve


@pytest.mark.parametrize(
    ("direction", "compare", "expected"),
    [("min", "best", 2.0), ("min", "last", 4.0), ("max", "best", -4.0), ("max", "last", -4.0)],
)
def test_the_loss_is_of_the_best_or_the_last_epoch_so_far(direction, compare, expected):
    values = curve(0, [3.0, 2.0, 4.0, 1.0])
    assert Comparison(direction, compare).after(values, 3) == expected


def test_what_has_not_got_that_far_has_no_loss():
    least = Comparison("min")
    assert least.after(curve(0, [1.0, 2.0]), 3) is None
    assert least.after(curve(0, [1.0, 2.0], pruned=True), 3) is None
    assert least.after(curve(0, [1.0, 2.0], failed=True), 3) is None
    assert least.after(Curve("0000", ()), 1) is None


def test_a_training_that_ended_by_itself_keeps_its_loss():
    assert Comparison("min").after(completed(0, 1.0, 2.0), 9) == 1.0
    assert Comparison("min", "last").after(completed(0, 1.0, 2.0), 9) == 2.0
    in_its_second_execution = curve(0, [1.0, 2.0], [5.0])
    assert Comparison("min", "last").after(in_its_second_execution, 9) == 2.0


def test_epochs_are_absolute():
    promoted = curve(4, [0.5, 0.4], first_epoch=3)
    assert Comparison("min").after(promoted, 3) is None
    assert Comparison("min").after(promoted, 4) == 0.5
    assert Comparison("min").after(promoted, 5) == 0.4


@pytest.mark.parametrize("direction", ["min", "max"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_the_worst(direction, bad):
    assert Comparison(direction, "last").after(curve(0, [1.0, bad]), 2) == math.inf
    assert Comparison(direction).after(curve(0, [bad, bad]), 2) == math.inf
    assert math.isfinite(Comparison(direction).after(curve(0, [1.0, bad]), 2))


@pytest.mark.parametrize("wrong", [{"direction": "up"}, {"direction": "min", "compare": "mean"}])
def test_wrong_words_are_named(wrong):
    name, value = list(wrong.items())[-1]
    with pytest.raises(ValueError, match=f"^{name} must be .+ or .+; received '{value}'$"):
        Comparison(**wrong)
