"""Trials that a pruner stops, and takes up again: in the journal, the tables and MLflow."""

import csv
import re

import keras_tuner
import pytest
from mlflow import MlflowClient

from pipeline.configuration.composition import compose_config
from pipeline.configuration.config import ConfigError
from pipeline.journal.callbacks import EpochEnd, SearchEnd, Status, TrialBegin, TrialEnd
from pipeline.journal.history import follow
from pipeline.pruners import ASHA, NoPruner, OneEpoch
from pipeline.search import components, run_search
from pipeline.search.identity import fingerprint
from pipeline.search.pruning import NoPruning, pruning_of
from pipeline.strategies import Hyperband
from pipeline.terminal.lines import closing, trial_line
from pipeline.terminal.state import advance

SEARCH = [
    "dataset=wine",
    "strategy=random",
    "strategy.max_trials=5",
    "training.epochs=4",
    "hyperparameters.layers=1",
    "hyperparameters.units=[4,8]",
    "verbose=0",
    "report.every_seconds=null",
    "tracking.registered_model=null",
    "~callbacks.early_stopping",
]
PROMOTING = ["pruner=asha", "pruner.promote=true", "pruner.reduction_factor=2"]


@pytest.fixture(scope="module")
def promoted(tmp_path_factory, empty_store):
    """A search in which trials were paused, and some of them went on."""
    folder = tmp_path_factory.mktemp("promoted")
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    uri = f"tracking.uri=sqlite:///{folder}/mlflow.db"
    return folder, run_search(compose_config([*SEARCH, *PROMOTING, uri, f"storage={folder}"]))


def records(promoted, kind):
    return [one for _, one in follow(promoted[1].directory) if isinstance(one, kind)]


def test_every_trial_has_one_attempt_and_the_best_is_trained_to_its_end(promoted):
    history = promoted[1].history
    assert [attempt.begin.trial for attempt in history.attempts] == [
        f"{number:04}" for number in range(5)
    ]
    (best, *_) = history.ranked()
    assert [epoch.epoch for epoch in best.epochs] == [0, 1, 2, 3]
    assert history.evaluation.trial == best.begin.trial
    assert {attempt.end.status for attempt in history.attempts} == {
        Status.COMPLETED,
        Status.PRUNED,
    }


def test_a_trial_that_goes_on_is_told_its_epochs_again_and_no_other(promoted):
    begins, ends = records(promoted, TrialBegin), records(promoted, TrialEnd)
    again = [one.trial for one in begins if [b.trial for b in begins].count(one.trial) > 1]
    assert again, "no trial went on"
    assert {end.status for end in ends if end.trial in again} >= {Status.PRUNED}
    for attempt in promoted[1].history.attempts:
        told = [e for e in records(promoted, EpochEnd) if e.trial == attempt.begin.trial]
        assert {(e.epoch, str(e.logs)) for e in told} == {
            (e.epoch, str(e.logs)) for e in attempt.epochs
        }


def test_the_time_of_a_trial_that_goes_on_is_that_of_all_its_parts(promoted):
    parts: dict[str, list[float]] = {}
    begun = {}
    for _, record in follow(promoted[1].directory):
        if isinstance(record, TrialBegin):
            begun[record.trial] = record.time
        if isinstance(record, TrialEnd):
            parts.setdefault(record.trial, []).append(record.time - begun[record.trial])
    for attempt in promoted[1].history.attempts:
        whole = sum(parts[attempt.begin.trial])
        assert attempt.end.duration_seconds == pytest.approx(whole, abs=0.2)


def test_mlflow_shows_pruned_trials_as_killed_and_each_point_once(promoted):
    folder, result = promoted
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("wine")
    runs = client.search_runs([experiment.experiment_id])
    children = {run.data.tags["pipeline.trial"]: run for run in runs if _is_trial(run)}
    assert len(runs) == 1 + len(children) == 6
    for attempt in result.history.attempts:
        run = children[attempt.begin.trial]
        pruned = attempt.end.status is Status.PRUNED
        assert run.info.status == ("KILLED" if pruned else "FINISHED")
        assert run.data.tags["pipeline.status"] == str(attempt.end.status)
        assert run.data.tags["pipeline.pruner"] == "asha"
        assert ("score" in run.data.metrics) is not pruned
        points = client.get_metric_history(run.info.run_id, "val_loss")
        assert [(point.step, point.value) for point in points] == [
            (epoch.epoch, epoch.logs["val_loss"]) for epoch in attempt.epochs
        ]
        times = client.get_metric_history(run.info.run_id, "duration_seconds")
        assert [point.value for point in times] == [attempt.end.duration_seconds]


def _is_trial(run):
    return run.data.tags["pipeline.kind"] == "trial"


def test_tables_have_the_status(promoted):
    with (promoted[1].directory / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    told = {a.begin.trial: (str(a.end.status), a.end.score) for a in promoted[1].history.attempts}
    assert {row["trial"]: row["status"] for row in rows} == {
        trial: status for trial, (status, _) in told.items()
    }
    assert all((row["score"] == "") is (row["status"] == "PRUNED") for row in rows)


def test_nothing_of_pruned_trials_is_left_on_the_disk(promoted):
    left = [*(promoted[1].directory / "trials").rglob("checkpoint*")]
    assert left == []


def test_the_terminal_tells_what_was_pruned(promoted):
    state, lines = None, []
    for _, record in follow(promoted[1].directory):
        state = advance(state, record)
        if isinstance(record, TrialEnd):
            lines.append(trial_line(state, record).plain)
        if isinstance(record, SearchEnd):
            lines.append(closing(state, record, 60.0).plain)
    assert re.match(r"trial 0000  PRUNED     val_loss \S+  1 epoch of 4  ", lines[0])
    completed = sum(attempt.completed for attempt in promoted[1].history.attempts)
    assert f"{5 - completed} pruned" in lines[-1]
    assert (state.trials, state.epochs) == (5, 20)  # what was pruned counts as done
    seconds = sum(a.end.duration_seconds for a in promoted[1].history.attempts)
    assert state.pace.total == pytest.approx(seconds)


def space():
    made = keras_tuner.HyperParameters()
    made.Int("units", 1, 9)
    return made


OBJECTIVE = keras_tuner.Objective("val_loss", "min")


def hyperband():
    return Hyperband(objective=OBJECTIVE, hyperparameters=space(), seed=0, max_epochs=4)


def make(pruner, oracle):
    return components.make_pruner(pruner, oracle, direction="min", epochs=10, seed=0)


def test_hyperband_promotes_itself():
    oracle = hyperband()
    assert isinstance(oracle, Hyperband)
    assert isinstance(make({"_target_": "pipeline.pruners.ASHA"}, oracle), ASHA)
    with pytest.raises(ConfigError, match="cannot go with Hyperband, which promotes trials itself"):
        make({"_target_": "pipeline.pruners.ASHA", "promote": True}, oracle)


def test_an_oracle_of_keras_tuners_knows_no_pruned_trials():
    oracle = keras_tuner.oracles.RandomSearchOracle(OBJECTIVE, 3, hyperparameters=space())
    assert isinstance(make({"_target_": "pipeline.pruners.NoPruner"}, oracle), NoPruner)
    with pytest.raises(ConfigError, match=r"RandomSearchOracle is no pipeline\.strategies\.Oracle"):
        make({"_target_": "pipeline.pruners.Median"}, oracle)


def test_an_oracle_is_told_what_a_pruned_trial_has_reported(promoted):
    pruning = pruning_of(OneEpoch(direction="min", max_epochs=4), "val_loss", 1)
    (first, *_) = promoted[1].history.attempts
    pruning.on_trial_begin(first.begin)
    for epoch in first.epochs:
        pruning.on_epoch_end(epoch)
    assert pruning.values(first.begin.trial) == {  # the loop asks before it tells of the end
        epoch.epoch: epoch.logs["val_loss"] for epoch in first.epochs
    }


def test_without_a_pruner_no_trial_is_followed():
    assert isinstance(pruning_of(NoPruner(), "val_loss", 1), NoPruning)
    one = OneEpoch(direction="min", max_epochs=4)
    assert not isinstance(pruning_of(one, "val_loss", 1), NoPruning)


def test_a_pruner_makes_another_search():
    prints = {
        fingerprint(compose_config(overrides), "d", "s", [])
        for overrides in (["pruner=none"], ["pruner=asha"], ["pruner=asha", "pruner.min_epochs=2"])
    }
    assert len(prints) == 3
