"""What an oracle begins with: in its order, once, and the same after a restart."""

import pytest

from pipeline.strategies import BayesianOptimization, GridSearch, Hyperband, RandomSearch, grids
from pipeline.strategies.sampling import sample
from tests.strategies.oracles import (
    ALL,
    choice,
    keys,
    make,
    mixed_space,
    number,
    run,
    space_of,
    values,
)
from tests.strategies.test_restore import restored_from

FIRST = [sample(mixed_space(), seed) for seed in (101, 102, 103)]


def begin(strategy, *arguments, **more):
    oracle = make(strategy, **more)
    oracle.begin_with(*arguments)
    return oracle


@ALL
def test_the_first_trials_are_those_and_none_comes_twice(strategy):
    ran = run(begin(strategy, FIRST))
    fresh = [trial for trial in ran if trial.hyperparameters.values.get("tuner/round", 0) == 0]
    assert keys(fresh)[:3] == [grids.key(first) for first in FIRST]
    if strategy is not Hyperband:  # whose later brackets may repeat
        assert len(set(keys(ran))) == len(ran)


@ALL
@pytest.mark.parametrize("ended", [1, 2, 5])
def test_a_restored_oracle_goes_on_as_if_nothing_had_been(strategy, ended):
    measured = [(sample(mixed_space(), seed), seed / 10) for seed in range(4)]
    whole = values(run(begin(strategy, FIRST, measured)))
    stopped = begin(strategy, FIRST, measured)
    run(stopped, limit=ended)
    continued = begin(strategy, FIRST, measured)
    continued.restore(restored_from(stopped))
    assert values(run(continued)) == whole[ended:]


def test_more_first_trials_than_a_bracket_has_enter_the_next():
    first = [{"x": n} for n in range(7)]
    ran = run(begin(Hyperband, first, space=space_of(choice(40)), max_epochs=4, factor=2))
    fresh = [v for v in values(ran) if v["tuner/round"] == 0]
    assert [v["x"] for v in fresh[:7]] == [0, 1, 2, 3, 4, 5, 6]
    assert len({v["tuner/bracket"] for v in fresh[:7]}) == 2


@pytest.mark.parametrize("strategy", [RandomSearch, BayesianOptimization])
def test_what_was_measured_is_not_tried_again_and_is_no_trial(strategy):
    space, measured = space_of(choice(8)), [({"x": n}, float(n)) for n in range(5)]
    oracle = begin(strategy, [{"x": 2}], measured, space=space, max_trials=8)
    ran = run(oracle)
    first, *others = [v["x"] for v in values(ran)]
    assert first == 2
    assert set(others) == {5, 6, 7}
    assert oracle.get_best_trials()[0].hyperparameters.values["x"] in {2, 5, 6, 7}


def test_bayesian_optimization_learns_from_what_was_measured():
    space = space_of(number("x"))
    measured = [({"x": n / 10}, (n / 10 - 0.7) ** 2) for n in range(11)]
    oracle = begin(BayesianOptimization, [], measured, space=space, max_trials=3)
    (trial,) = run(oracle, limit=1)
    assert abs(trial.hyperparameters.values["x"] - 0.7) < 0.1


def test_grid_search_has_all_of_its_table():
    measured = [({"x": n}, 0.0) for n in range(3)]
    oracle = begin(GridSearch, [{"x": 3}], measured, space=space_of(choice(5)), max_trials=10)
    assert oracle.total_trials == 5
    assert not oracle.takes_measured
