"""Random search beside KerasTuner's."""

import sys

from keras_tuner import oracles as plain

from pipeline.strategies import (
    RandomSearch,
)
from tests.strategies.oracles import choice, keys, make, make_plain, number, run, space_of, values


def test_exhausts_a_small_space():
    space = space_of(choice(10, "a"), choice(10, "b"))
    stopped = [
        len(run(make_plain(plain.RandomSearchOracle, space, seed=seed, max_trials=100)))
        for seed in (1, 2, 3)
    ]
    assert max(stopped) < 100
    for seed in (0, 1, 2):
        oracle = make(RandomSearch, space, seed=seed, max_trials=200)
        trials = run(oracle)
        assert len(set(keys(trials))) == len(trials) == 100 == oracle.total_trials


def test_finds_the_rare_remainder_of_a_large_space():
    space = space_of(choice(1000, "kind"))
    with space.conditional_scope("kind", [7]):
        space.Int("units", 1, 10**9)
        space.Float("rate", 0, 1)
    oracle = make(RandomSearch, space, max_trials=1100)
    assert oracle.total_trials == 1100
    assert len(set(keys(run(oracle)))) == 1100


def test_uses_the_upper_end_and_the_sampling():
    space = space_of(number("step", step=0.1), number("rate", 1e-4, 1, sampling="log"))
    trials = values(run(make(RandomSearch, space, max_trials=400)))
    assert {trial["step"] for trial in trials} == {i / 10 for i in range(11)}
    assert 0.4 < sum(trial["rate"] < 1e-2 for trial in trials) / 400 < 0.6


def test_epochs_count_for_the_total_if_they_are_searched():
    oracle = make(RandomSearch, space_of(choice(11, "epochs")), max_trials=5)
    assert oracle.total_epochs(3) == 50
    assert make(RandomSearch, space_of(), max_trials=5).total_epochs(3) == 3


def test_a_trial_costs_the_same_however_many_there_were():
    space = space_of(*(number(f"x{i}") for i in range(5)), *(choice(5, f"c{i}") for i in "abcde"))
    oracle = make(RandomSearch, space, max_trials=1020)

    def called():
        """Return how many functions 10 trials call."""
        calls = 0

        def count(frame, event, argument):
            nonlocal calls
            calls += event.endswith("call")

        sys.setprofile(count)
        try:
            run(oracle, lambda _: 1.0, limit=10)
        finally:
            sys.setprofile(None)
        return calls

    first = called()
    run(oracle, lambda _: 1.0, limit=1000)
    assert called() < 1.1 * first
