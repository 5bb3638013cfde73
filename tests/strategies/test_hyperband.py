"""Hyperband beside KerasTuner's."""

import itertools

import keras_tuner
import pytest
from keras_tuner import oracles as plain

from pipeline.strategies import Hyperband, sampling
from pipeline.strategies import oracle as oracle_module
from tests.strategies.oracles import (
    choice,
    end,
    keys,
    make,
    make_plain,
    number,
    run,
    space_of,
    values,
)


@pytest.mark.parametrize(
    ("max_epochs", "trials", "epochs"),
    [(1, 1, 1), (10, 30, 120), (27, 70, 375), (81, 211, 1767)],
)
def test_totals_are_keras_tuners(max_epochs, trials, epochs):
    space = space_of(number())
    oracle = make(Hyperband, space, max_epochs=max_epochs)
    assert (oracle.total_trials, oracle.total_epochs(5)) == (trials, epochs)
    assert len(run(make_plain(plain.HyperbandOracle, space, max_epochs=max_epochs))) == trials


@pytest.mark.parametrize("configurations", [1, 2, 4, 13, 50, 1000])
@pytest.mark.parametrize(
    "budget",
    [
        {"max_epochs": 27},
        {"max_epochs": 20, "factor": 2, "hyperband_iterations": 2},
        {"max_epochs": 2, "factor": 3, "hyperband_iterations": 3},
    ],
)
def test_totals_are_right_in_small_spaces_too(configurations, budget):
    oracle = make(Hyperband, space_of(choice(configurations)), **budget)
    trials, epochs = oracle.total_trials, oracle.total_epochs(5)
    ran = values(run(oracle))
    assert len(ran) == trials
    assert sum(v["tuner/epochs"] - v["tuner/initial_epoch"] for v in ran) == epochs


def test_a_space_smaller_than_a_bracket_still_promotes():
    space = space_of(choice(4))
    assert len(run(make_plain(plain.HyperbandOracle, space, max_epochs=27))) == 4
    ran = values(run(make(Hyperband, space, max_epochs=27)))
    rounds = [(v["tuner/bracket"], v["tuner/round"]) for v in ran]
    sizes = {r: rounds.count(r) for r in dict.fromkeys(rounds)}
    assert list(sizes.items()) == [
        *(((3, 0), 4), ((3, 1), 2), ((3, 2), 1), ((3, 3), 1)),
        *(((2, 0), 4), ((2, 1), 2), ((2, 2), 1)),
        *(((1, 0), 4), ((1, 1), 2)),
        ((0, 0), 4),
    ]
    assert sum(v["tuner/epochs"] == 27 for v in ran) == 1 + 1 + 2 + 4
    for bracket in range(4):
        first = [v["x"] for v in ran if (v["tuner/bracket"], v["tuner/round"]) == (bracket, 0)]
        assert sorted(first) == [0, 1, 2, 3]


def test_new_configurations_come_first():
    ran = values(run(make(Hyperband, space_of(choice(35)), max_epochs=9)))
    started = [v["x"] for v in ran if v["tuner/round"] == 0]
    assert sorted(started[:17]) == sorted(set(started[:17]))  # 9 + 5 + 3, all new


@pytest.mark.parametrize("every", [5, 2.5])
def test_failures_do_not_cancel_promotions(every):
    def top_rungs(oracle):
        count = itertools.count(1)
        ran = run(oracle, lambda v: None if next(count) % every < 1 else v["x"])
        return sum(trial["tuner/epochs"] == 27 for trial in values(ran))

    space = space_of(number())
    assert top_rungs(make_plain(plain.HyperbandOracle, space, max_epochs=27)) < 9
    assert top_rungs(make(Hyperband, space, max_epochs=27)) == 9


def test_a_round_without_completed_trials_ends_its_bracket():
    ran = values(run(make(Hyperband, space_of(number()), max_epochs=9), lambda _: None))
    assert {v["tuner/round"] for v in ran} == {0}
    assert {v["tuner/bracket"] for v in ran} == {2, 1, 0}


@pytest.mark.parametrize("direction", ["min", "max"])
def test_the_best_go_on_with_their_values(direction):
    objective = keras_tuner.Objective("m", direction)
    oracle = make(Hyperband, space_of(number()), max_epochs=9, objective=objective)
    ran = run(oracle, lambda v: v["x"])
    first = [t for t in ran if t.hyperparameters.values["tuner/bracket"] == 2]
    rounds = [
        [t for t in first if t.hyperparameters.values["tuner/round"] == number]
        for number in range(3)
    ]
    assert [len(trials) for trials in rounds] == [9, 3, 1]
    for before, after in itertools.pairwise(rounds):
        ranked = sorted(before, key=lambda t: t.score, reverse=direction == "max")
        assert [t.hyperparameters.values["tuner/trial_id"] for t in after] == [
            t.trial_id for t in ranked[: len(after)]
        ]
    assert rounds[2][0].hyperparameters.values == {
        "x": rounds[1][0].hyperparameters.values["x"],
        "tuner/trial_id": rounds[1][0].trial_id,
        "tuner/epochs": 9,
        "tuner/initial_epoch": 3,
        "tuner/bracket": 2,
        "tuner/round": 2,
    }


def test_a_round_waits_for_the_one_before():
    oracle = make(Hyperband, space_of(number()), max_epochs=9)
    asked = [oracle.create_trial(f"tuner {i}") for i in range(10)]
    assert [trial.status for trial in asked] == ["RUNNING"] * 9 + ["IDLE"]
    for trial in asked[:8]:
        end(oracle, trial, 1.0)
    assert oracle.create_trial("free").status == "IDLE"
    end(oracle, asked[8], 0.1)
    promoted = oracle.create_trial("free").hyperparameters.values
    assert promoted["tuner/trial_id"] == asked[8].trial_id


@pytest.mark.parametrize("failing", [0, 3])
@pytest.mark.parametrize("configurations", [5, 1000])
def test_what_is_promoted_was_needed_all_the_time(configurations, failing):
    """A trial's weights may be deleted as soon as it is not needed; a promotion loads them."""
    budget = {"max_epochs": 9, "hyperband_iterations": 2}
    oracle = make(Hyperband, space_of(choice(configurations)), seed=2, **budget)
    deleted, most = set(), 0
    for number_, score in zip(itertools.count(), itertools.cycle([3.0, 1.0, 2.0, 5.0, 4.0])):
        trial = oracle.create_trial("tuner")
        if trial.status == "STOPPED":
            break
        parent = trial.hyperparameters.values.get("tuner/trial_id")
        assert {trial.trial_id, parent} - {None} <= oracle.needed_trials()
        assert parent not in deleted
        end(oracle, trial, None if failing and number_ % failing == 1 else score)
        deleted |= set(oracle.trials) - oracle.needed_trials()
        most = max(most, len(oracle.needed_trials()))
    assert number_ > 30
    assert most <= 9  # of the 17 trials of a bracket, those that may be promoted, and their parents
    assert oracle.needed_trials() == set()


def test_an_exhausted_space_is_gone_through_once(monkeypatch):
    exhausted = []

    def unseen(space, seed, seen):
        values = sampling.sample_unseen(space, seed, seen)
        if values is None:
            exhausted.append(len(seen))
        return values

    monkeypatch.setattr(oracle_module, "sample_unseen", unseen)
    hyperband = make(Hyperband, space_of(choice(6)), max_epochs=4, factor=2, hyperband_iterations=4)
    assert len(run(hyperband)) == hyperband.total_trials
    assert exhausted == [6]


def test_an_exhausted_space_that_grows_has_new_values_again():
    hyperband = make(Hyperband, space_of(choice(6)), max_epochs=4, factor=2, hyperband_iterations=4)
    tried = set(keys(run(hyperband, limit=hyperband.total_trials // 2)))
    assert len(tried) == 6
    trial = hyperband.create_trial("tuner")
    trial.hyperparameters.Choice("later", [1, 2, 3])
    end(hyperband, trial, 1.0)
    grown = [trial for trial in run(hyperband) if "tuner/trial_id" not in values([trial])[0]]
    asking = {x["later"] for x in values(grown) if x["x"] == trial.hyperparameters.values["x"]}
    assert asking & {2, 3}  # another model was not asked for it
