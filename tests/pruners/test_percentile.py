"""The median rule, and those of other shares."""

import math

import optuna
import pytest

from pipeline.pruners import Median, Percentile
from pipeline.pruners.percentile import quantile
from tests.pruners.curves import completed, curve, paused

NAN = math.nan


def median(**changes) -> Median:
    return Median(**{"direction": "min", "max_epochs": 9, "n_startup_trials": 3, **changes})


OTHERS = [completed(0, 5.0, 3.0), completed(1, 4.0, 2.0), completed(2, 6.0, 1.0)]


def test_what_is_worse_than_the_median_of_the_others_is_pruned():
    assert not median().prunes(curve(3, [5.0]), OTHERS)
    assert median().prunes(curve(3, [5.1]), OTHERS)
    assert not median().prunes(curve(3, [9.0, 2.0]), OTHERS)
    assert median().prunes(curve(3, [9.0, 2.1]), OTHERS)


def test_a_quarter_is_stricter():
    quarter = Percentile(direction="min", max_epochs=9, n_startup_trials=3)  # below 4.5 goes on
    assert not quarter.prunes(curve(3, [4.5]), OTHERS)
    assert quarter.prunes(curve(3, [4.6]), OTHERS)


def test_the_best_value_so_far_counts_or_the_last():
    worse_again = curve(3, [1.0, 8.0])
    assert not median().prunes(worse_again, OTHERS)
    assert median(compare="last").prunes(worse_again, OTHERS)


def test_pruned_and_running_trials_count_as_far_as_they_came():
    others = [paused(0, 5.0), curve(1, [4.0, 2.0]), curve(2, [6.0, 1.0], failed=True)]
    assert median().prunes(curve(3, [5.1]), others)
    assert not median().prunes(curve(3, [5.1, 5.1]), others)  # two have come that far


def test_one_that_ended_early_counts_with_its_end():
    others = [*OTHERS[:2], completed(2, 1.0)]
    assert median().prunes(curve(3, [9.0, 9.0, 9.0, 2.1]), others)
    assert not median().prunes(curve(3, [9.0, 9.0, 9.0, 2.0]), others)


def test_the_first_trials_are_not_pruned():
    assert not median().prunes(curve(2, [9.0]), OTHERS[:2])
    assert median().prunes(curve(2, [9.0]), OTHERS)


def test_nothing_is_pruned_in_the_warmup_nor_at_the_end():
    bad = [9.0] * 9
    pruned = [
        epochs
        for epochs in range(1, 10)
        if median(n_warmup_epochs=2).prunes(curve(3, bad[:epochs]), OTHERS)
    ]
    assert pruned == [3, 4, 5, 6, 7, 8]


def test_only_the_first_execution_is_judged():
    assert not median().prunes(curve(3, [1.0, 1.0], [9.0]), OTHERS)


def test_without_a_finite_value_a_trial_is_pruned_among_the_worst_too():
    hopeless = [completed(n, NAN) for n in range(3)]
    assert median().prunes(curve(3, [NAN]), OTHERS)
    assert median().prunes(curve(3, [NAN]), hopeless)
    assert not median().prunes(curve(3, [9.0]), hopeless)


def test_quantiles_lie_between_two_values():
    assert quantile([4.0, 1.0, 3.0], 0.5) == 3.0
    assert quantile([4.0, 1.0], 0.25) == 1.75
    assert quantile([1.0, math.inf], 0.5) == math.inf
    assert quantile([1.0, 2.0, math.inf], 0.5) == 2.0


@pytest.mark.parametrize("value", [3.9, 4.4, 4.6, 5.1])
def test_it_agrees_with_optuna_where_all_others_completed(value):
    study = optuna.create_study()
    for other in OTHERS:
        study.add_trial(
            optuna.trial.create_trial(value=1.0, intermediate_values=dict(other.executions[0]))
        )
    trial = study.ask()
    trial.report(value, 0)
    frozen = study.get_trials()[-1]
    theirs = optuna.pruners.PercentilePruner(25.0, n_startup_trials=3).prune(study, frozen)
    ours = Percentile(direction="min", max_epochs=9, n_startup_trials=3)
    assert ours.prunes(curve(3, [value]), OTHERS) == theirs


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"percentile": 0}, "percentile must be a number between 0 and 100; received 0"),
        ({"percentile": "x"}, "percentile must be a number between 0 and 100; received 'x'"),
        (
            {"n_startup_trials": 0},
            "n_startup_trials must be an integer of at least 1; received 0",
        ),
        (
            {"n_warmup_epochs": -1},
            "n_warmup_epochs must be an integer of at least 0; received -1",
        ),
        ({"max_epochs": True}, "max_epochs must be an integer of at least 1; received True"),
    ],
)
def test_wrong_arguments_are_named(wrong, told):
    with pytest.raises(ValueError, match=f"^{told}$"):
        Percentile(**{"direction": "min", "max_epochs": 9, **wrong})
