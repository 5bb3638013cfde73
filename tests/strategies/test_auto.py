"""The strategy that chooses among the others."""

from pipeline.strategies import TPE, Auto, BayesianOptimization, auto
from tests.strategies.oracles import make, run, values


def test_proposes_what_bayesian_does_and_says_so():
    oracle = make(Auto, max_trials=12)
    assert values(run(oracle)) == values(run(make(BayesianOptimization, max_trials=12)))
    assert oracle.reason.startswith("strategy=auto asks bayesian: ")


def test_proposes_what_tpe_does_when_there_are_many(monkeypatch):
    monkeypatch.setattr(auto, "_MOST_FOR_A_PROCESS", 11)
    oracle = make(Auto, max_trials=14)
    assert "for the first 11 trials" in oracle.reason
    assert "and then tpe" in oracle.reason
    trials = run(oracle)
    tpe = make(TPE, max_trials=14, n_startup_trials=10, n_ei_candidates=24)
    advised = make(BayesianOptimization, max_trials=11)
    assert values(trials[:11]) == values(run(advised))
    for trial in trials[:11]:
        tpe._start(tpe._new_trial(trial.trial_id, trial.hyperparameters.values, "RUNNING"))
        tpe.trials[trial.trial_id].status = "COMPLETED"
        tpe.trials[trial.trial_id].score = trial.score
    assert values(trials[11:]) == values(run(tpe))
