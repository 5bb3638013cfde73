"""What a search has spent by its journal, and the limit at which it ends."""

import dataclasses

import pytest

from pipeline.configuration.config import Budget, Grace
from pipeline.journal.callbacks import EpochEnd, EvaluationEnd, Status, TrialBegin
from pipeline.search.budget import Spent, closed, is_raised, limit_of, reached
from pipeline.search.budgeting import Spending
from pipeline.strategies import Hyperband, RandomSearch
from pipeline.training.stopping import Stop
from tests import records
from tests.strategies.oracles import LOSS, choice, make, space_of
from tests.strategies.test_restore import restored_from

NOTHING = Budget(
    trials=None,
    epochs=None,
    seconds=None,
    seconds_per_trial=None,
    target=None,
    trials_without_progress=None,
    grace=Grace.finish,
)


class Told:
    """The records of a search whose clock is turned by hand."""

    def __init__(self, **begin):
        self.now = 100.0
        self.records = [records.search_begin(time=self.now, **begin)]

    def after(self, seconds, record):
        self.now += seconds
        self.records.append(dataclasses.replace(record, time=self.now))
        return self

    def start(self, trial, seconds=0.0):
        return self.after(seconds, TrialBegin(trial, 0, {}, {}, 0, 9, 0.0))

    def epoch(self, trial, epoch, seconds=1.0, execution=0):
        return self.after(seconds, EpochEnd(trial, 0, execution, epoch, {"val_loss": 1.0}, 0.0))

    def end(self, trial, score=1.0, status=Status.COMPLETED, seconds=0.0, final=True):
        record = records.trial_end(trial, score, status, final=final)
        return self.after(seconds, record)

    def trial(self, trial, score=1.0, epochs=3, first=3.0, status=Status.COMPLETED):
        """A trial of which the first epoch takes longer than the others, a second each."""
        self.start(trial)
        for epoch in range(epochs):
            self.epoch(trial, epoch, first if epoch == 0 else 1.0)
        return self.end(trial, score, status)

    def paused(self, seconds):
        """No process runs it for a while."""
        return self.after(seconds, self.records[0])

    @property
    def spent(self):
        spent = Spent()
        for record in self.records:
            spent.note(record)
        return spent


def budget(**limits):
    return dataclasses.replace(NOTHING, **limits)


def end_of(told, *, now=None, retrained=False, to_end=0, **limits):
    """Return the key of the limit that is reached, or at which nothing starts, and the sentence."""
    now = told.now if now is None else now
    limit = reached(budget(**limits), told.spent, now, retrained=retrained)
    limit = limit or closed(budget(**limits), told.spent, now, retrained=retrained, epochs=to_end)
    return None if limit is None else (limit.key, limit.sentence)


def test_trials_are_those_that_were_begun():
    told = Told().trial("0000").start("0001").end("0001", status=Status.FAILED, final=False)
    assert end_of(told, trials=3) is None
    assert end_of(told, trials=2) == ("trials", "budget.trials=2 were run")
    assert end_of(told.start("0001"), trials=3) is None  # tried again


def test_epochs_are_counted_once_whoever_tells_them():
    told = Told().start("0000").epoch("0000", 0).epoch("0000", 1)
    told.end("0000", status=Status.INTERRUPTED).paused(1000)
    told.start("0000").epoch("0000", 0).epoch("0000", 1).epoch("0000", 2)
    told.epoch("0000", 0, execution=1).end("0000")
    assert told.spent.epochs == 4
    assert end_of(told, epochs=5) is None
    assert end_of(told, epochs=4) == ("epochs", "budget.epochs=4 are trained")


def test_seconds_are_of_the_search_without_its_pauses():
    told = Told().start("0000", 2.0).epoch("0000", 0, 3.0).end("0000", status=Status.INTERRUPTED)
    told.paused(1000).start("0000", 1.0).epoch("0000", 1, 1.0)
    assert told.spent.seconds == 7.0
    assert told.spent.seconds_until(told.now + 5) == 12.0
    assert told.spent.seconds_of("0000", told.now + 5) == 3.0 + 1.0 + 5.0


def test_time_for_the_final_test_is_reserved():
    """It builds a model and goes through data, as a trial does until its first epoch ends."""
    told = Told().trial("0000", first=3.0)  # 5 seconds
    assert end_of(told, seconds=8.1) is None
    assert end_of(told, seconds=8) == ("seconds", "budget.seconds=8 are over")
    assert end_of(told, seconds=13.1, retrained=True) is None
    assert end_of(told, seconds=13, retrained=True) is not None
    assert end_of(told, seconds=20, now=told.now + 12) is not None
    tested = EvaluationEnd("0000", False, 1, {}, "loss", "model", time=0.0)
    told.after(0.5, tested)
    assert told.spent.reserve(retrained=True) == 0.5  # what it took is known


def test_the_first_trial_starts_however_little_time_there_is():
    assert end_of(Told(), seconds=1e-6) is None
    assert end_of(Told().start("0000"), now=101.0, seconds=1e-6) is not None


def test_no_trial_starts_that_would_not_end_in_time():
    told = Told()
    for trial in ("0000", "0001", "0002"):
        told.trial(trial)  # 5 seconds each
    assert end_of(told, seconds=15 + 5 + 3) is None
    sentence = "budget.seconds=22 leave no time for another trial"
    assert end_of(told, seconds=22) == ("seconds", sentence)
    assert end_of(told, seconds=22, grace=Grace.stop) is None  # it can be stopped
    # Nine more epochs of a paused trial come after it.
    assert end_of(told, seconds=31, to_end=9, grace=Grace.stop) is not None
    assert end_of(told, seconds=32, to_end=9, grace=Grace.stop) is None


@pytest.mark.parametrize(
    ("direction", "target", "sentence"),
    [
        ("min", 0.5, "trial 0001 has reached budget.target=0.5 with 0.4"),
        ("min", 0.3, None),
        ("max", 0.8, "trial 0000 has reached budget.target=0.8 with 0.9"),
        ("max", 0.95, None),
    ],
)
def test_a_score_that_is_good_enough(direction, target, sentence):
    told = Told(direction=direction).trial("0000", 0.9).trial("0001", 0.4)
    told.trial("0002", status=Status.FAILED)
    assert end_of(told, target=target) == (sentence and ("target", sentence))


def test_trials_without_progress():
    told = Told().trial("0000", status=Status.FAILED).trial("0001", status=Status.FAILED)
    assert end_of(told, trials_without_progress=1) is None  # there is no best one yet
    told.trial("0002", 0.5).trial("0003", 0.5).trial("0004", status=Status.PRUNED)
    assert end_of(told, trials_without_progress=3) is None
    assert end_of(told, trials_without_progress=2) == (
        "trials_without_progress",
        "budget.trials_without_progress=2 trials ended since the best one",
    )
    assert end_of(told.trial("0005", 0.4), trials_without_progress=2) is None


def test_a_trial_that_goes_on_has_not_ended_twice():
    told = Told().trial("0000", 0.5).trial("0001", status=Status.PRUNED)
    told.start("0001").epoch("0001", 3).end("0001", 0.6)
    assert told.spent.without_progress == 1
    assert len(told.spent.trials) == 2


def test_whichever_comes_first():
    told = Told().trial("0000", 0.5)
    assert end_of(told, trials=1, epochs=3, target=0.6)[0] == "target"
    assert end_of(told, trials=1, epochs=3, target=0.4)[0] == "epochs"
    assert end_of(told, trials=1, epochs=4, target=0.4)[0] == "trials"


class Clock:
    def __init__(self, told):
        self.told = told

    def __call__(self):
        return self.told.now


def spending(told, oracle=None, **limits):
    said = []
    made = Spending(budget(**limits), oracle, tell=said.append, clock=Clock(told))
    records.tell(made, *told.records)
    return made, said


def test_a_trial_ends_when_its_own_time_is_over():
    told = Told().start("0000").epoch("0000", 0, 3.0)
    assert spending(told, seconds_per_trial=3.5)[0].stop("0000") is None
    made, _ = spending(told, seconds_per_trial=3.0)
    assert made.stop("0000") is Stop.END
    assert (made.stopped, made.sentence) == (None, None)


@pytest.mark.parametrize("limits", [{"seconds": 12.0}, {"epochs": 4}], ids=str)
def test_the_running_trial_is_stopped_with_the_search(limits):
    told = Told().trial("0000").start("0001").epoch("0001", 0, 4.0)
    assert spending(told, **limits)[0].stop("0001") is None  # it finishes
    made, _ = spending(told, grace=Grace.stop, **limits)
    assert made.stop("0001") is Stop.INTERRUPT
    assert made.stopped == "0001"
    assert made.sentence.endswith("; trial 0001 goes on with more")
    more, _ = spending(told, grace=Grace.stop, **{key: 2 * v for key, v in limits.items()})
    assert more.stop("0001") is None


def test_the_first_trial_ends_instead_so_that_there_is_a_model():
    told = Told().start("0000").epoch("0000", 0)
    assert spending(told, grace=Grace.stop, epochs=1)[0].stop("0000") is Stop.END


def test_what_a_budget_buys_is_said_once():
    told = Told().trial("0000").trial("0001")
    assert spending(told, seconds=100)[1] == []
    told.trial("0002").trial("0003")
    assert spending(told, seconds=100)[1] == ["budget.seconds=100 buy about 19 trials"]
    assert spending(told, seconds=100, trials=6)[1] == ["budget.seconds=100 buy all 6 trials"]
    made, said = Spending(budget(seconds=100), None, tell=print), []
    for record in told.records[:-2]:
        made.replay(record)
    made._tell = said.append
    records.tell(made, *told.records[-2:])
    assert said == []  # an earlier process has said it


@pytest.mark.parametrize("strategy", [RandomSearch, Hyperband])
def test_a_search_that_has_run_all_its_trials_ends_by_itself(strategy):
    oracle = make(strategy)
    told = Told()
    made, _ = spending(told, oracle, seconds=20, epochs=15)
    total = oracle.total_trials
    for number in range(total):
        known = len(told.records)
        records.tell(made, *told.trial(f"{number:04}").records[known:])
        if number > 5:
            assert made.is_over() is (number + 1 < total)
    assert not made.is_closed()


def hyperband_search(seconds, *, interrupted_after=None, epoch=1.0, outside=2.0):
    """Run Hyperband whose trials take known times; return lengths of trials, and the time."""

    def fresh():
        return Hyperband(
            objective=LOSS,
            hyperparameters=space_of(choice(1000)),
            seed=0,
            max_epochs=9,
            factor=3,
        )

    told, oracle = Told(), fresh()
    made = Spending(budget(seconds=seconds), oracle, clock=Clock(told))
    records.tell(made, told.records[0])
    lengths = []
    while not (made.is_over() or made.is_closed()):
        if len(lengths) == interrupted_after:
            interrupted_after = None
            restored = restored_from(oracle)
            oracle = fresh()
            made = Spending(budget(seconds=seconds), oracle, clock=Clock(told))
            for record in told.records:
                made.replay(record)
            oracle.restore(restored)
            made.afford()
        trial = oracle.create_trial("tuner")
        if trial.status == "STOPPED":
            break
        values, known = trial.hyperparameters.values, len(told.records)
        length = values["tuner/epochs"] - values["tuner/initial_epoch"]
        told.trial(trial.trial_id, values["x"], epochs=length, first=outside + epoch)
        oracle.update_trial(trial.trial_id, {"val_loss": values["x"]})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
        records.tell(made, *told.records[known:])
        lengths.append((values["tuner/bracket"], values["tuner/round"], length))
    return lengths, told.spent.seconds, made.key


def test_hyperband_plans_so_that_the_last_promotion_ends_in_time():
    whole, longest, key = hyperband_search(1e6)
    assert key is None
    for share in (0.8, 0.5, 0.3):
        seconds = share * longest
        lengths, spent, key = hyperband_search(seconds)
        assert spent <= seconds
        assert spent > 0.5 * seconds
        assert key is None  # it ended by its plan, not by the clock
        brackets = {bracket for bracket, *_ in lengths}
        for bracket in brackets:  # each that was begun was led to its last round
            assert (bracket, bracket, 9 - (0 if bracket == 0 else 9 // 3)) in lengths
    assert len(whole) > len(lengths)


def test_a_continued_hyperband_plans_the_same():
    _, longest, _ = hyperband_search(1e6)
    expected = hyperband_search(0.5 * longest)
    for number in range(1, len(expected[0]), 4):
        assert hyperband_search(0.5 * longest, interrupted_after=number) == expected


def test_a_raised_limit_continues_a_search():
    def begin(**changes):
        return records.search_begin(config={"budget": dataclasses.asdict(budget(**changes))})

    assert is_raised("seconds", begin(seconds=1.0), begin(seconds=2.0))
    assert is_raised("seconds", begin(seconds=1.0), begin())
    assert not is_raised("seconds", begin(seconds=1.0), begin(seconds=1.0))
    assert is_raised("target", begin(target=0.5), begin(target=0.4))
    assert not is_raised("target", begin(target=0.5), begin(target=0.6))
    old = records.search_begin(config={"max_seconds": 5.0})
    assert limit_of(old, "seconds") == 5.0
    assert is_raised("seconds", old, begin(seconds=6.0))
    assert not is_raised("seconds", old, begin(seconds=5.0))
