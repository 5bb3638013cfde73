"""Grid search beside KerasTuner's."""

import itertools

import keras_tuner
from keras_tuner import oracles as plain

from pipeline.strategies import (
    GridSearch,
    grids,
)
from tests.strategies.oracles import (
    choice,
    end,
    keys,
    make,
    make_plain,
    mixed_space,
    number,
    run,
    space_of,
    values,
)


def test_a_value_listed_twice_is_tried_once():
    space = space_of(keras_tuner.engine.hyperparameters.Choice("x", [1, 1, 2]))
    looping = run(make_plain(plain.GridSearchOracle, space, max_trials=12))
    assert [trial["x"] for trial in values(looping)] == [1] * 12
    assert [trial["x"] for trial in values(run(make(GridSearch, space)))] == [1, 2]


def test_includes_the_upper_end():
    space = space_of(number(step=0.1))
    omitting = values(run(make_plain(plain.GridSearchOracle, space)))
    assert max(trial["x"] for trial in omitting) < 1
    oracle = make(GridSearch, space, max_trials=None)
    assert [trial["x"] for trial in values(run(oracle))] == [i / 10 for i in range(11)]


def test_runs_the_whole_grid_once_and_in_order():
    oracle = make(GridSearch, max_trials=None)
    expected = list(grids.combinations(mixed_space()))
    assert oracle.total_trials == len(expected) == 10 * 6 * (3 + 3)
    assert values(run(oracle)) == expected


def test_stops_at_its_budget():
    oracle = make(GridSearch, max_trials=7)
    assert oracle.total_trials == 7 == len(run(oracle))


def test_covers_what_appears_during_a_trial():
    oracle = make(GridSearch, space_of(choice(3)), max_trials=None)
    for _ in range(2):
        trial = oracle.create_trial("tuner")
        end(oracle, trial, 1.0)
    late = oracle.create_trial("tuner")
    late.hyperparameters.Boolean("late", default=True)
    end(oracle, late, 1.0)
    trials = [late, *run(oracle)]
    assert sorted(keys(trials)) == sorted(map(grids.key, grids.combinations(oracle.get_space())))
    assert keys(trials)[0] == '{"late": true, "x": 2}'


def test_a_proposal_does_not_start_over():
    visited = []
    oracle = make(GridSearch, space_of(choice(300)), max_trials=None)
    oracle.populate_space("0000")
    oracle._remaining = itertools.chain([{"x": 0}], _watched(oracle._remaining, visited))
    run(oracle)
    assert len(visited) == 299


def _watched(items, visited):
    for item in items:
        visited.append(item)
        yield item
