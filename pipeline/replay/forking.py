"""A fork: a search of its own with one trial, which begins as a trial of another search did."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pipeline.configuration.config import Budget, Config, ConfigError
from pipeline.configuration.recorded import changed_keys, recorded
from pipeline.journal.attempts import Attempt
from pipeline.journal.callbacks import SearchBegin

_STRATEGY = {"_target_": "pipeline.strategies.RandomSearch", "max_trials": 1}
_SECTION = "hyperparameters."


def fork_config(begin: SearchBegin, attempt: Attempt, overrides: Sequence[str]) -> Config:
    """Return the configuration of a search whose only trial is a changed one of another search.

    The trial starts at epoch 0, with fresh weights, also if it had been promoted.

    Args:
        begin: The other search.
        attempt: Its trial.
        overrides: What is changed, as on the command line.

    Returns:
        The typed configuration.

    Raises:
        ConfigError: An override cannot be.
    """
    config = recorded(begin.config, overrides)
    changed = changed_keys(overrides)
    given = {key.removeprefix(_SECTION) for key in changed if key.startswith(_SECTION)}
    given |= set(config.hyperparameters) if "hyperparameters" in changed else set()
    for name in given:
        if isinstance(config.hyperparameters.get(name), Mapping | list):
            raise ConfigError(
                f"hyperparameters.{name} must be one value in a fork, which has one trial; "
                f"received {config.hyperparameters[name]!r}"
            )
    hyperparameters = dict(config.hyperparameters)
    if "training.epochs" not in changed:
        config.training.epochs = attempt.begin.epochs
    elif "epochs" in attempt.hyperparameters and "epochs" not in given:
        hyperparameters["epochs"] = config.training.epochs
    return dataclasses.replace(
        config,
        name=config.name if "name" in changed else f"{config.name}-fork",
        hyperparameters=hyperparameters,
        first_trials=[attempt.hyperparameters],
        warm_start=[],
        budget=_without_limits(config.budget, changed),
        max_seconds=config.max_seconds if "max_seconds" in changed else None,
        strategy=dict(_STRATEGY),
        pruner={"_target_": "pipeline.pruners.NoPruner"},
        names=dataclasses.replace(config.names, strategy="fork", pruner="none"),
    )


def _without_limits(budget: Budget, changed: Collection[str]) -> Budget:
    """Return a budget without the limits that the other search had; one trial is all there is."""
    limits = [one.name for one in dataclasses.fields(budget) if one.name != "grace"]
    others: dict[str, Any] = {name: None for name in limits if f"budget.{name}" not in changed}
    return dataclasses.replace(budget, **others)
