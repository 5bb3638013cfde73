import csv
import dataclasses
import math
import shutil
from pathlib import Path
from unittest.mock import Mock

import pytest
from mlflow import MlflowClient

from pipeline.journal.callbacks import (
    EpochEnd,
    SearchBegin,
    SearchEnd,
    Status,
    TrialBegin,
    TrialEnd,
)
from pipeline.tracking.delivery import Courier
from pipeline.tracking.position import Position
from pipeline.tracking.store import connect
from tests.stories import Flaky, Story, artifacts, deliver, description, picture, points, runs


def ms(record):
    return round(record.time * 1000)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "s1"


def test_everything_the_journal_says_is_in_mlflow(store, folder):
    story = Story(sweep="sweep-1").begin().trial("0000", 0.5, units=8, activation="relu")
    story.trial("0001", 0.25, epochs=3, units=16, activation="tanh").end(best="0001")
    told = list(story.records)
    deliver(story.write(folder), store)

    shown = runs(store)
    parent = shown.pop("digits-mlp-random")
    assert set(shown) == {"trial 0000", "trial 0001"}
    for name, run in shown.items():
        trial = name.removeprefix("trial ")
        mine = [r for r in told if getattr(r, "trial", None) == trial]
        begin = next(r for r in mine if isinstance(r, TrialBegin))
        end = next(r for r in mine if isinstance(r, TrialEnd))
        assert run.data.params == {k: str(v) for k, v in begin.hyperparameters.items()}
        assert run.info.status == "FINISHED"
        assert (run.info.start_time, run.info.end_time) == (ms(begin), ms(end))
        expected = {
            "score": [(0, ms(end), end.score)],
            "best_epoch": [(0, ms(end), 1.0)],
            "duration_seconds": [(0, ms(end), 1.5)],
        }
        for record in mine:
            if isinstance(record, EpochEnd):
                for metric, value in record.logs.items():
                    expected.setdefault(metric, []).append((record.epoch, ms(record), value))
        assert points(store, run) == expected
        shared = {"search": "s1", "strategy": "random", "dataset": "digits", "model": "mlp"}
        shared |= {"objective": "val_loss", "direction": "min", "fingerprint": "f"}
        shared |= {"sweep": "sweep-1", "pruner": "none"}
        own = {"kind": "trial", "trial": trial, "attempt": "0", "status": "COMPLETED"}
        own |= {"initial_epoch": "0", "epochs": "3"}
        tags = {f"pipeline.{key}": value for key, value in (shared | own).items()}
        mlflow_tags = {"mlflow.parentRunId": parent.info.run_id, "mlflow.runName": name}
        mlflow_tags |= {"mlflow.source.name": "python -m pipeline", "mlflow.source.type": "LOCAL"}
        assert run.data.tags == tags | mlflow_tags

    begin, end = told[0], told[-1]
    assert isinstance(begin, SearchBegin)
    assert isinstance(end, SearchEnd)
    assert parent.info.status == "FINISHED"
    assert (parent.info.start_time, parent.info.end_time) == (ms(begin), ms(end))
    ends = [r for r in told if isinstance(r, TrialEnd)]
    assert points(store, parent) == {
        "best_score": [(1, ms(ends[0]), 0.5), (2, ms(ends[1]), 0.25)],
    }
    assert parent.data.tags["pipeline.kind"] == "search"
    assert parent.data.tags["pipeline.status"] == "COMPLETED"
    assert {f"pipeline.{k}": v for k, v in shared.items()}.items() <= parent.data.tags.items()
    (dataset,) = parent.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("digits", "d1")
    assert "load_digits" in dataset.dataset.source
    assert dataset.dataset.profile == '{"task": "classification"}'
    assert [(tag.key, tag.value) for tag in dataset.tags] == [("mlflow.data.context", "training")]


def test_telling_it_again_changes_nothing(store, folder):
    story = Story(executions_per_trial=2).begin().trial("0000", 0.5)
    story.start("0001").epoch(0, "0001", loss=math.nan).fail("0001", final=False)
    story.start("0001", 1).epoch(0, "0001", 1, loss=1.0).stop("0001", 0.25, attempt=1).end()
    deliver(story.write(folder), store)
    once = picture(store)
    assert len(once) == 4
    deliver(folder, store)
    assert picture(store) == once
    (folder / "tracking.json").unlink()  # as another process on another machine would
    deliver(folder, store)
    assert picture(store) == once


def test_another_empty_store_gets_the_same(store, folder, tmp_path, empty_store):
    story = Story().begin().trial("0000", 0.5).start("0001").epoch(0, "0001", loss=1.0)
    deliver(story.write(folder), store)
    story.begin().start("0001").epoch(0, "0001", loss=1.0).epoch(1, "0001", loss=0.5)
    deliver(story.stop("0001", 0.25).end().write(folder), store)
    (tmp_path / "other").mkdir()
    shutil.copyfile(empty_store, tmp_path / "other/mlflow.db")
    other = f"sqlite:///{tmp_path}/other/mlflow.db"
    deliver(folder, other)
    assert picture(other) == picture(store)


def test_a_store_that_was_emptied_gets_everything_again(store, folder, tmp_path):
    story = Story().begin().trial()
    deliver(story.write(folder), store)
    client = MlflowClient(store)
    for run in runs(store).values():
        client.delete_run(run.info.run_id)
    deliver(story.trial("0001", 0.25).end().write(folder), store)
    assert set(runs(store)) == {"digits-mlp-random", "trial 0000", "trial 0001"}


@pytest.mark.parametrize("done", [False, pytest.param(True, marks=pytest.mark.thorough)])
def test_a_delivery_that_breaks_off_anywhere_is_completed(store, folder, monkeypatch, done):
    story = Story().begin().trial("0000").start("0001").epoch(0, "0001", loss=1.0)
    story.fail("0001").end().write(folder)
    deliver(folder, store)
    whole = picture(store)
    calls = 0
    while True:
        experiment = f"broken-{calls}"
        position = Position(store, experiment, None)
        courier = Courier(folder, store, position, remember=False)
        flaky = Flaky(connect(store, experiment).client, calls, done=done)
        with monkeypatch.context() as patch:
            opened = dataclasses.replace(connect(store, experiment), client=flaky)
            patch.setattr("pipeline.tracking.store.connect", Mock(return_value=opened))
            try:
                courier.deliver()
            except ConnectionError:
                assert courier.undelivered() > 0
            else:
                break
        courier.deliver()
        assert picture(store, experiment) == whole
        calls += 1
    assert calls > 12


def test_executions(store, folder):
    story = Story(executions_per_trial=3).begin().start()
    curves = [[4.0, 3.0, 2.0], [1.0, 2.0], [1.0, 4.0, 8.0]]
    for execution, curve in enumerate(curves):
        for epoch, loss in enumerate(curve):
            story.epoch(epoch, execution=execution, loss=loss)
    story.stop()
    told = list(story.records)
    deliver(story.write(folder), store)
    shown = points(store, runs(store)["trial 0000"])
    assert [(s, v) for s, _, v in shown["loss_execution_1"]] == [(0, 1.0), (1, 2.0)]
    assert [(s, v) for s, _, v in shown["loss_execution_2"]] == [(0, 1.0), (1, 4.0), (2, 8.0)]
    assert [(s, v) for s, _, v in shown["loss"]] == [(0, 2.0), (1, 3.0), (2, 5.0)]
    last = {r.epoch: r for r in told if isinstance(r, EpochEnd) and r.execution == 2}
    # The second execution stopped early: the mean of the epoch it did not see comes at the end.
    assert [t for _, t, _ in shown["loss"]] == [ms(last[0]), ms(last[1]), ms(told[-1])]
    assert "loss_execution_0" not in shown


def test_not_finite(store, folder):
    story = Story().begin().start().epoch(0, loss=math.nan, val=math.inf).epoch(1, loss=-math.inf)
    deliver(story.fail().write(folder), store)
    shown = points(store, runs(store)["trial 0000"])
    assert math.isnan(shown["loss"][0][2])
    assert shown["loss"][1][2] == -1.7976931348623157e308  # so says MLflow's SQL store
    assert shown["val"][0][2] == 1.7976931348623157e308


def test_failure(store, folder):
    story = Story().begin().start().epoch(0, loss=1.0).fail(final=False)
    story.start(attempt=1).fail(attempt=1)
    deliver(story.write(folder), store)
    first, second = runs(store)["trial 0000"], runs(store)["trial 0000 attempt 1"]
    assert first.info.status == second.info.status == "FAILED"
    assert first.data.tags["pipeline.status"] == "FAILED"
    assert first.data.tags["pipeline.message"] == "ValueError: no"
    assert (first.data.tags["pipeline.attempt"], second.data.tags["pipeline.attempt"]) == ("0", "1")
    assert artifacts(store, first.info.run_id) == ["traceback.txt"]
    path = MlflowClient(store).download_artifacts(first.info.run_id, "traceback.txt")
    assert Path(path).read_text() == "Traceback:\nValueError: no"
    assert "score" not in first.data.metrics


def test_what_a_fit_declared_is_a_param_too(store, folder):
    story = Story().begin().start(units=8).stop(declared_values={"shuffle": True})
    deliver(story.write(folder), store)
    assert runs(store)["trial 0000"].data.params == {"units": "8", "shuffle": "True"}


def test_best_score_counts_finished_trials(store, folder):
    story = Story(direction="max", objective="val_f1").begin()
    story.start("0000").fail("0000")  # finished, but there is no best yet
    story.trial("0001", 0.5).trial("0002", 0.25)
    story.start("0003").fail("0003", final=False)  # another attempt follows
    story.start("0003", 1).stop("0003", 0.75, attempt=1)
    story.start("0004").interrupt("0004").start("0005").fail("0005")
    deliver(story.write(folder), store)
    curve = points(store, runs(store)["digits-mlp-random"])["best_score"]
    assert [(step, value) for step, _, value in curve] == [(2, 0.5), (3, 0.5), (4, 0.75), (5, 0.75)]


def test_interrupted_and_continued(store, folder):
    story = Story().begin().start().epoch(0, loss=1.0).interrupt()
    story.end(Status.INTERRUPTED, None, "interrupted")
    deliver(story.write(folder), store)
    shown = runs(store)
    assert {run.info.status for run in shown.values()} == {"KILLED"}
    assert shown["trial 0000"].data.tags["pipeline.status"] == "INTERRUPTED"
    assert "interrupted" in description(shown["digits-mlp-random"])

    deliver(story.begin().start().epoch(0, loss=1.0).write(folder), store)
    again = runs(store)
    assert {name: run.info.run_id for name, run in again.items()} == {
        name: run.info.run_id for name, run in shown.items()
    }
    assert {run.info.status for run in again.values()} == {"RUNNING"}
    assert again["trial 0000"].data.tags["pipeline.status"] == "RUNNING"

    deliver(story.epoch(1, loss=0.5).stop().end().write(folder), store)
    shown = runs(store)
    assert {run.info.status for run in shown.values()} == {"FINISHED"}
    curve = points(store, shown["trial 0000"])["loss"]
    assert [(step, value) for step, _, value in curve] == [(0, 1.0), (1, 0.5)]
    assert len(points(store, shown["trial 0000"])["duration_seconds"]) == 1


def test_a_process_that_died_leaves_nothing_running(store, folder):
    story = Story().begin().start().epoch(0, loss=1.0)
    last = story.records[-1]
    deliver(story.write(folder), store)
    deliver(story.begin().start(attempt=1).epoch(0, attempt=1, loss=1.0).write(folder), store)
    shown = runs(store)
    assert shown["trial 0000"].info.status == "KILLED"
    assert shown["trial 0000"].info.end_time == ms(last)
    assert shown["trial 0000 attempt 1"].info.status == "RUNNING"
    deliver(story.end(Status.FAILED, None, "too many").write(folder), store)
    assert runs(store)["trial 0000 attempt 1"].info.status == "KILLED"
    assert runs(store)["digits-mlp-random"].info.status == "FAILED"


def test_a_repeated_epoch_with_another_value_adds_a_point(store, folder):
    story = Story().begin().start().epoch(0, loss=1.0).epoch(1, loss=0.5)
    story.begin().start().epoch(0, loss=1.0).epoch(1, loss=0.25).stop()
    deliver(story.write(folder), store)
    run = runs(store)["trial 0000"]
    assert [(s, v) for s, _, v in points(store, run)["loss"]] == [(0, 1.0), (1, 0.5), (1, 0.25)]
    assert run.data.metrics["loss"] == 0.25


def test_means_after_a_continuation_use_what_was_trained_last(store, folder):
    story = Story(executions_per_trial=2).begin().start()
    story.epoch(0, loss=1.0).epoch(1, loss=1.0).epoch(0, execution=1, loss=9.0)
    story.begin().start()  # continues in the second execution
    story.epoch(0, execution=1, loss=3.0).epoch(1, execution=1, loss=5.0).stop()
    deliver(story.write(folder), store)
    curve = points(store, runs(store)["trial 0000"])["loss"]
    assert [(s, v) for s, _, v in curve] == [(0, 5.0), (0, 2.0), (1, 3.0)]


def test_a_clock_that_is_put_back_ends_no_run_before_it_began(store, folder):
    story = Story()
    story._times = (1_700_000_000 - 3600.0 * n for n in range(100))
    story.begin().trial().end().write(folder)
    deliver(folder, store)
    assert len(runs(store)) == 2
    assert all(run.info.end_time == run.info.start_time for run in runs(store).values())


def test_lineage(store, folder):
    story = Story().begin()
    story.start("0000", lineage={"bracket": 2, "round": 0, "parent": None}, epochs=2)
    story.epoch(0, loss=2.0).epoch(1, loss=1.0).stop("0000", 1.0)
    story.start(
        "0001", lineage={"bracket": 2, "round": 1, "parent": "0000"}, initial_epoch=2, epochs=4
    )
    story.epoch(2, "0001", loss=0.5).epoch(3, "0001", loss=0.25).stop("0001", 0.25)
    deliver(story.write(folder), store)
    first, second = runs(store)["trial 0000"], runs(store)["trial 0001"]
    assert "pipeline.parent_trial" not in first.data.tags
    assert first.data.tags["pipeline.round"] == "0"
    names = ("bracket", "round", "parent_trial", "initial_epoch", "epochs")
    assert [second.data.tags[f"pipeline.{name}"] for name in names] == ["2", "1", "0000", "2", "4"]
    assert [step for step, _, _ in points(store, second)["loss"]] == [2, 3]


def test_description(store, folder):
    story = Story(total_trials=8).begin()
    for number in range(7):
        story.trial(f"{number:04}", score=1 - number / 10, units=2**number, kind="a|b")
    story.start("0007").fail("0007")
    deliver(story.end(best="0006").write(folder), store)
    text = description(runs(store)["digits-mlp-random"])
    assert text.startswith(
        "**digits-mlp-random** minimises val_loss of mlp on digits with the strategy random: "
        "completed, 8 of 8 trials finished, 1 failed.\n"
    )
    for line in (
        "| Task | classification |",
        "| Dataset | digits (digest d1) |",
        "| Best score | 0.4 (trial 0006, epoch 1) |",
        "| units | 64 |",
        "| kind | a\\|b |",
        "| rank | trial | score | units | kind |",
        "| 1 | 0006 | 0.4 | 64 | a\\|b |",
        "| 5 | 0002 | 0.8 | 4 | a\\|b |",
    ):
        assert line in text.splitlines()
    assert "| 6 |" not in text


def test_files(store, folder):
    story = Story().begin().trial("0000", 0.5, units=8).trial("0001", 0.25, rate=0.1)
    story.start("0002", units=4).fail("0002").start("0003", units=2).epoch(0, "0003", loss=1.0)
    story.end().write(folder)
    (folder / "config.yaml").write_text("seed: 0\n")
    deliver(folder, store)
    parent = runs(store)["digits-mlp-random"]
    files = ["config.yaml", "epochs.csv", "journal.jsonl", "trials.csv"]
    assert artifacts(store, parent.info.run_id) == files
    with (folder / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["COMPLETED", "COMPLETED", "FAILED", "INTERRUPTED"]
    assert rows[1] == {
        "trial": "0001",
        "attempt": "0",
        "status": "COMPLETED",
        "score": "0.25",
        "best_epoch": "1",
        "epochs_trained": "2",
        "duration_seconds": "1.5",
        "units": "",
        "rate": "0.1",
    }
    assert (rows[3]["score"], rows[3]["epochs_trained"]) == ("", "1")


def test_names_that_mlflow_does_not_take(store, folder):
    story = Story().begin()
    story.start(**{"rate (log)": 1, "a//b": 2, "x" * 300: 3, "..": 4, "conv/filters": 5, "ä b": 6})
    deliver(story.epoch(0, **{"top-5 %": 1.0}).stop().write(folder), store)
    run = runs(store)["trial 0000"]
    assert run.data.params == {
        "rate _log_": "1",
        "a__b": "2",
        "x" * 250: "3",
        "_": "4",
        "conv/filters": "5",
        "ä b": "6",
    }
    assert run.data.metrics["top-5 _"] == 1.0


def test_large_batches(store, folder):
    story = Story().begin().start(**{f"p{n}": n for n in range(250)})
    for epoch in range(3):
        story.epoch(epoch, **{f"m{n}": float(n) for n in range(900)})
    deliver(story.stop().write(folder), store)
    run = runs(store)["trial 0000"]
    assert len(run.data.params) == 250
    assert len(run.data.metrics) == 903


def test_a_run_that_was_created_twice_is_deleted_once(store, folder):
    story = Story().begin().trial()
    deliver(story.write(folder), store)
    run = runs(store)["trial 0000"]
    client = MlflowClient(store)
    client.create_run(
        run.info.experiment_id, run.info.start_time, dict(run.data.tags), "trial 0000"
    )
    deliver(story.end().write(folder), store)
    assert set(runs(store)) == {"digits-mlp-random", "trial 0000"}
