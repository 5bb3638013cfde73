"""The rules of a configuration that its types cannot state."""

import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from omegaconf import MISSING

from pipeline.configuration.config import GROUPS, Config, ConfigError, unknown

# Inclusive bounds of integers. The strategies' own are here too, so that a wrong one is answered
# before Keras is imported.
_BOUNDS: dict[str, tuple[int, int | None]] = {
    "training.epochs": (1, None),
    "training.batch_size": (1, None),
    "training.executions_per_trial": (1, None),
    "training.verify": (0, None),
    "final.epochs": (1, None),
    "features.max_memory_mb": (0, None),
    "features.max_disk_mb": (0, None),
    "max_failed_trials": (1, None),
    "max_attempts": (1, None),
    "keep_best": (1, None),
    "budget.trials": (1, None),
    "budget.epochs": (1, None),
    "budget.trials_without_progress": (1, None),
    "verbose": (0, 2),
    "strategy.max_trials": (1, None),
    "strategy.max_epochs": (1, None),
    "strategy.factor": (2, None),
    "strategy.hyperband_iterations": (1, None),
    "strategy.num_initial_points": (1, None),
}


# The strategies' switches likewise.
_SWITCHES = ("tune_new_entries", "allow_new_entries")


def check(config: Config) -> None:
    """Check the rules that types cannot state.

    Args:
        config: A typed configuration.

    Raises:
        ConfigError: A rule is broken; the sentence names what was received and what is allowed.
    """
    _check_known(config)
    _check_given(config)
    _check_bounds(config)
    for name in _SWITCHES:
        if not isinstance(value := config.strategy.get(name, True), bool):
            raise ConfigError(f"strategy.{name} must be true or false; received {value!r}")
    _check_seconds("checkpoint.every_seconds", config.checkpoint.every_seconds, zero=True)
    if config.report.every_seconds is not None:
        _check_seconds("report.every_seconds", config.report.every_seconds, zero=True)
    for key in ("max_seconds", "budget.seconds", "budget.seconds_per_trial"):
        seconds = _value(config, key)
        if seconds is not None:
            _check_seconds(key, seconds, zero=False)
    _check_budget(config)
    _check_beginning(config)
    for group in GROUPS:
        _check_target(group, getattr(config.choices, group), getattr(config, group))
    for name, node in config.callbacks.items():
        _check_callback(name, node)
    check_names(config)


def check_names(config: Config) -> None:
    """Check what a search, its experiment and its model are called.

    Args:
        config: A typed configuration.

    Raises:
        ConfigError: A name is empty, or has a character that stands for something else.
    """
    for key in ("objective.name", "storage", "tracking.uri", "tracking.experiment"):
        section, _, name = key.rpartition(".")
        if not getattr(getattr(config, section) if section else config, name).strip():
            raise ConfigError(f"{key} must not be empty")
    _check_name("name", config.name, r"[/\\:\0]", "/ \\ or :")
    if config.tracking.registered_model is not None:
        _check_name(
            "tracking.registered_model", config.tracking.registered_model, r"[/:]", "/ or :"
        )


def _check_known(section: Any, prefix: str = "") -> None:
    """Refuse a key that `+KEY=VALUE` added where the schema has none."""
    known = {field.name for field in fields(section)}
    for name, value in vars(section).items():
        if name not in known:
            raise ConfigError(unknown(f"key {prefix + name!r}", known, name))
        if is_dataclass(value):
            _check_known(value, f"{prefix}{name}.")


def _check_given(section: Any, prefix: str = "") -> None:
    """Refuse a key that `~KEY` has taken away: what is left of it is no value."""
    for name, value in vars(section).items():
        if value == MISSING:
            raise ConfigError(
                f"{prefix}{name} has no value; give one with {prefix}{name}=VALUE instead of ~KEY"
            )
        if is_dataclass(value):
            _check_given(value, f"{prefix}{name}.")


def _check_target(group: str, choice: str, node: Mapping[str, Any]) -> None:
    if "_target_" not in node:
        raise ConfigError(
            f"{group}={choice} has no _target_, which must name its class or function"
        )
    if not isinstance(node["_target_"], str) or not node["_target_"]:
        raise ConfigError(
            f"{group}._target_ must be the dotted name of a class or function; "
            f"received {node['_target_']!r}"
        )


def _check_bounds(config: Config) -> None:
    for key, (low, high) in _BOUNDS.items():
        if (value := _value(config, key)) is not None:
            _check_integer(key, value, low, high)


def _value(config: Config, key: str) -> Any:
    section, _, name = key.rpartition(".")
    scope = getattr(config, section) if section else config
    return scope.get(name) if isinstance(scope, Mapping) else getattr(scope, name)


def _check_budget(config: Config) -> None:
    target = config.budget.target
    if target is not None and not math.isfinite(target):
        raise ConfigError(f"budget.target must be a finite number; received {target!r}")
    if config.max_seconds is not None and config.budget.seconds not in (None, config.max_seconds):
        raise ConfigError(
            "max_seconds is the old name of budget.seconds: give one of them; received "
            f"max_seconds={config.max_seconds:g} and budget.seconds={config.budget.seconds:g}"
        )


def _check_callback(name: str, node: Any) -> None:
    if not isinstance(node, Mapping) or "_target_" not in node:
        told = repr(node) if node is not None else f"null; '~callbacks.{name}' leaves it out"
        raise ConfigError(
            f"callbacks.{name} must name a Keras callback by _target_; received {told}"
        )


def _check_beginning(config: Config) -> None:
    for number, given in enumerate(config.first_trials):
        if not isinstance(given, Mapping) or not given:
            raise ConfigError(
                f"first_trials.{number} must be hyperparameters with their values, such as "
                f"{{units: 64}}; received {given!r}"
            )
    places = config.warm_start
    if places != "auto" and not (
        isinstance(places, list) and all(isinstance(place, str) for place in places)
    ):
        raise ConfigError(
            "warm_start must be auto, or a list of folders of searches and ids of their runs in "
            f"MLflow; received {places!r}"
        )


def _check_name(key: str, value: str, forbidden: str, shown: str) -> None:
    if not value.strip() or re.search(forbidden, value):
        raise ConfigError(f"{key} must be a name without {shown}; received {value!r}")


def _check_integer(key: str, value: Any, low: int, high: int | None) -> None:
    allowed = f"an integer from {low} to {high}" if high is not None else f"an integer >= {low}"
    good = isinstance(value, int) and not isinstance(value, bool)
    if not good or value < low or (high is not None and value > high):
        raise ConfigError(f"{key} must be {allowed}; received {value!r}")


def _check_seconds(key: str, value: float, *, zero: bool) -> None:
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        allowed = "a number of seconds, 0 or more" if zero else "a number of seconds above 0"
        raise ConfigError(f"{key} must be {allowed}; received {value!r}")
