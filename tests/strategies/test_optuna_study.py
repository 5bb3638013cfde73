"""The study that is kept between proposals equals one that is made anew."""

import math

import optuna
from optuna.samplers import TPESampler
from optuna.trial import TrialState

from pipeline.strategies import RandomSearch
from pipeline.strategies.grids import key
from pipeline.strategies.optuna_study import KeptStudy
from tests.strategies.oracles import LOSS, choice, end, loss, make, number, run, space_of

COMPARED = ("number", "state", "values", "params", "distributions", "intermediate_values")


def told(study):
    """Return all that samplers see, as text: NaN equals NaN there."""
    return [repr([getattr(trial, name) for name in COMPARED]) for trial in study.trials()]


def followed(oracle, study=None):
    study = study or KeptStudy(LOSS)
    study.follow([oracle.trials[trial] for trial in oracle.start_order], oracle.hyperparameters)
    return study


def ask(study, oracle, seed=3):
    sampler = TPESampler(n_startup_trials=3, seed=seed)
    return study.propose(sampler, oracle.hyperparameters, conditional=True)


def events(oracle):
    """Change an oracle step by step: all that can happen to a trial."""
    trials = [oracle.create_trial(f"tuner {n}") for n in range(5)]
    yield
    for trial in trials[:2]:
        end(oracle, trial, loss(trial.hyperparameters.values))
    yield
    oracle.prune_trial(trials[3], {0: 3.0, 1: math.nan, 2: 2.5})
    trials[4].hyperparameters.Int("late", 0, 3)
    end(oracle, trials[4], 0.5)
    yield
    end(oracle, trials[2], None)  # it is to be tried again
    yield
    trials[2] = oracle.create_trial("tuner 2")
    end(oracle, trials[2], None)
    yield
    oracle.resume_trial("tuner 3", "0003")
    yield
    end(oracle, trials[3], 0.25)
    yield
    run(oracle, limit=3)
    yield


def test_a_kept_study_equals_a_new_one():
    oracle = make(RandomSearch, max_trials=20, max_attempts=2)
    kept = KeptStudy(LOSS)
    seen = []
    for _ in events(oracle):
        new = followed(oracle)
        assert told(followed(oracle, kept)) == told(new)
        assert ask(kept, oracle) == ask(new, oracle) == ask(kept, oracle)
        seen += [trial.state for trial in new.trials()]
    assert {*seen} == {*TrialState} - {TrialState.WAITING}


def test_what_a_study_knows_of_trials():
    oracle = make(RandomSearch, space_of(number()), max_trials=20)
    first, second, third = (oracle.create_trial(f"tuner {n}") for n in range(3))
    end(oracle, first, 0.5)
    oracle.prune_trial(second, {0: 2.0, 4: 1.5})
    complete, pruned, running = followed(oracle).trials()
    assert (complete.value, complete.params) == (0.5, first.hyperparameters.values)
    assert (pruned.state, pruned.value) == (TrialState.PRUNED, None)
    assert pruned.intermediate_values == {0: 2.0, 4: 1.5}
    assert (running.state, running.params) == (TrialState.RUNNING, third.hyperparameters.values)


def test_hyperparameters_that_go_together_are_sampled_together():
    space = space_of(choice(2, "kind"), number("a"))
    with space.conditional_scope("kind", [1]):
        space.Float("b", 0, 1)
        space.Float("c", 0, 1)
    oracle = make(RandomSearch, space, max_trials=20)
    run(oracle, limit=10)
    asked = []

    class Sampler(TPESampler):
        def sample_relative(self, study, trial, search_space):
            asked.append(list(search_space))
            return super().sample_relative(study, trial, search_space)

        def sample_independent(self, study, trial, name, distribution):
            raise AssertionError(name)

    for seed in range(6):
        study = followed(oracle)
        study.propose(Sampler(n_startup_trials=3, seed=seed), space, conditional=True)
    assert {*map(tuple, asked)} == {("kind", "a"), ("b", "c")}


def test_proposals_are_those_of_optuna():
    """In a space without conditions, Optuna itself answers the same to the same trials."""
    space = space_of(number("a"), number("b", 1e-3, 1, sampling="log"), choice(5, "c"))
    oracle = make(RandomSearch, space, max_trials=40)
    run(oracle, limit=30)
    study = followed(oracle)
    plain = optuna.create_study(sampler=TPESampler(n_startup_trials=3, seed=3))
    plain.add_trials(study.trials())
    trial = plain.ask()
    values = {
        "a": trial.suggest_float("a", 0, 1),
        "b": trial.suggest_float("b", 1e-3, 1, log=True),
        "c": trial.suggest_int("c", 0, 4),
    }
    assert key(ask(study, oracle)) == key(values)
