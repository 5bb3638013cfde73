"""The loop: what the oracle, the trainer and the callbacks are told, whatever happens."""

import math

import keras
import keras_tuner
import pytest

from pipeline.configuration.composition import compose_config
from pipeline.datasets import wine
from pipeline.journal.callbacks import (
    EpochEnd,
    SearchBegin,
    SearchCallback,
    SearchEnd,
    Status,
    TrialBegin,
    TrialEnd,
)
from pipeline.journal.files import StorageError
from pipeline.search.attempts import Earlier
from pipeline.search.budgeting import Spending
from pipeline.search.failures import SearchError
from pipeline.search.trial_files import TrialFiles
from pipeline.search.tuner import Tuner
from pipeline.strategies import Hyperband, RandomSearch, RestoredTrial
from pipeline.training.trainer import Trainer
from tests.records import search_begin

DATASET = wine(validation_size=0.2, test_size=0.2, seed=0)


class Recorder(SearchCallback):
    def __init__(self):
        self.records = []
        for hook in ("search_begin", "trial_begin", "epoch_end", "trial_end", "search_end"):
            setattr(self, f"on_{hook}", self.records.append)

    def of(self, kind):
        return [record for record in self.records if isinstance(record, kind)]


def model() -> keras.Model:
    made = keras.Sequential([keras.Input((13,)), keras.layers.Dense(3, activation="softmax")])
    made.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


class Trained(keras_tuner.HyperModel):
    """Trains for real."""

    def build(self, hp):
        hp.Int("units", 1, 1000)
        return model()


class Scored(keras_tuner.HyperModel):
    """Trains nothing; `score(hp, call)` says or raises what the training would."""

    def __init__(self, score):
        super().__init__()
        self.score = score
        self.calls = 0

    def build(self, hp):
        hp.Int("units", 1, 1000)
        return model()

    def fit(self, hp, model, *args, **kwargs):
        self.calls += 1
        return self.score(hp, self.calls)


def make_tuner(
    tmp_path,
    hypermodel,
    *,
    oracle=None,
    epochs=2,
    executions=1,
    attempts=1,
    max_failed_trials=3,
    keep_best=5,
    budget=None,
    **arguments,
):
    objective = keras_tuner.Objective("val_loss", "min")
    space = keras_tuner.HyperParameters()
    space.Int("units", 1, 1000)
    oracle = oracle or RandomSearch(
        objective=objective, max_trials=4, hyperparameters=space, seed=3, max_attempts=attempts
    )
    trainer = Trainer(
        hypermodel=hypermodel, dataset=DATASET, objective=oracle.objective, batch_size=64
    )
    recorder = Recorder()
    spending = Spending(compose_config(budget or []).budget, oracle)
    tuner = Tuner(
        oracle=oracle,
        trainer=trainer,
        begin=search_begin(executions_per_trial=executions),
        directory=tmp_path / "search",
        epochs=epochs,
        callbacks=[recorder, spending],
        budgeting=spending,
        max_failed_trials=max_failed_trials,
        files=TrialFiles(tmp_path / "search", keep_best, "min"),
        **arguments,
    )
    return tuner, recorder


def test_tells_every_event_in_order(tmp_path):
    tuner, recorder = make_tuner(tmp_path, Trained())
    best = tuner.search()
    trial = [TrialBegin, EpochEnd, EpochEnd, TrialEnd]
    assert [type(record) for record in recorder.records] == [SearchBegin, *trial * 4, SearchEnd]
    ends = recorder.of(TrialEnd)
    assert min(ends, key=lambda end: end.score).trial == best.trial_id
    assert recorder.of(SearchEnd)[0].best_trial == best.trial_id
    assert {end.epochs_trained for end in ends} == {2}
    for end in ends:
        logs = [e.logs for e in recorder.of(EpochEnd) if e.trial == end.trial]
        assert end.score == min(log["val_loss"] for log in logs)
        assert end.metrics == logs[end.best_epoch]


@pytest.mark.thorough
def test_same_seed_same_scores(tmp_path):
    scores = []
    for name in ("one", "two"):
        tuner, recorder = make_tuner(tmp_path / name, Trained())
        tuner.search()
        scores.append([end.score for end in recorder.of(TrialEnd)])
    assert scores[0] == scores[1]
    assert len(set(scores[0])) == 4


def test_a_failed_trial_is_told_with_its_traceback_and_the_search_goes_on(tmp_path):
    def score(hp, call):
        if call == 2:
            raise ValueError("no such activation\nsecond line")
        return float(call)

    tuner, recorder = make_tuner(tmp_path, Scored(score))
    assert tuner.search().trial_id == recorder.of(TrialBegin)[0].trial
    failed = recorder.of(TrialEnd)[1]
    assert (failed.status, failed.score, failed.final) == (Status.FAILED, None, True)
    assert failed.message == "ValueError: no such activation second line"
    assert "in score" in failed.traceback
    assert len(recorder.of(TrialEnd)) == 4


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_non_finite_objectives_fail_the_trial_and_never_win(tmp_path, value):
    tuner, recorder = make_tuner(tmp_path, Scored(lambda hp, call: value if call == 1 else 1.0))
    assert tuner.search().score == 1.0
    assert recorder.of(TrialEnd)[0].status is Status.FAILED
    assert "not a finite number" in recorder.of(TrialEnd)[0].message


def test_too_many_failures_in_a_row_end_the_search(tmp_path):
    def score(hp, call):
        if call > 1:
            raise RuntimeError(f"broken {call}")
        return 1.0

    tuner, recorder = make_tuner(tmp_path, Scored(score), max_failed_trials=2)
    with pytest.raises(SearchError, match=r"2 trials in a row failed.*RuntimeError: broken 3"):
        tuner.search()
    assert len(recorder.of(TrialEnd)) == 3
    end = recorder.of(SearchEnd)[0]
    assert end.status is Status.FAILED
    assert end.best_trial is not None


def test_no_completed_trial_is_an_error(tmp_path):
    def score(hp, call):
        raise RuntimeError("broken")

    tuner, recorder = make_tuner(tmp_path, Scored(score), max_failed_trials=100)
    with pytest.raises(SearchError, match="none of 4 trials completed"):
        tuner.search()
    assert recorder.of(SearchEnd)[0].best_trial is None


@pytest.mark.parametrize("stop", [KeyboardInterrupt, GeneratorExit])
def test_an_interruption_closes_the_trial_and_the_search(tmp_path, stop):
    def score(hp, call):
        if call == 2:
            raise stop
        return 1.0

    tuner, recorder = make_tuner(tmp_path, Scored(score))
    with pytest.raises(stop):
        tuner.search()
    end = recorder.of(TrialEnd)[-1]
    assert (end.status, end.final) == (Status.INTERRUPTED, False)
    assert isinstance(recorder.records[-1], SearchEnd)


def test_a_fatal_error_ends_the_search_at_once(tmp_path):
    tuner, recorder = make_tuner(tmp_path, Scored(lambda hp, call: "text"))
    with pytest.raises(keras_tuner.errors.FatalError, match="must return a History"):
        tuner.search()
    assert [end.status for end in recorder.of(TrialEnd)] == [Status.FAILED]
    assert recorder.of(SearchEnd)[0].status is Status.FAILED


class Hopeless(keras_tuner.errors.FatalError):
    """A user's own way to say that no trial can work."""


class FatalLookingError(RuntimeError):
    """A trial's own failure, whatever it is called."""


@pytest.mark.parametrize(("error", "wrong"), [(Hopeless, True), (FatalLookingError, False)])
def test_whether_the_configuration_is_wrong_is_told_by_what_was_raised(tmp_path, error, wrong):
    def score(hp, call):
        raise error("no data for this")

    tuner, recorder = make_tuner(tmp_path, Scored(score), max_failed_trials=1)
    with pytest.raises(Hopeless if wrong else SearchError):
        tuner.search()
    (end,) = recorder.of(SearchEnd)
    assert (end.status, end.wrong_configuration) == (Status.FAILED, wrong)


def test_executions_are_told_apart_and_averaged(tmp_path):
    tuner, recorder = make_tuner(tmp_path, Trained(), executions=2)
    tuner.search()
    end = recorder.of(TrialEnd)[0]
    best = [
        min(e.logs["val_loss"] for e in recorder.of(EpochEnd) if (e.trial, e.execution) == key)
        for key in ((end.trial, 0), (end.trial, 1))
    ]
    assert best[0] != best[1]
    assert end.score == pytest.approx(sum(best) / 2)
    assert end.epochs_trained == 4
    assert tuner._files.weights(end.trial, 1).exists()


def test_epochs_is_a_hyperparameter_where_it_is_declared(tmp_path):
    space = keras_tuner.HyperParameters()
    space.Fixed("epochs", 3)
    space.Int("units", 1, 1000)
    objective = keras_tuner.Objective("val_loss", "min")
    oracle = RandomSearch(objective=objective, max_trials=1, hyperparameters=space, seed=0)
    tuner, recorder = make_tuner(tmp_path, Trained(), oracle=oracle)
    tuner.search()
    assert [record.epoch for record in recorder.of(EpochEnd)] == [0, 1, 2]


@pytest.mark.thorough
def test_promotions_continue_their_parents(tmp_path):
    space = keras_tuner.HyperParameters()
    space.Int("units", 1, 1000)
    oracle = Hyperband(
        objective=keras_tuner.Objective("val_loss", "min"),
        max_epochs=4,
        factor=2,
        hyperparameters=space,
        seed=1,
    )
    tuner, recorder = make_tuner(tmp_path, Trained(), oracle=oracle)
    tuner.search()
    ends = {end.trial: end for end in recorder.of(TrialEnd)}
    promoted = [begin for begin in recorder.of(TrialBegin) if begin.lineage["parent"]]
    assert promoted
    for begin in promoted:
        epochs = [e.epoch for e in recorder.of(EpochEnd) if e.trial == begin.trial]
        assert epochs == list(range(begin.initial_epoch, begin.epochs))
        assert ends[begin.trial].best_epoch >= begin.initial_epoch
        assert ends[begin.lineage["parent"]].status is Status.COMPLETED
        assert not any(name.startswith("tuner/") for name in begin.hyperparameters)


def test_writes_nothing_but_weights(tmp_path):
    make_tuner(tmp_path, Scored(lambda hp, call: 1.0))[0].search()
    written = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {"weights-0.npz"}


def test_a_retried_trial_can_succeed(tmp_path):
    """KerasTuner keeps a first attempt's NaN, so that no later attempt can succeed."""
    tuner, recorder = make_tuner(
        tmp_path, Scored(lambda hp, call: math.nan if call == 1 else 0.5), attempts=2
    )
    tuner.search()
    first, second = recorder.of(TrialEnd)[:2]
    assert (first.trial, first.attempt, first.status, first.final) == (
        second.trial,
        0,
        Status.FAILED,
        False,
    )
    assert (second.attempt, second.status, second.score) == (1, Status.COMPLETED, 0.5)


@pytest.mark.sampled("ours")
@pytest.mark.parametrize("ours", [True, False], ids=["ours", "KerasTuner's"])
def test_what_a_fit_declares_is_told(ours, tmp_path):
    class Declaring(Trained):
        def fit(self, hp, model, *args, **kwargs):
            return model.fit(*args, shuffle=hp.Boolean("shuffle"), **kwargs)

    objective = keras_tuner.Objective("val_loss", "min")
    space = keras_tuner.HyperParameters()
    space.Int("units", 1, 1000)
    plain = keras_tuner.oracles.RandomSearchOracle(
        objective=objective, max_trials=2, hyperparameters=space
    )
    oracle = None if ours else plain
    tuner, recorder = make_tuner(tmp_path, Declaring(), oracle=oracle, epochs=1)
    tuner.search()
    first, second = recorder.of(TrialEnd)[:2]
    assert first.declared_values == {"shuffle": False}
    if ours:
        assert [item["class_name"] for item in first.declared] == ["Boolean"]
    assert (second.declared, second.declared_values) == ([], {})
    assert "shuffle" in recorder.of(TrialBegin)[1].hyperparameters


class Dead(BaseException):
    """What a process that is killed does not live to see."""


def running(recorder):
    """Return the trial that a process died in, as its journal tells of it."""
    (begin,) = recorder.of(TrialBegin)
    return [RestoredTrial(begin.trial, begin.hyperparameters, "RUNNING")]


@pytest.mark.parametrize(
    "finished",
    [pytest.param(0, marks=pytest.mark.thorough), 1, pytest.param(3, marks=pytest.mark.thorough)],
)
def test_a_finished_execution_is_not_trained_again(finished, tmp_path):
    """KerasTuner issue 702: after a crash all executions of a trial start again."""

    def dying(hp, call):
        if call > finished:
            raise Dead
        return hp.get("units") + call / 10

    tuner, begun = make_tuner(tmp_path, Scored(dying), executions=4)
    with pytest.raises(Dead):
        tuner.search()
    rest = Scored(lambda hp, call: hp.get("units") + (call + finished) / 10)
    tuner, recorder = make_tuner(tmp_path, rest, executions=4)
    tuner.oracle.restore(running(begun))
    tuner.search()
    assert rest.calls == 4 * 4 - finished
    end = recorder.of(TrialEnd)[0]
    units = recorder.of(TrialBegin)[0].hyperparameters["units"]
    assert end.score == pytest.approx(units + (0.1 + 0.2 + 0.3 + 0.4) / 4)


def test_an_execution_that_was_trained_before_tells_its_epochs(tmp_path):
    class Dying(Trained):
        def build(self, hp):
            if (tmp_path / "search" / "trials" / "0000" / "weights-0.npz").exists():
                raise Dead
            return super().build(hp)

    tuner, first = make_tuner(tmp_path, Dying(), executions=2)
    with pytest.raises(Dead):
        tuner.search()
    tuner, second = make_tuner(tmp_path, Trained(), executions=2)
    tuner.oracle.restore(running(first))
    tuner.search()
    told = [(e.execution, e.epoch, e.logs) for e in second.of(EpochEnd)[:4]]
    assert [place[:2] for place in told] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert told[:2] == [(e.execution, e.epoch, e.logs) for e in first.of(EpochEnd)]
    assert second.of(TrialEnd)[0].epochs_trained == 4


def test_only_the_best_keep_their_weights(tmp_path):
    """KerasTuner issues 172, 288 and 481: checkpoints of lost trials fill the disk."""
    tuner, recorder = make_tuner(tmp_path, Trained(), keep_best=2, epochs=1)
    tuner.search()
    scores = {end.trial: end.score for end in recorder.of(TrialEnd)}
    kept = {path.parent.name for path in tmp_path.rglob("weights-0.npz")}
    assert kept == set(sorted(scores, key=scores.get)[:2])


def test_the_time_is_over(tmp_path):
    budget = ["budget.seconds=1e-6"]
    tuner, recorder = make_tuner(tmp_path, Scored(lambda hp, call: 1.0), budget=budget)
    tuner.search()
    assert len(recorder.of(TrialEnd)) == 1
    (end,) = recorder.of(SearchEnd)
    assert (end.status, end.limit, end.out_of_time) == (Status.COMPLETED, "seconds", True)
    assert end.message == "budget.seconds=1e-06 are over"


def test_a_trial_with_its_own_time_ends_with_the_best_of_its_epochs(tmp_path):
    budget = ["budget.seconds_per_trial=1e-6", "budget.trials=2"]
    tuner, recorder = make_tuner(tmp_path, Trained(), epochs=3, executions=2, budget=budget)
    tuner.search()
    assert [(end.status, end.epochs_trained) for end in recorder.of(TrialEnd)] == [
        (Status.COMPLETED, 2),  # one in each execution
        (Status.COMPLETED, 2),
    ]
    (end,) = recorder.of(SearchEnd)
    assert (end.limit, end.message) == ("trials", "budget.trials=2 were run")


def test_the_trial_that_runs_is_stopped_with_the_search_and_goes_on_with_more(tmp_path):
    """What it would have given without the limit it gives in two parts."""

    def curves(recorder):
        return {(one.trial, one.epoch): one.logs for one in recorder.of(EpochEnd)}

    def ends(recorder):
        return [(end.trial, end.status) for end in recorder.of(TrialEnd)]

    whole = make_tuner(tmp_path / "whole", Trained(), epochs=3)
    whole[0].search()
    limited = ["budget.epochs=5", "budget.grace=stop"]
    tuner, recorder = make_tuner(tmp_path, Trained(), epochs=3, budget=limited)
    assert tuner.search().trial_id == "0000"
    assert ends(recorder) == [("0000", "COMPLETED"), ("0001", "INTERRUPTED")]
    (end,) = recorder.of(SearchEnd)
    assert (end.status, end.limit) == (Status.COMPLETED, "epochs")
    assert end.message == "budget.epochs=5 are trained; trial 0001 goes on with more"

    told = recorder.of(TrialEnd)
    oracle = make_tuner(tmp_path / "unused", Trained())[0].oracle
    begun = {begin.trial: begin.hyperparameters for begin in recorder.of(TrialBegin)}
    oracle.restore(
        [
            RestoredTrial("0000", begun["0000"], "COMPLETED", told[0].score, told[0].best_epoch),
            RestoredTrial("0001", begun["0001"], "RUNNING"),
        ]
    )
    tuner, rest = make_tuner(tmp_path, Trained(), oracle=oracle, epochs=3)
    tuner.search()
    assert ends(rest)[0] == ("0001", "COMPLETED")
    assert {**curves(recorder), **curves(rest)} == curves(whole[1])


def test_the_first_trial_that_is_stopped_is_the_result(tmp_path):
    limited = ["budget.epochs=1", "budget.grace=stop"]
    tuner, recorder = make_tuner(tmp_path, Trained(), epochs=3, budget=limited)
    assert tuner.search().trial_id == "0000"
    (end,) = recorder.of(TrialEnd)
    assert (end.status, end.epochs_trained) == (Status.COMPLETED, 1)


def test_the_time_before_counts_for_the_attempt_that_is_continued(tmp_path):
    earlier = Earlier(seconds={"0000": 100.0})
    tuner, recorder = make_tuner(tmp_path, Scored(lambda hp, call: 1.0), earlier=earlier)
    tuner.search()
    first, second = recorder.of(TrialEnd)[:2]
    assert 100 < first.duration_seconds < 110
    assert second.duration_seconds < 10


def test_stops_between_trials(tmp_path):
    asked = iter([False, False, True])
    tuner, recorder = make_tuner(
        tmp_path, Scored(lambda hp, call: 1.0), should_stop=lambda: next(asked)
    )
    with pytest.raises(KeyboardInterrupt):
        tuner.search()
    assert [end.status for end in recorder.of(TrialEnd)] == [Status.COMPLETED] * 2
    assert recorder.of(SearchEnd)[0].status is Status.INTERRUPTED


def test_stops_at_an_epochs_end(tmp_path):
    stop = False
    tuner, recorder = make_tuner(tmp_path, Trained(), epochs=5, should_stop=lambda: stop)

    def on_epoch_end(record):
        nonlocal stop
        stop = record.epoch == 2

    recorder.on_epoch_end = on_epoch_end
    with pytest.raises(KeyboardInterrupt):
        tuner.search()
    (end,) = recorder.of(TrialEnd)
    assert (end.status, end.final, end.epochs_trained) == (Status.INTERRUPTED, False, 3)


def test_a_full_disk_is_not_the_trials_fault(tmp_path, full_disk):
    class Large(Trained):
        def build(self, hp):
            made = keras.Sequential([keras.Input((13,)), keras.layers.Dense(10_000)])
            made.add(keras.layers.Dense(3, activation="softmax"))
            made.compile("adam", "sparse_categorical_crossentropy")
            return made

    tuner, recorder = make_tuner(full_disk, Large(), epochs=1)
    with pytest.raises(StorageError, match=r"weights-0\.npz cannot be written: No space left"):
        tuner.search()
    (end,), (search_end,) = recorder.of(TrialEnd), recorder.of(SearchEnd)
    assert (end.status, end.final) == (Status.INTERRUPTED, False)
    assert search_end.status is Status.INTERRUPTED
    assert "No space left on device" in search_end.message


@pytest.mark.thorough
def test_failures_in_a_row_count_over_interruptions(tmp_path):
    def score(hp, call):
        raise RuntimeError("broken")

    tuner, _ = make_tuner(tmp_path, Scored(score), max_failed_trials=3)
    with pytest.raises(SearchError, match="3 trials in a row failed"):
        tuner.search()
    tuner, recorder = make_tuner(tmp_path, Scored(score), oracle=tuner.oracle, max_failed_trials=4)
    with pytest.raises(SearchError, match=r"4 trials in a row failed.*RuntimeError: broken"):
        tuner.search()
    assert len(recorder.of(TrialEnd)) == 1


def test_runs_keras_tuners_own_oracles(tmp_path):
    space = keras_tuner.HyperParameters()
    space.Int("units", 1, 1000)
    oracle = keras_tuner.oracles.RandomSearchOracle(
        objective=keras_tuner.Objective("val_loss", "min"), max_trials=2, hyperparameters=space
    )
    tuner, recorder = make_tuner(tmp_path, Trained(), oracle=oracle, epochs=1)
    tuner.search()
    assert [end.status for end in recorder.of(TrialEnd)] == [Status.COMPLETED] * 2


def test_prints_nothing(tmp_path, capfd):
    def score(hp, call):
        if call == 1:
            raise ValueError("hidden")
        return 1.0

    make_tuner(tmp_path, Scored(score))[0].search()
    assert capfd.readouterr() == ("", "")


OF_KERAS_TUNER = {
    "random": (keras_tuner.oracles.RandomSearchOracle, {"max_trials": 3}),
    "grid": (keras_tuner.oracles.GridSearchOracle, {"max_trials": 3}),
    "bayesian": (keras_tuner.oracles.BayesianOptimizationOracle, {"max_trials": 3}),
    "hyperband": (keras_tuner.oracles.HyperbandOracle, {"max_epochs": 3, "factor": 3}),
}


@pytest.mark.parametrize(("kind", "arguments"), OF_KERAS_TUNER.values(), ids=OF_KERAS_TUNER)
def test_every_oracle_of_keras_tuner_runs_to_its_end(kind, arguments, tmp_path):
    """`strategy._target_` may name them: all but continuing and deleting files works."""
    space = keras_tuner.HyperParameters()
    space.Int("units", 1, 1000)
    objective = keras_tuner.Objective("val_loss", "min")
    oracle = kind(objective=objective, hyperparameters=space, seed=3, **arguments)
    tuner, recorder = make_tuner(
        tmp_path, Scored(lambda hp, _: hp.get("units") / 1000), oracle=oracle
    )
    best = tuner.search()
    ends = recorder.of(TrialEnd)
    assert len(ends) >= 3
    assert {end.status for end in ends} == {Status.COMPLETED}
    assert best.trial_id == min(ends, key=lambda end: end.score).trial
    assert len({begin.trial for begin in recorder.of(TrialBegin)}) == len(ends)
