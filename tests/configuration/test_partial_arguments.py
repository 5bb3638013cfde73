"""Arguments of a sweep that only some choices have."""

import pytest

from pipeline.configuration.composition import compose_config, conf_dir
from pipeline.configuration.config import ConfigError
from pipeline.configuration.partial_arguments import for_some_choices

SWEEP = ["-m", "strategy=random,grid,hyperband"]


def test_what_some_choices_have_is_kept_for_them():
    arguments = [*SWEEP, "strategy.max_trials=6", "strategy.max_epochs=3,9", "seed=1"]
    assert for_some_choices(arguments, [conf_dir()]) == [
        *SWEEP,
        "if_known.strategy.max_trials=6",
        "if_known.strategy.max_epochs=3,9",
        "seed=1",
    ]
    given = ["if_known.strategy.max_trials=6", "if_known.strategy.max_epochs=3"]
    assert compose_config(["strategy=grid", *given]).strategy["max_trials"] == 6
    strategy = compose_config(["strategy=hyperband", *given]).strategy
    assert (strategy["max_epochs"], "max_trials" in strategy) == (3, False)
    assert compose_config(given).if_known == {}  # two equal searches have one fingerprint


@pytest.mark.parametrize("swept", ["choice(random, hyperband)", "glob(*)", "glob(*r*a*nd*)"])
def test_hydras_other_sweeps_are_read_too(swept):
    arguments = ["-m", f"strategy={swept}", "strategy.max_trials=6"]
    assert for_some_choices(arguments, [conf_dir()]) == [
        *arguments[:2],
        "if_known.strategy.max_trials=6",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "strategy=glob(r*)", "strategy.max_trials=6"],  # all have it
        ["-m", "strategy=random,grid", "strategy.max_trials=6"],  # all have it
        [*SWEEP, "strategy.trials=6"],  # none has
        ["strategy=hyperband", "strategy.max_trials=6"],  # no sweep over choices
        [*SWEEP, "training.epochs=2", "++strategy.max_trials=6", "model=mlp"],
        ["-m", "model=mlp,absent", "model.units=3"],
    ],
)
def test_everything_else_is_hydras_as_it_is(arguments):
    assert for_some_choices(arguments, [conf_dir()]) == arguments


def test_the_users_own_choices_and_their_defaults_count(tmp_path):
    (tmp_path / "strategy").mkdir()
    (tmp_path / "strategy" / "own.yaml").write_text("defaults:\n  - hyperband\nextra: 1\n")
    folders = [tmp_path, conf_dir()]
    sweep = ["strategy=own,hyperband", "strategy.factor=2", "strategy.extra=2"]
    assert for_some_choices(sweep, folders) == [*sweep[:2], "if_known.strategy.extra=2"]


@pytest.mark.parametrize("given", ["if_known.training.epochs=1", "if_known.strategy=3"])
def test_what_is_no_group_is_refused(given):
    with pytest.raises(ConfigError, match=r"is not known; allowed: if_known\.GROUP\.KEY=VALUE"):
        compose_config([given])
