"""Secrets of an address: taken out of the command line, hidden in each spelling."""

import html
import json
import os

import pytest
import yaml
from omegaconf import OmegaConf

from pipeline.configuration.config import ConfigError
from pipeline.configuration.secrets import handed_over, hidden, hide, kept_from_files

ADDRESS = "http://ada:s%26'p@host:5000/mlflow"
PASSWORD = "s&'p"
KEPT = "${oc.env:MLFLOW_TRACKING_URI}"


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")


@pytest.mark.parametrize(
    ("argument", "kept"),
    [
        (f"tracking.uri={ADDRESS}", f"tracking.uri={KEPT}"),
        (f'++tracking.uri="{ADDRESS}"', f"++tracking.uri={KEPT}"),
        (f"+tracking.uri={ADDRESS}", f"+tracking.uri={KEPT}"),
    ],
)
def test_an_address_with_a_password_is_handed_to_the_environment(argument, kept):
    assert handed_over(["-m", argument, "seed=1"]) == ["-m", kept, "seed=1"]
    assert os.environ["MLFLOW_TRACKING_URI"] == ADDRESS


def test_a_token_that_hydra_cannot_read_is_handed_over_too():
    assert handed_over(["tracking.uri=http://host?token=1"]) == [f"tracking.uri={KEPT}"]
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://host?token=1"


@pytest.mark.parametrize(
    "argument",
    [
        "tracking.uri=http://host:5000",
        "tracking.uri='sqlite:///a@b.db'",
        "tracking={experiment: 'ada@work'}",
        "tracking.experiment=ada@work",
        "tracking.uri=${oc.env:SERVER}",
        "tracking.uri=",
    ],
)
def test_what_is_no_secret_stays(argument):
    assert handed_over([argument]) == [argument]
    assert os.environ["MLFLOW_TRACKING_URI"] == ""


@pytest.mark.parametrize(
    "argument",
    ["tracking.uri=http://b,http://ada:s%26p@a", f'tracking={{uri: "{ADDRESS}"}}'],
)
def test_where_it_cannot_be_taken_out_it_is_refused(argument):
    with pytest.raises(ConfigError, match=r"as one text, tracking\.uri=ADDRESS") as caught:
        handed_over([argument])
    assert "s%26" not in str(caught.value)


def test_it_is_hidden_in_each_spelling():
    text = f"whole {ADDRESS}, {PASSWORD} plain, {html.escape(PASSWORD)} in HTML, s%26%27p in a URL"
    told = {"a": [text, json.dumps(PASSWORD), yaml.safe_dump(PASSWORD)], "b": 3, "c": None}
    shown = hidden(ADDRESS, told)
    assert (
        shown["a"][0] == "whole http://***@host:5000/mlflow, *** plain, *** in HTML, *** in a URL"
    )
    assert "s&" not in str(shown)
    assert (shown["b"], shown["c"]) == (3, None)
    assert hide("http://host", text) == text


def test_a_composed_configuration_keeps_its_address_but_shows_it_nowhere():
    config = OmegaConf.create(
        {"tracking": {"uri": ADDRESS}, "again": ["${tracking.uri}", {"deep": ADDRESS}]}
    )
    kept_from_files(config)
    assert config.tracking.uri == ADDRESS
    assert "s%26" not in OmegaConf.to_yaml(config)
    assert "ada" not in OmegaConf.to_yaml(config)
