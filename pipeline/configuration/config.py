"""The configuration's types, and how a mistake in it is named."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from omegaconf import MISSING

GROUPS = ("dataset", "model", "strategy", "pruner")
"""The groups of which every search has a choice."""


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
    class_weight: Any = MISSING


@dataclass
class Compile:
    """What models are compiled with in place of what their hypermodel says."""

    optimizer: Any = MISSING
    loss: Any = MISSING
    metrics: Any = MISSING


@dataclass
class Final:
    """How the final model is made from the best trial."""

    retrain: bool = MISSING
    epochs: int | None = MISSING
    predictions: bool = MISSING


@dataclass
class Checkpoint:
    """How often the state of a running training is kept."""

    every_seconds: float = MISSING


@dataclass
class Report:
    """How often the report of a running search is renewed."""

    every_seconds: float | None = MISSING


class Grace(Enum):
    """What becomes of the trial that runs when a limit of the budget is reached."""

    finish = "finish"
    stop = "stop"


@dataclass
class Budget:
    """What a search may spend: it ends with whichever comes first."""

    trials: int | None = MISSING
    epochs: int | None = MISSING
    seconds: float | None = MISSING
    seconds_per_trial: float | None = MISSING
    target: float | None = MISSING
    trials_without_progress: int | None = MISSING
    grace: Grace = MISSING


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
    """What the choices of the groups are called; names and tags are made of them."""

    dataset: str = MISSING
    model: str = MISSING
    strategy: str = MISSING
    pruner: str = MISSING


@dataclass
class Choices:
    """Which choice of each group was composed."""

    dataset: str = MISSING
    model: str = MISSING
    strategy: str = MISSING
    pruner: str = MISSING


@dataclass
class Config:
    """Everything the pipeline itself reads; the values stand in conf/config.yaml."""

    name: str = MISSING
    seed: int = MISSING
    objective: Objective = field(default_factory=Objective)
    training: Training = field(default_factory=Training)
    compile: Compile = field(default_factory=Compile)
    callbacks: dict[str, Any] = field(default_factory=dict)
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    first_trials: list[Any] = field(default_factory=list)
    warm_start: Any = MISSING
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
    budget: Budget = field(default_factory=Budget)
    max_seconds: float | None = MISSING
    verbose: int = MISSING
    names: Names = field(default_factory=Names)
    choices: Choices = field(default_factory=Choices)
    dataset: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    strategy: dict[str, Any] = field(default_factory=dict)
    pruner: dict[str, Any] = field(default_factory=dict)
    if_known: dict[str, Any] = field(default_factory=dict)


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
