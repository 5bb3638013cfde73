"""The names that users import and configurations name, whichever file is behind them."""

import importlib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
LOADERS = sorted(path.stem for path in ROOT.glob("conf/dataset/*.yaml"))
NAMES = [
    "pipeline.load_search",
    "pipeline.run_search",
    "pipeline.search.run_search",
    "pipeline.datasets.Dataset",
    "pipeline.datasets.Split",
    "pipeline.datasets.Stream",
    *(f"pipeline.datasets.{loader}" for loader in LOADERS),
    "pipeline.hypermodels.CNN",
    "pipeline.hypermodels.MLP",
    "pipeline.hypermodels.Sequence",
    "pipeline.hypermodels.Text",
    "pipeline.hypermodels.Transfer",
    "pipeline.preprocessing.ImageScaling",
    "pipeline.preprocessing.NamedInputs",
    "pipeline.preprocessing.Preprocessing",
    "pipeline.preprocessing.Standardization",
    "pipeline.preprocessing.TableEncoding",
    "pipeline.preprocessing.TextEncoding",
    "pipeline.preprocessing.WindowScaling",
    "pipeline.strategies.Auto",
    "pipeline.strategies.BayesianOptimization",
    "pipeline.strategies.CMAES",
    "pipeline.strategies.GP",
    "pipeline.strategies.GridSearch",
    "pipeline.strategies.Hyperband",
    "pipeline.strategies.Oracle",
    "pipeline.strategies.QMC",
    "pipeline.strategies.RandomSearch",
    "pipeline.strategies.TPE",
]


def targets(value: object) -> list[str]:
    """Return all that a part of a configuration names to be called."""
    if isinstance(value, list):
        return [target for item in value for target in targets(item)]
    if not isinstance(value, dict):
        return []
    own = [value["_target_"]] if "_target_" in value else []
    return own + [target for item in value.values() for target in targets(item)]


CONFIGURED = {
    path: targets(yaml.safe_load(path.read_text(encoding="utf-8")))
    for path in sorted(ROOT.glob("conf/**/*.yaml"))
}


def named(path: str) -> object:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def test_there_are_twelve_loaders():
    assert len(LOADERS) == 12


@pytest.mark.parametrize("path", NAMES)
def test_a_public_name_can_be_imported(path):
    assert callable(named(path))


@pytest.mark.parametrize("path", NAMES)
def test_no_module_takes_the_place_of_a_public_name(path):
    """A module that is imported later replaces what its package had by the same name."""
    place = ROOT.joinpath(*path.split("."))
    assert not place.with_suffix(".py").exists()
    assert not place.is_dir()


@pytest.mark.parametrize("path", sorted({t for found in CONFIGURED.values() for t in found}))
def test_what_the_configuration_names_can_be_called(path):
    assert callable(named(path))


@pytest.mark.parametrize("loader", LOADERS)
def test_a_dataset_is_made_by_the_loader_of_its_name(loader):
    assert CONFIGURED[ROOT / "conf" / "dataset" / f"{loader}.yaml"] == [
        f"pipeline.datasets.{loader}"
    ]
