import math
import shutil

import pytest
from mlflow import MlflowClient

from pipeline.journal.callbacks import Status
from pipeline.journal.history import read
from pipeline.tracking import projection, store
from pipeline.tracking.retrieval import best_model_of_run, history_of_run, trial_runs
from tests.stories import Story, courier, deliver, runs


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "s1"


@pytest.fixture
def url(store, monkeypatch):
    """The store, which is also the default one."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    return store


def search_run(url) -> str:
    return runs(url)["digits-mlp-random"].info.run_id


def told() -> Story:
    """Values of every type, a retry, a failure, and numbers that JSON does not know."""
    story = Story(executions_per_trial=2).begin()
    story.trial("0000", units=8, rate=1e-05, on=True, activation="8")
    story.start("0001", units=16).epoch(0, "0001", val_loss=float("inf")).fail("0001", final=False)
    story.start("0001", 1, units=16).epoch(0, "0001", 1, execution=1, val_loss=0.5)
    return story.stop("0001", attempt=1).start("0002", units=4).epoch(0, "0002", val_loss=1.0)


@pytest.mark.parametrize(
    "ending",
    [
        lambda story: story.end().evaluate(),
        lambda story: story.interrupt("0002").end(Status.INTERRUPTED),
        lambda story: story,
    ],
    ids=["finished", "interrupted", "running or killed"],
)
def test_the_search_is_the_one_of_its_folder(ending, url, folder):
    story = ending(told())
    evaluated = story.records[-1]
    story.write(folder)
    one = courier(folder, url)
    if hasattr(evaluated, "artifacts"):
        with pytest.raises(ValueError, match=r"best_model\.keras"):  # nobody made one
            one.deliver()
    else:
        one.deliver()
    expected = read(folder)
    shutil.rmtree(folder)
    assert history_of_run(search_run(url), url) == expected
    assert history_of_run(search_run(url)) == expected
    assert history_of_run(search_run(url)).attempts[0].hyperparameters["activation"] == "8"


def test_the_copy_follows_a_search_that_runs(url, folder, monkeypatch):
    story = Story().begin()
    one = courier(story.write(folder), url)
    one.deliver()
    story.trial("0000").write(folder)
    one.deliver()
    assert history_of_run(search_run(url)).attempts == ()  # not at every event
    monkeypatch.setattr(projection, "_LEAST_SECONDS", 0.0)
    monkeypatch.setattr(projection, "_MOST_SHARE", math.inf)  # however slow the copy is
    one = courier(folder, url)
    for trial in ("0001", "0002"):
        story.trial(trial).write(folder)
        one.deliver()
    assert history_of_run(search_run(url)) == read(folder)


def test_runs_of_trials(url, folder, monkeypatch):
    deliver(told().end().write(folder), url)
    shown = runs(url)
    expected = {
        "0000": shown["trial 0000"].info.run_id,
        "0001": shown["trial 0001 attempt 1"].info.run_id,
        "0002": shown["trial 0002"].info.run_id,
    }
    assert trial_runs(search_run(url)) == expected
    monkeypatch.setattr(store, "_PAGE", 1)  # of a thousand runs and more
    assert trial_runs(search_run(url)) == expected


def test_runs_that_are_no_search(url, folder):
    deliver(Story().begin().trial().write(folder), url)
    client = MlflowClient(url)
    experiment = client.get_experiment_by_name("digits").experiment_id
    comparison = client.create_run(experiment, tags={"pipeline.kind": "comparison"}).info.run_id
    foreign = client.create_run(experiment).info.run_id
    bare = client.create_run(experiment, tags={"pipeline.kind": "search"}, run_name="b").info.run_id
    child = runs(url)["trial 0000"].info.run_id
    for run_id, says in {
        "0" * 32: f"{url} has no run '{'0' * 32}'",
        "../x": f"{url} has no run '../x'",
        child: f"the run {child} is a trial, whose search is the run {search_run(url)}",
        comparison: f"the run {comparison} is a comparison",
        foreign: f"the run {foreign} is no run of this pipeline",
        bare: f"the run 'b' ({bare}) has no artifact journal.jsonl",
    }.items():
        with pytest.raises(ValueError) as caught:  # noqa: PT011  # compared below
            history_of_run(run_id)
        assert str(caught.value).endswith(says)
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="is a trial"):
        trial_runs(child)
    with pytest.raises(ValueError, match="has no best model; it is logged when the search has en"):
        best_model_of_run(search_run(url))


def test_stores_that_are_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for uri, says in {
        None: r"received 'sqlite:///mlflow\.db', but there is no file mlflow\.db",
        "nonsense": "received 'nonsense', but MLflow keeps nothing in plain folders",
    }.items():
        with pytest.raises(ValueError, match=says):
            history_of_run("0" * 32, uri)
    with pytest.raises(ConnectionError, match=r"^http://\*\*\*@127\.0\.0\.1:1 cannot be read: "):
        history_of_run("0" * 32, "http://me:secret@127.0.0.1:1")
    assert list(tmp_path.iterdir()) == []
