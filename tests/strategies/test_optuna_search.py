"""Optuna's samplers as oracles."""

import copy
import math
import subprocess
import sys

import keras_tuner
import numpy as np
import pytest

from pipeline.strategies import CMAES, GP, QMC, TPE, RandomSearch, arguments
from tests.strategies.oracles import (
    BUDGETS,
    choice,
    end,
    keys,
    make,
    number,
    run,
    space_of,
    values,
)

SAMPLERS = pytest.mark.parametrize("strategy", [TPE, CMAES, QMC], ids=lambda s: s.__name__)


def budget(strategy, **changed):
    return {**BUDGETS[strategy], **changed}


def bowl():
    space = space_of(number("rate", 1e-4, 1e-1, sampling="log"), number("drop"))
    space.Int("units", 32, 512, step=32)
    return space


def height(trial):
    return (
        (math.log10(trial["rate"]) + 2.5) ** 2
        + (trial["drop"] - 0.3) ** 2
        + ((trial["units"] - 200) / 300) ** 2
    )


@pytest.mark.parametrize("direction", ["min", "max"])
@pytest.mark.parametrize("strategy", [TPE, CMAES], ids=lambda s: s.__name__)
def test_beats_random_search(strategy, direction):
    sign = 1 if direction == "min" else -1
    objective = keras_tuner.Objective("m", direction)

    def best(oracle):
        run(oracle, lambda trial: sign * height(trial))
        return sign * oracle.get_best_trials()[0].score

    shared = {"space": bowl(), "objective": objective}
    ours = [
        best(make(strategy, seed=seed, **shared, **budget(strategy, max_trials=50)))
        for seed in range(3)
    ]
    random = [best(make(RandomSearch, seed=seed, **shared, max_trials=50)) for seed in range(3)]
    assert np.mean(ours) < 0.5 * np.mean(random)


@SAMPLERS
def test_proposes_nothing_twice_and_ends_with_the_space(strategy):
    space = space_of(choice(5, "a"), choice(4, "b"))
    oracle = make(strategy, space, **budget(strategy, max_trials=100))
    trials = run(oracle)
    assert len({*keys(trials)}) == len(trials) == 20
    assert oracle.create_trial("tuner").status == "STOPPED"


def conditional():
    space = space_of(choice(2, "kind"), number("rate"))
    with space.conditional_scope("kind", [1]):
        space.Float("momentum", 0, 1)
    return space


def test_learns_within_a_conditional_scope():
    def score(trial):
        return (trial["momentum"] - 0.8) ** 2 if trial["kind"] else 1 + trial["rate"]

    trials = values(run(make(TPE, conditional(), **budget(TPE, max_trials=40)), score))
    late = [trial["momentum"] for trial in trials[-15:] if trial["kind"]]
    assert len(late) > 10
    assert np.mean(np.abs(np.array(late) - 0.8)) < 0.15
    assert all(("momentum" in trial) == bool(trial["kind"]) for trial in trials)


def test_random_values_come_first():
    random = values(run(make(RandomSearch, bowl(), max_trials=6)))
    assert values(run(make(TPE, bowl(), **budget(TPE, max_trials=6))))[:4] == random[:4]


def test_tpe_learns_from_pruned_trials():
    oracle = make(TPE, space_of(number()), **budget(TPE, max_trials=60))
    asked = []
    for _ in range(40):
        trial = oracle.create_trial("tuner")
        x = trial.hyperparameters.values["x"]
        asked.append(x)
        if x > 0.5:
            oracle.prune_trial(trial, {0: 5 + x, 1: math.nan})
        else:
            end(oracle, trial, x)
    assert {"PRUNED", "COMPLETED"} == {trial.status for trial in oracle.trials.values()}
    assert np.mean(np.array(asked[20:]) > 0.5) < 0.2


def test_a_generation_ends_with_its_last_trial():
    """Proposals that are made before it depend on no result of that generation."""

    def asked(score):
        oracle = make(CMAES, space_of(number("a"), number("b")), **budget(CMAES, max_trials=20))
        running = [oracle.create_trial(f"tuner {n}") for n in range(4)]
        for trial in running[:3]:
            end(oracle, trial, score)
        early = oracle.create_trial("tuner 0")
        oracle.prune_trial(running[3], {})
        return [t.hyperparameters.values for t in (early, oracle.create_trial("tuner 1"))]

    low, failed = asked(0.1), asked(None)
    assert low[0] == failed[0]
    assert low[1] != failed[1]


def test_what_cmaes_keeps_between_proposals_decides_nothing():
    """A trial that was pruned, and goes on to another end, changes what its generation told."""
    space = space_of(number("a"), number("b"))
    kept = make(CMAES, space, **budget(CMAES, max_trials=30))
    run(kept, lambda v: v["a"], limit=6)
    kept.prune_trial(kept.create_trial("tuner"), {})
    run(kept, lambda v: v["a"], limit=6)
    end(kept, kept.resume_trial("tuner", "0006"), -1.0)
    fresh = make(CMAES, space, **budget(CMAES, max_trials=30))
    fresh.trials.update(kept.trials)
    fresh.start_order += kept.start_order
    fresh._tried = copy.deepcopy(kept._tried)
    assert kept._kept.ends
    proposed = [values([oracle.create_trial("tuner")]) for oracle in (kept, fresh)]
    assert proposed[0] == proposed[1]


def test_cmaes_needs_a_number():
    space = keras_tuner.HyperParameters()
    space.Boolean("a")
    space.Choice("b", ["x", "y"])
    with pytest.raises(ValueError, match=r"whose values have an order .* received a, b$"):
        make(CMAES, space)


@pytest.mark.parametrize("kind", ["sobol", "halton"])
def test_points_of_a_sequence_are_spread_evenly(kind):
    space = space_of(number(), number("y"))
    even = values(run(make(QMC, space, **budget(QMC, max_trials=32, qmc_type=kind))))
    assert sorted(int(32 * trial["x"]) for trial in even) == [*range(32)]
    random = values(run(make(RandomSearch, space, max_trials=32)))
    assert len({int(32 * trial["x"]) for trial in random}) < 25


def test_a_sequence_that_is_not_scrambled_has_no_seed():
    space = space_of(number(), number("y"))
    unscrambled = [
        values(run(make(QMC, space, seed=seed, **budget(QMC, scramble=False)))) for seed in (1, 2)
    ]
    assert unscrambled[0] == unscrambled[1]
    assert unscrambled[0][0] == {"x": 0, "y": 0}


@pytest.mark.parametrize(
    ("strategy", "changed", "sentence"),
    [
        (TPE, {"max_trials": 0}, "max_trials must be an integer of at least 1; received 0"),
        (TPE, {"n_startup_trials": 0}, "n_startup_trials must be an integer of at least 1"),
        (TPE, {"n_ei_candidates": 1.5}, "n_ei_candidates must be an integer of at least 1"),
        (CMAES, {"popsize": 1}, "popsize must be an integer of at least 2; received 1"),
        (QMC, {"qmc_type": "latin"}, "qmc_type must be sobol or halton; received 'latin'"),
        (QMC, {"scramble": 1}, "scramble must be true or false; received 1"),
    ],
)
def test_refuses_wrong_arguments(strategy, changed, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(strategy, **budget(strategy, **changed))


@pytest.mark.parametrize(
    ("strategy", "arguments_", "sentence"),
    [
        (
            GP,
            {"max_trials": 3, "n_startup_trials": 1, "deterministic_objective": False},
            r'strategy=gp needs PyTorch, which is not installed; pip install -e "\.\[gp\]"',
        ),
        (CMAES, BUDGETS[CMAES], r'strategy=cmaes needs cmaes, .* pip install -e "\.\[cmaes\]"'),
    ],
)
def test_a_package_that_is_missing_is_named(strategy, arguments_, sentence, monkeypatch):
    monkeypatch.setattr(arguments.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=sentence):
        make(strategy, **arguments_)


@pytest.mark.filterwarnings("ignore:CUDA initialization")  # torch's, on a machine without one
def test_gp_proposes_as_if_it_had_never_been_interrupted():
    pytest.importorskip("torch")
    arguments_ = {"max_trials": 9, "n_startup_trials": 4, "deterministic_objective": False}

    def score(trial):
        return (trial["rate"] - 0.3) ** 2 + trial["kind"]

    oracle = make(GP, conditional(), **arguments_)
    trials = run(oracle, score)
    assert len({*keys(trials)}) == 9
    again = make(GP, conditional(), **arguments_)
    for trial in trials[:6]:
        started = again._new_trial(trial.trial_id, trial.hyperparameters.values, "RUNNING")
        again._start(started)
        end(again, started, trial.score)
    assert values(run(again, score)) == values(trials[6:])


def test_who_does_not_ask_optuna_does_not_wait_for_it():
    code = (
        "import sys, keras_tuner, pipeline.strategies as s; "
        "space = keras_tuner.HyperParameters(); space.Float('x', 0, 1); "
        "o = s.RandomSearch(objective=keras_tuner.Objective('m', 'min'), hyperparameters=space, "
        "seed=0, max_trials=2); o.create_trial('t'); "
        "assert not {'optuna', 'torch', 'cmaes'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
