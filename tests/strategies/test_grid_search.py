"""Grid search beside KerasTuner's."""

import itertools

import keras_tuner
import pytest
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
    oracle = make(GridSearch, space_of(choice(4)), max_trials=None)
    for _ in range(2):
        trial = oracle.create_trial("tuner")
        end(oracle, trial, 1.0)
    late = oracle.create_trial("tuner")
    late.hyperparameters.Boolean("late", default=True)
    end(oracle, late, 1.0)
    assert keys([late, *run(oracle)]) == [
        '{"late": true, "x": 2}',
        '{"late": false, "x": 2}',
        '{"late": false, "x": 3}',
        '{"late": true, "x": 3}',
    ]  # the first two models did not ask for it


@pytest.mark.parametrize("layers", [[1, 2, 3], [3, 2, 1]], ids=str)
def test_trains_each_model_of_a_space_that_nobody_explored_once(layers):
    """Where KerasTuner's own trains 14 or 24, by the order of the values."""
    space = space_of(keras_tuner.engine.hyperparameters.Choice("layers", layers))

    def asked(hp):
        return {"layers": hp.get("layers")} | {
            name: hp.Choice(name, [4, 8])
            for name in (f"units_{layer}" for layer in range(hp.get("layers")))
        }

    def models(oracle):
        found = []
        while (trial := oracle.create_trial("tuner")).status == "RUNNING":
            found.append(asked(trial.hyperparameters))
            if hasattr(oracle, "note_unused"):
                unused = trial.hyperparameters.values.keys() - found[-1].keys()
                oracle.note_unused(trial.trial_id, unused)
            end(oracle, trial, 1.0)
        return list(map(grids.key, found))

    ours = models(make(GridSearch, space, max_trials=None))
    assert len(ours) == len(set(ours)) == 2 + 4 + 8
    theirs = models(make_plain(plain.GridSearchOracle, space))
    assert set(theirs) == set(ours)
    assert len(theirs) == {1: 14, 3: 24}[layers[0]]


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
