"""The choices of the group `pruner` are the classes, with all their defaults."""

import inspect
from pathlib import Path

import pytest
import yaml

from pipeline import pruners

FOLDER = Path(__file__).parents[2] / "conf" / "pruner"
CHOICES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}
OFFERED = {"direction", "max_epochs", "seed"}


@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_states_every_default(choice):
    told = dict(CHOICES[choice])
    path, _, name = told.pop("_target_").rpartition(".")
    assert path == "pipeline.pruners"
    arguments = inspect.signature(getattr(pruners, name)).parameters
    assert told == {
        argument: parameter.default
        for argument, parameter in arguments.items()
        if argument not in OFFERED
    }
    first = (FOLDER / f"{choice}.yaml").read_text().splitlines()[0]
    assert first == f"# python -m pipeline pruner={choice}"


def test_every_pruner_can_be_chosen():
    chosen = {told["_target_"].rpartition(".")[2] for told in CHOICES.values()}
    assert chosen == set(pruners.__all__) - {"Curve", "Pruner"}
