"""A search's trials as Optuna's, and what is important in them."""

import math
import random

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from pipeline.report.figures import figures
from pipeline.report.study import importances, study_of
from tests.report.made import choice, number, plain, search, trial


def test_every_kind_of_hyperparameter():
    boolean = {"class_name": "Boolean", "config": {"name": "norm", "conditions": []}}
    fixed = {"class_name": "Fixed", "config": {"name": "depth", "value": 3, "conditions": []}}
    space = [
        number("rate", 1e-4, 1e-1, sampling="log"),
        number("units", 8, 60, "Int", step=8),
        number("tail", 0.0, 1.0, sampling="reverse_log"),
        choice("activation", "relu", "tanh"),
        boolean,
        fixed,
    ]
    values = {"rate": 0.01, "units": 56, "tail": 0.5, "activation": "relu", "norm": True}
    study = study_of(search([trial("0000", {**values, "depth": 3})], *space))
    (told,) = study.trials
    assert told.params == values
    assert told.distributions == {
        "rate": FloatDistribution(1e-4, 1e-1, log=True),
        "units": IntDistribution(8, 56),
        "tail": FloatDistribution(0.0, 1.0),
        "activation": CategoricalDistribution(("relu", "tanh")),
        "norm": CategoricalDistribution((False, True)),
    }


def test_only_finite_scores_in_the_order_of_the_search():
    scores = [0.5, math.nan, 0.1, math.inf, None, 0.3]
    trials = [trial(f"{i:04}", {"x": i}, score) for i, score in enumerate(scores)]
    study = study_of(search(trials, number("x", 0, 9, "Int"), direction="max"))
    assert [told.value for told in study.trials] == [0.5, 0.1, 0.3]
    assert study.best_value == 0.5


def test_values_that_the_space_does_not_tell_of():
    """As of a hypermodel that declares while it trains, or a name declared twice."""
    twice = [number("x", 0, 1, "Int"), number("x", 5, 9, "Int"), choice("y", "a")]
    trials = [trial("0000", {"x": 7, "y": "b", "z": 1}), trial("0001", {"x": 0, "y": "a", "z": 2})]
    told = study_of(search(trials, *twice)).trials[0].distributions
    assert told["x"] == IntDistribution(0, 9)
    assert told["y"] == CategoricalDistribution(("a", "b"))
    assert told["z"] == CategoricalDistribution((1, 2))


@pytest.mark.parametrize("direction", ["min", "max"])
def test_importances_of_a_made_function(direction):
    found = importances(study_of(plain(60, direction=direction)))
    assert list(found)[:2] == ["rate", "dropout"]
    assert found["rate"] > 2 * found["dropout"] > 4 * max(found["units"], found["activation"])
    assert sum(found.values()) == pytest.approx(1)


def test_one_score_of_a_billion_decides_nothing():
    chance = random.Random(0)
    trials = []
    for index in range(60):
        values = {"matters": chance.random(), "not": chance.random()}
        trials.append(trial(f"{index:04}", values, values["matters"]))
    trials.append(trial("0060", {"matters": 0.5, "not": 0.999}, 1e9))
    space = [number("matters", 0.0, 1.0), number("not", 0.0, 1.0)]
    assert importances(study_of(search(trials, *space)))["matters"] > 0.8


def test_what_some_trials_do_not_have_is_not_assessed():
    trials = []
    for index in range(20):
        values = {"optimizer": "sgd" if index % 2 else "adam", "rate": index / 20}
        if index % 2:
            values["momentum"] = 0.5 + index / 50
        trials.append(trial(f"{index:04}", values, index / 20))
    space = [choice("optimizer", "sgd", "adam"), number("rate", 0.0, 1.0)]
    space.append(number("momentum", 0.0, 1.0, conditions=[{"name": "optimizer"}]))
    assert set(importances(study_of(search(trials, *space)))) == {"optimizer", "rate"}


def test_the_bars_show_the_importances():
    history = plain(40)
    (bars,) = figures(history)["importances"].data
    drawn = dict(zip(bars.y, bars.x, strict=True))
    assert drawn == pytest.approx(importances(study_of(history)))
