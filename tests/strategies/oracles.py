"""Oracles, spaces and made-up scores for the tests of the strategies."""

import itertools

import keras_tuner
import pytest

from pipeline.strategies import (
    CMAES,
    QMC,
    TPE,
    Auto,
    BayesianOptimization,
    GridSearch,
    Hyperband,
    RandomSearch,
    grids,
)

LOSS = keras_tuner.Objective("val_loss", "min")
BUDGETS = {
    RandomSearch: {"max_trials": 10},
    GridSearch: {"max_trials": 10},
    BayesianOptimization: {"max_trials": 8, "num_initial_points": 5},
    Hyperband: {"max_epochs": 4, "factor": 2, "hyperband_iterations": 2},
    TPE: {"max_trials": 9, "n_startup_trials": 4, "n_ei_candidates": 24},
    CMAES: {"max_trials": 11, "popsize": 4},
    QMC: {"max_trials": 8, "qmc_type": "sobol", "scramble": True},
    Auto: {"max_trials": 13},
}
ALL = pytest.mark.parametrize("strategy", BUDGETS, ids=lambda strategy: strategy.__name__)


def space_of(*hps):
    space = keras_tuner.HyperParameters()
    space.merge(list(hps))
    return space


def choice(count, name="x"):
    return keras_tuner.engine.hyperparameters.Choice(name, list(range(count)))


def number(name="x", low=0, high=1, **kwargs):
    return keras_tuner.engine.hyperparameters.Float(name, low, high, **kwargs)


def mixed_space():
    space = space_of(number("rate", 1e-4, 1e-1, sampling="log"), number("drop", 0, 0.5, step=0.1))
    space.Choice("kind", ["a", "b"])
    with space.conditional_scope("kind", ["a"]):
        space.Int("units", 1, 3)
    with space.conditional_scope("kind", ["b"]):
        space.Int("units", 7, 9)
    return space


def make(strategy, space=None, *, seed=0, objective=LOSS, **budget):
    return strategy(
        objective=objective,
        hyperparameters=mixed_space() if space is None else space,
        seed=seed,
        **(budget or BUDGETS.get(strategy, {})),
    )


def make_plain(oracle, space=None, *, seed=1, objective=LOSS, **budget):
    made = oracle(
        objective=objective,
        hyperparameters=mixed_space() if space is None else space,
        seed=seed,
        **budget,
    )
    made.verbose = 0
    made.save = made._check_consecutive_failures = lambda: None
    made._save_trial = lambda trial: None
    return made


def loss(values):
    """A score with one best point, whatever the space."""
    return sum(
        (len(value) if isinstance(value, str) else float(value) - 0.3) ** 2
        for name, value in values.items()
        if not name.startswith("tuner/")
    )


def end(oracle, trial, score, step=0):
    """Report a score; None fails the trial."""
    if score is None:
        trial.status = "INVALID"
    else:
        oracle.update_trial(trial.trial_id, {oracle.objective.name: score}, step=step)
        trial.status = "COMPLETED"
    oracle.end_trial(trial)


def run(oracle, score=loss, limit=10_000):
    """Run up to `limit` trials; return those that were proposed."""
    ran = []
    while len(ran) < limit:
        trial = oracle.create_trial("tuner")
        if trial.status == "STOPPED":
            break
        assert trial.status == "RUNNING"
        ran.append(trial)
        end(oracle, trial, score(trial.hyperparameters.values))
    return ran


def in_turn(*scores):
    """Return a score function that gives these, over and over."""
    turns = itertools.cycle(scores)
    return lambda _: next(turns)


def values(trials):
    return [dict(trial.hyperparameters.values) for trial in trials]


def keys(trials):
    return [grids.key(trial.hyperparameters.values) for trial in trials]
