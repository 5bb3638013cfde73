"""An oracle that is restored proposes what it would have proposed without the interruption."""

import json
import math
from dataclasses import asdict, replace

import pytest
from keras_tuner import oracles as plain

from pipeline.strategies import (
    RestoredTrial,
)
from tests.strategies.oracles import (
    ALL,
    BUDGETS,
    LOSS,
    choice,
    end,
    in_turn,
    loss,
    make,
    mixed_space,
    run,
    space_of,
    values,
)


def restored_from(oracle, proposed=None):
    """Return what a journal keeps of an oracle's trials, having gone through JSON.

    Values are those at the end of the trials, or as proposed, if given.
    """
    records = [
        RestoredTrial(
            trial_id=trial_id,
            values=(proposed or {}).get(trial_id, oracle.trials[trial_id].hyperparameters.values),
            status=oracle.trials[trial_id].status.replace("INVALID", "RUNNING"),
            score=oracle.trials[trial_id].score,
            best_step=oracle.trials[trial_id].best_step,
            attempts=oracle._run_times[trial_id],
            message=oracle.trials[trial_id].message,
            declared=oracle.declared_by(trial_id),
            partial=partial_of(oracle.trials[trial_id]),
        )
        for trial_id in oracle.start_order
    ]
    read = [json.loads(json.dumps(asdict(record))) for record in records]
    return [
        RestoredTrial(**(one | {"partial": {int(k): v for k, v in one["partial"].items()}}))
        for one in read
    ]


def partial_of(trial):
    """Return what a pruned trial has reported, by epoch."""
    if trial.status != "PRUNED":
        return {}
    return {entry.step: entry.mean() for entry in trial.metrics.get_history("val_loss")}


def build_and_score(trial):
    """Declare a hyperparameter late, fail now and then, return infinity once; else score."""
    if int(trial.trial_id) >= 2:
        trial.hyperparameters.Int("late", 0, 2, default=1)
    if int(trial.trial_id) >= 4:
        with trial.hyperparameters.conditional_scope("late", [2]):
            trial.hyperparameters.Boolean("later")
    failing = {"0001": None, "0006": math.inf}
    return failing.get(trial.trial_id, loss(trial.hyperparameters.values))


def finish(oracle, limit=10_000):
    """Run up to `limit` attempts; return identifier and values as proposed, and how they ended."""
    told = []
    while len(told) < limit:
        trial = oracle.create_trial("tuner")
        if trial.status == "STOPPED":
            break
        proposed = dict(trial.hyperparameters.values)
        end(oracle, trial, build_and_score(trial), step=len(told))
        told.append((trial.trial_id, proposed, trial.status, trial.score))
    return told


SPACES = {"mixed": mixed_space, "small": lambda: space_of(choice(3, "a"), choice(2, "b"))}


@ALL
@pytest.mark.parametrize(
    ("space", "attempts"),
    [
        ("mixed", 2),
        *(pytest.param(*one, marks=pytest.mark.thorough) for one in (("mixed", 1), ("small", 2))),
        pytest.param("small", 1, marks=pytest.mark.thorough),
    ],
)
def test_continues_as_if_nothing_had_happened(strategy, space, attempts):
    def fresh():
        budget = {**BUDGETS[strategy], "max_attempts": attempts}
        return make(strategy, SPACES[space](), seed=7, **budget)

    whole = fresh()
    expected = finish(whole)
    assert len(expected) >= 6
    for count in range(len(expected) + 1):
        interrupted = fresh()
        begun = finish(interrupted, limit=count)
        continued = fresh()
        proposed = {trial_id: at_first for trial_id, at_first, *_ in begun}
        continued.restore(restored_from(interrupted, proposed if count % 2 else None))
        assert begun + finish(continued) == expected
        assert (
            continued.get_space().get_config()["space"] == (whole.get_space().get_config()["space"])
        )
        assert [trial.trial_id for trial in continued.get_best_trials(99)] == [
            trial.trial_id for trial in whole.get_best_trials(99)
        ]


@ALL
def test_what_was_running_is_proposed_again_first(strategy):
    interrupted = make(strategy)
    running = [interrupted.create_trial(f"tuner {i}") for i in range(4)]
    for trial in (running[0], running[2]):
        end(interrupted, trial, 1.0)
    continued = make(strategy)
    continued.restore(restored_from(interrupted))
    again = [continued.create_trial(f"tuner {i}") for i in range(2)]
    assert [trial.trial_id for trial in again] == ["0001", "0003"]
    assert values(again) == values([running[1], running[3]])
    assert {trial.status for trial in again} == {"RUNNING"}
    assert continued.create_trial("tuner 2").trial_id == "0004"


TUNERS = [f"tuner {number}" for number in range(3)]


def end_one(oracle, trial):
    """End a trial, as its number decides: every fifth fails, and every fifth is pruned."""
    number, value = int(trial.trial_id), loss(trial.hyperparameters.values)
    if number % 5 == 2:
        oracle.prune_trial(trial, {0: value + 1, 1: value, 2: math.nan})
    else:
        end(oracle, trial, None if number % 5 == 4 else value)


def run_in_parallel(oracle, limit=10_000):
    """Run trials three at a time, of which always the newest ends; up to `limit` proposals."""
    told = []
    running = {}
    while len(told) < limit:
        free = [tuner for tuner in TUNERS if tuner not in running]
        if not free:
            end_one(oracle, running.pop(max(running, key=lambda t: running[t].trial_id)))
            continue
        trial = oracle.create_trial(free[0])
        if trial.status != "RUNNING":
            if not running:
                break
            end_one(oracle, running.pop(max(running, key=lambda t: running[t].trial_id)))
            continue
        running[free[0]] = trial
        told.append((trial.trial_id, dict(trial.hyperparameters.values)))
    return told


@ALL
@pytest.mark.parametrize("killed", [3, 5, 7])
def test_continues_a_parallel_search(strategy, killed):
    expected = run_in_parallel(make(strategy, seed=5))
    assert len(expected) > 7
    interrupted = make(strategy, seed=5)
    begun = run_in_parallel(interrupted, limit=killed)
    continued = make(strategy, seed=5)
    continued.restore(restored_from(interrupted))
    again = sum(interrupted.trials[t].status == "RUNNING" for t in interrupted.start_order)
    assert again
    assert begun + run_in_parallel(continued)[again:] == expected


@ALL
def test_earlier_attempts_count(strategy):
    interrupted = make(strategy, max_attempts=2, **BUDGETS[strategy])
    (trial,) = run(interrupted, lambda _: None, limit=1)
    assert trial.status == "INVALID"
    continued = make(strategy, max_attempts=2, **BUDGETS[strategy])
    continued.restore(restored_from(interrupted))
    (again,) = run(continued, lambda _: None, limit=1)
    assert (again.trial_id, again.status) == ("0000", "FAILED")


@ALL
def test_keeps_results(strategy):
    interrupted = make(strategy)
    trials = run(interrupted, in_turn(0.0, 1.0, 2.0), limit=3)
    continued = make(strategy)
    record = replace(restored_from(interrupted)[1], best_step=17, metrics={"loss": 0.25})
    continued.restore([restored_from(interrupted)[0], record])
    kept = continued.get_trial("0001")
    assert (kept.status, kept.score, kept.best_step) == ("COMPLETED", 1.0, 17)
    assert kept.metrics.get_last_value("loss") == 0.25
    assert kept.hyperparameters.values == trials[1].hyperparameters.values
    assert continued.end_order == continued.start_order == ["0000", "0001"]


@ALL
def test_refuses_what_cannot_be(strategy):
    oracle = make(strategy)
    run(oracle, limit=2)
    with pytest.raises(ValueError, match="that has proposed trials cannot be restored"):
        oracle.restore([])
    with pytest.raises(ValueError, match="expected trial 0000 to restore; received 0001"):
        make(strategy).restore(restored_from(oracle)[1:])


@pytest.mark.parametrize(
    ("status", "score", "sentence"),
    [
        ("STOPPED", None, "must be COMPLETED, PRUNED, FAILED or RUNNING; it is STOPPED"),
        ("COMPLETED", None, "is COMPLETED, so its score must be finite; it is None"),
        ("COMPLETED", math.nan, "is COMPLETED, so its score must be finite; it is nan"),
    ],
)
def test_refuses_a_record_that_contradicts_itself(status, score, sentence):
    with pytest.raises(ValueError, match=sentence):
        RestoredTrial("0000", {}, status, score)


def test_plain_grid_search_cannot_continue(tmp_path):
    """KerasTuner issue 1055: a grid search does not survive a reload."""

    def fresh():
        oracle = plain.GridSearchOracle(objective=LOSS, hyperparameters=space_of(choice(9)))
        oracle.verbose = 0
        oracle._set_project_dir(str(tmp_path), "grid")
        return oracle

    assert len(run(fresh(), limit=4)) == 4
    continued = fresh()
    continued.reload()
    with pytest.raises(KeyError):
        run(continued)
