"""Tables of trials that MLflow's page offers; test_browser.py looks at one."""

import json

import pytest
from mlflow import MlflowClient

from pipeline.tracking.addresses import viewing
from pipeline.tracking.views import offered, view_of
from tests.records import search_begin
from tests.stories import EXPERIMENT, Story, courier

TAG = "mlflow.sharedViewState."
TRIALS = "tags.`pipeline.kind` = 'trial'"


def shown(uri) -> dict[str, dict]:
    """Return the views of the experiment, by what links name them."""
    experiment = MlflowClient(uri).get_experiment_by_name(EXPERIMENT)
    tags = {key: value for key, value in experiment.tags.items() if key.startswith(TAG)}
    return {key.removeprefix(TAG): json.loads(value) for key, value in tags.items()}


def test_a_search_offers_its_trials_and_those_of_its_model(store, tmp_path):
    folder = Story().begin().trial(units=8).write(tmp_path / "s1")
    one = courier(folder, store)
    one.deliver()
    views = shown(store)
    assert views.keys() == {"s1", "mlp-val_loss"}
    columns = ["metrics.`score`", "metrics.`best_epoch`", "params.`units`"]
    assert views["s1"] == {
        "searchFilter": f"{TRIALS} and tags.`pipeline.search` = 's1'",
        "orderByKey": "metrics.`score`",
        "orderByAsc": True,
        "selectedColumns": columns,
        "columnOrder": columns,
    }
    named = views["mlp-val_loss"]
    assert (named["name"], named["createdAt"]) == ("mlp by val_loss", named["updatedAt"])
    more = ["tags.`pipeline.strategy`", *columns]
    assert json.loads(named["state"]) == {
        **views["s1"],
        "searchFilter": f"{TRIALS} and tags.`pipeline.model` = 'mlp' and "
        "tags.`pipeline.objective` = 'val_loss'",
        "selectedColumns": more,
        "columnOrder": more,
    }
    # What a later trial has more, and what an earlier process has told, are columns as well.
    Story().trial("0001", units=8, rate=0.1).write(folder)
    courier(folder, store).deliver()
    assert shown(store)["s1"]["selectedColumns"][2:] == ["params.`units`", "params.`rate`"]


def test_the_filter_finds_the_trials(store, tmp_path):
    name = "it's -1"
    courier(Story(search=name).begin().trial().write(tmp_path / "a"), store).deliver()
    courier(Story(search="b").begin().trial().write(tmp_path / "b"), store).deliver()
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    views = shown(store)
    assert views.keys() == {"it-s--1", "b", "mlp-val_loss"}
    states = [views["it-s--1"], json.loads(views["mlp-val_loss"]["state"])]
    for state, count in zip(states, (1, 2), strict=True):
        order = f"{state['orderByKey']} {'ASC' if state['orderByAsc'] else 'DESC'}"
        found = client.search_runs([experiment], state["searchFilter"], order_by=[order])
        assert [run.info.run_name for run in found] == ["trial 0000"] * count


def test_the_best_are_first_in_either_direction():
    for direction, ascending in (("min", True), ("max", False)):
        views = offered(search_begin(direction=direction), ["units"])
        assert json.loads(views[TAG + "digits-mlp-random-1"])["orderByAsc"] is ascending


@pytest.mark.parametrize("name", ["{:05}", "{:0250}", "größe_{:0100}"])
def test_columns_are_as_many_as_a_tag_can_hold(name):
    names = [name.format(number) for number in range(1000)]
    for view in offered(search_begin(), names).values():
        assert 3000 < len(view) <= 5000


def test_a_search_that_was_delivered_before_there_were_views(store, tmp_path):
    folder = Story().begin().trial().end().write(tmp_path / "s1")
    courier(folder, store).deliver()
    client = MlflowClient(store)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    client.delete_experiment_tag(experiment, TAG + "s1")
    courier(folder, store).deliver()
    assert "s1" in shown(store)


def test_the_link():
    page = viewing("http://host", "7", "a b-1")
    assert page.endswith(
        "/#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=a-b-1"
    )
    assert view_of("a b-1") == "a-b-1"
