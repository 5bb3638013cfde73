"""The configuration's types and its cross-field rules."""

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Any

from omegaconf import MISSING


class ConfigError(ValueError):
    """What was asked for cannot be done; the message is one sentence for the person who asked."""


class Direction(Enum):
    """Whether the best objective is the smallest or the largest."""

    min = "min"
    max = "max"


class Precision(Enum):
    """Keras dtype policies for training."""

    float32 = "float32"
    mixed_float16 = "mixed_float16"
    mixed_bfloat16 = "mixed_bfloat16"


class Resume(Enum):
    """What to do with an unfinished search of the same fingerprint."""

    auto = "auto"
    never = "never"
    must = "must"


@dataclass
class Objective:
    """The metric that is optimised, and its direction; neither is ever inferred."""

    name: str = MISSING
    direction: Direction = MISSING
    force: bool = MISSING


@dataclass
class Training:
    """How each trial is trained."""

    epochs: int = MISSING
    batch_size: int = MISSING
    executions_per_trial: int = MISSING
    precision: Precision = MISSING
    verify: int = MISSING


@dataclass
class Final:
    """How the final model is made from the best trial."""

    retrain: bool = MISSING
    epochs: int | None = MISSING


@dataclass
class Checkpoint:
    """How often the state of a running training is kept."""

    every_seconds: float = MISSING


@dataclass
class Report:
    """How often the report of a running search is renewed."""

    every_seconds: float | None = MISSING


@dataclass
class Features:
    """What is kept of what the frozen layers of models give."""

    reuse: bool = MISSING
    max_memory_mb: int = MISSING
    max_disk_mb: int = MISSING
    half_precision: bool = MISSING


@dataclass
class Tracking:
    """Where MLflow keeps the search."""

    uri: str = MISSING
    experiment: str = MISSING
    registered_model: str | None = MISSING


@dataclass
class Names:
    """What the dataset, the model and the strategy are called; names and tags are made of them."""

    dataset: str = MISSING
    model: str = MISSING
    strategy: str = MISSING


@dataclass
class Choices:
    """Which choice of each group was composed."""

    dataset: str = MISSING
    model: str = MISSING
    strategy: str = MISSING


@dataclass
class Config:
    """Everything the pipeline itself reads; the values stand in conf/config.yaml."""

    name: str = MISSING
    seed: int = MISSING
    objective: Objective = field(default_factory=Objective)
    training: Training = field(default_factory=Training)
    callbacks: dict[str, Any] = field(default_factory=dict)
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    final: Final = field(default_factory=Final)
    tracking: Tracking = field(default_factory=Tracking)
    storage: str = MISSING
    resume: Resume = MISSING
    features: Features = field(default_factory=Features)
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    report: Report = field(default_factory=Report)
    keep_best: int = MISSING
    max_failed_trials: int = MISSING
    max_attempts: int | None = MISSING
    max_seconds: float | None = MISSING
    verbose: int = MISSING
    names: Names = field(default_factory=Names)
    choices: Choices = field(default_factory=Choices)
    dataset: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    strategy: dict[str, Any] = field(default_factory=dict)
    if_known: dict[str, Any] = field(default_factory=dict)


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
    "verbose": (0, 2),
    "strategy.max_trials": (1, None),
    "strategy.max_epochs": (1, None),
    "strategy.factor": (2, None),
    "strategy.hyperband_iterations": (1, None),
    "strategy.num_initial_points": (1, None),
}


def check(config: Config) -> None:
    """Check the rules that types cannot state.

    Args:
        config: A typed configuration.

    Raises:
        ConfigError: A rule is broken; the sentence names what was received and what is allowed.
    """
    _check_known(config)
    _check_bounds(config)
    _check_seconds("checkpoint.every_seconds", config.checkpoint.every_seconds, zero=True)
    if config.report.every_seconds is not None:
        _check_seconds("report.every_seconds", config.report.every_seconds, zero=True)
    if config.max_seconds is not None:
        _check_seconds("max_seconds", config.max_seconds, zero=False)
    for group in ("dataset", "model", "strategy"):
        if "_target_" not in getattr(config, group):
            raise ConfigError(
                f"{group}={getattr(config.choices, group)} has no _target_, which must name its "
                "class or function"
            )
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


def unknown(what: str, known: Iterable[str], name: str) -> str:
    """Say that a name is not known, with the nearest known one first.

    Args:
        what: What was received, for example `key 'sead'`.
        known: The names that are allowed.
        name: The name itself.

    Returns:
        One sentence.
    """
    names = sorted(known)
    return f"{what} is not known; {did_you_mean(name, names)}allowed: {', '.join(names) or 'none'}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Ask for the nearest known name, in capitals or not.

    Args:
        name: What was received.
        known: The names that are allowed.

    Returns:
        A question and a space; nothing if none is near.
    """
    by_lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"did you mean {by_lower[close[0]]!r}? " if close else ""


def _check_known(section: Any, prefix: str = "") -> None:
    """Refuse a key that `+KEY=VALUE` added where the schema has none."""
    known = {field.name for field in fields(section)}
    for name, value in vars(section).items():
        if name not in known:
            raise ConfigError(unknown(f"key {prefix + name!r}", known, name))
        if is_dataclass(value):
            _check_known(value, f"{prefix}{name}.")


def _check_bounds(config: Config) -> None:
    for key, (low, high) in _BOUNDS.items():
        section, _, name = key.rpartition(".")
        scope = getattr(config, section) if section else config
        value = scope.get(name) if isinstance(scope, Mapping) else getattr(scope, name)
        if value is not None:
            _check_integer(key, value, low, high)


def _check_callback(name: str, node: Any) -> None:
    if not isinstance(node, Mapping) or "_target_" not in node:
        told = repr(node) if node is not None else f"null; '~callbacks.{name}' leaves it out"
        raise ConfigError(
            f"callbacks.{name} must name a Keras callback by _target_; received {told}"
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
