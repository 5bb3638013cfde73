"""What a search shows in MLflow after deaths, repetitions and requests executed too late."""

import shutil
from dataclasses import replace

import pytest
from mlflow import MlflowClient

from pipeline.journal.callbacks import Status, TrialEnd
from pipeline.journal.history import follow
from tests.records import write
from tests.stories import Story, courier, deliver, description, picture, points, runs
from tests.tracking.test_registry import NAME, evaluated, model_file

__all__ = ["evaluated", "model_file"]  # fixtures


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "s1"


@pytest.fixture
def clean(empty_store, tmp_path):
    """Another empty store."""
    (tmp_path / "clean").mkdir()
    shutil.copyfile(empty_store, tmp_path / "clean/mlflow.db")
    return f"sqlite:///{tmp_path}/clean/mlflow.db"


def values(store, name, metric):
    """Return the steps and values of a metric."""
    return [(step, value) for step, _, value in points(store, runs(store)[name])[metric]]


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("name", ["digits-mlp-random", "trial 0000"])
@pytest.mark.parametrize("earlier", [0, 1])
def test_a_run_whose_creation_was_executed_late_takes_nothing_away(
    name, earlier, store, clean, folder
):
    story = Story().begin().trial()
    deliver(story.write(folder), store)
    info, data = runs(store)[name].info, runs(store)[name].data
    MlflowClient(store).create_run(
        info.experiment_id, info.start_time - earlier, dict(data.tags), name
    )
    deliver(story.trial("0001", 0.25).end().write(folder), store)
    deliver(folder, clean)
    assert picture(store) == picture(clean)
    assert runs(store)[name].info.run_id == info.run_id


def test_children_find_the_parent_that_is_kept(store, clean, folder):
    story = Story().begin().trial()
    deliver(story.write(folder), store)
    MlflowClient(store).delete_run(runs(store)["digits-mlp-random"].info.run_id)
    deliver(story.end().write(folder), store)
    deliver(folder, clean)
    assert picture(store) == picture(clean)


def test_a_status_that_was_set_late_is_set_right(store, folder):
    deliver(Story().begin().trial().end().write(folder), store)
    whole = picture(store)
    client = MlflowClient(store)
    for run in runs(store).values():
        client.set_tag(run.info.run_id, "pipeline.status", "RUNNING")
        client.update_run(run.info.run_id, status="RUNNING")
    assert picture(store) != whole
    deliver(folder, store)
    assert picture(store) == whole


def test_models_and_versions_that_were_made_late(store, evaluated):
    folder = evaluated()
    deliver(folder, store, NAME)
    whole = picture(store)
    client = MlflowClient(store)
    run = runs(store)["digits-mlp-random"]
    (logged,) = client.search_logged_models([run.info.experiment_id])
    client.create_logged_model(
        run.info.experiment_id, logged.name, run.info.run_id, logged.tags, model_type="keras"
    )
    version = client.get_model_version_by_alias(NAME, "best")
    tags = {k: v for k, v in version.tags.items() if k != "pipeline.alias_decision"}
    client.create_model_version(
        NAME, version.source, run.info.run_id, tags, description=version.description
    )
    assert picture(store) != whole
    deliver(folder, store, NAME)
    assert picture(store) == whole
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 1


def test_what_a_dead_process_left_is_not_shown_as_running(store, clean, folder):
    story = Story().begin().trial().start("0001").epoch(0, "0001", loss=1.0)
    last = story.records[-1]
    one = courier(story.write(folder), store)
    one.deliver()
    assert {run.info.status for run in runs(store).values()} == {"RUNNING", "FINISHED"}
    one.abandon()
    shown = runs(store)
    assert shown["trial 0001"].info.status == shown["digits-mlp-random"].info.status == "KILLED"
    assert shown["trial 0001"].info.end_time == round(last.time * 1000)
    assert "| Ended | its process died |" in description(shown["digits-mlp-random"])
    # It is continued after all.
    story.begin().start("0001").epoch(0, "0001", loss=1.0).epoch(1, "0001", loss=0.5)
    deliver(story.write(folder), store)
    assert runs(store)["trial 0001"].info.status == "RUNNING"
    assert runs(store)["digits-mlp-random"].info.status == "RUNNING"
    deliver(story.stop("0001", 0.25).end().write(folder), store)
    deliver(folder, clean)
    assert picture(store) == picture(clean)


def test_abandoning_leaves_what_ended(store, folder):
    one = courier(Story().begin().trial().end().write(folder), store)
    one.deliver()
    whole = picture(store)
    one.abandon()
    assert picture(store) == whole


@pytest.mark.parametrize("at_once", [True, False])
def test_epochs_that_are_told_again_are_shown_once(at_once, store, clean, folder):
    story = Story(executions_per_trial=2).begin().start()
    story.epoch(0, loss=4.0).epoch(1, loss=2.0).epoch(0, execution=1, loss=2.0)
    for _ in range(2):  # it dies twice more, once before it has told everything again
        if not at_once:
            deliver(story.write(folder), store)
        story.begin().start().epoch(0, loss=4.0)
    story.epoch(1, loss=2.0).epoch(0, execution=1, loss=2.0).epoch(1, execution=1, loss=1.0)
    deliver(story.stop().end().write(folder), store)
    assert values(store, "trial 0000", "loss") == [(0, 3.0), (1, 1.5)]
    assert values(store, "trial 0000", "loss_execution_1") == [(0, 2.0), (1, 1.0)]
    assert len(values(store, "trial 0000", "score")) == 1
    deliver(folder, clean)
    assert picture(store) == picture(clean)


def test_an_end_that_nobody_lived_to_tell(store, clean, folder):
    story = Story(executions_per_trial=2).begin().trial()
    for _ in range(2):
        story.start("0001").epoch(0, "0001", loss=4.0)
        story.epoch(0, "0001", execution=1, loss=2.0)
        deliver(story.write(folder), store)
        story.begin()
    story.start("0001").epoch(0, "0001", loss=4.0)
    deliver(story.write(folder), store)
    # The next process tells it before it begins; the second execution was not told again.
    story.fail("0001").begin().trial("0002", 0.25).end(best="0002")
    ends = [(record.trial, record.status) for record in story.records if hasattr(record, "score")]
    assert ends == [("0001", Status.FAILED), ("0002", Status.COMPLETED)]
    deliver(story.write(folder), store)
    shown = runs(store)
    assert shown["trial 0001"].info.status == "FAILED"
    assert shown["trial 0001"].data.tags["pipeline.message"] == "ValueError: no"
    assert values(store, "trial 0001", "loss") == [(0, 3.0)]
    assert "completed, 3 of 3 trials finished, 1 failed." in description(shown["digits-mlp-random"])
    assert [step for step, _ in values(store, "digits-mlp-random", "best_score")] == [1, 2, 3]
    deliver(folder, clean)
    assert picture(store) == picture(clean)


def test_a_finished_search_that_is_extended(store, evaluated):
    folder = evaluated(score=0.25)
    deliver(folder, store, NAME)
    story = Story(total_trials=2)
    story._times = (1_800_000_000 + n for n in range(100))
    deliver(story.begin().start("0001").write(folder), store, NAME)
    parent = runs(store)["digits-mlp-random"]
    assert parent.info.status == parent.data.tags["pipeline.status"] == "RUNNING"
    assert "running, 1 of 2 trials finished" in description(parent)
    story.epoch(0, "0001", loss=1.0).stop("0001", 0.125).end(best="0001")
    deliver(story.evaluate(0.125, trial="0001").write(folder), store, NAME)
    shown = picture(store)["digits-mlp-random"]
    assert shown["status"] == "FINISHED"
    assert len(shown["models"]) == len(shown["versions"]) == shown["outputs"] == 2
    assert [aliases for _, _, _, aliases, *_ in shown["versions"]] == [[], ["best"]]
    text = description(runs(store)["digits-mlp-random"])
    assert "completed, 2 of 2 trials finished" in text
    assert "| Test result | accuracy 0.75, loss 0.125 (trial 0001" in text
    assert values(store, "digits-mlp-random", "best_score") == [(1, 0.5), (2, 0.125)]
    whole = picture(store)
    (folder / "tracking.json").unlink()
    deliver(folder, store, NAME)
    assert picture(store) == whole


@pytest.mark.parametrize("kept", [3, 5, 6], ids=["in a trial", "after it", "before the test"])
def test_a_journal_that_lost_its_end_doubles_no_point_and_no_model(kept, store, evaluated):
    """A power cut takes the journal's last lines; MLflow's database was on the disk."""
    folder = evaluated()
    deliver(folder, store, NAME)
    before = {name: points(store, run) for name, run in runs(store).items()}
    told = [record for _, record in follow(folder)]
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:kept]))
    # The next process tells the epochs of the running trial again, and does the rest anew.
    rest = told if kept == 3 else [told[0], *told[kept:]]
    again = [replace(record, time=record.time + 1000) for record in rest]
    write(folder, *(longer(record) for record in again))
    said = deliver(folder, store, NAME)
    assert {name: points(store, run) for name, run in runs(store).items()} == before
    assert said.startswith("registered digits-mlp version 1;")
    client = MlflowClient(store)
    assert len(client.search_model_versions(f"name='{NAME}'")) == 1
    experiment = runs(store)["trial 0000"].info.experiment_id
    assert len(client.search_logged_models([experiment])) == 1


def longer(record):
    """Return the same, but for the time that a trial took when it was trained again."""
    return replace(record, duration_seconds=9.0) if isinstance(record, TrialEnd) else record
