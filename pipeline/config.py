"""The configuration's types, its cross-field rules, and how it is composed."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, OverrideParseException
from omegaconf import MISSING, DictConfig, OmegaConf, open_dict
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

COMPOSITION_ERRORS = (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError, OSError)
"""What composing a configuration can raise; `explain` says what is wrong."""


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


@dataclass
class Training:
    """How each trial is trained."""

    epochs: int = MISSING
    batch_size: int = MISSING
    executions_per_trial: int = MISSING
    precision: Precision = MISSING


@dataclass
class Final:
    """How the final model is made from the best trial."""

    retrain: bool = MISSING
    epochs: int | None = MISSING


@dataclass
class Tracking:
    """Where MLflow keeps the search."""

    uri: str = MISSING
    experiment: str = MISSING
    registered_model: str | None = MISSING


@dataclass
class Choices:
    """Which choice of each group was composed; names and tags are made of them."""

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
    max_failed_trials: int = MISSING
    max_attempts: int = MISSING
    verbose: int = MISSING
    choices: Choices = field(default_factory=Choices)
    dataset: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    strategy: dict[str, Any] = field(default_factory=dict)


# Inclusive bounds of integers. The strategies' own are here too, so that a wrong one is answered
# before Keras is imported.
_BOUNDS: dict[str, tuple[int, int | None]] = {
    "training.epochs": (1, None),
    "training.batch_size": (1, None),
    "training.executions_per_trial": (1, None),
    "final.epochs": (1, None),
    "max_failed_trials": (1, None),
    "max_attempts": (1, None),
    "verbose": (0, 2),
    "strategy.max_trials": (1, None),
    "strategy.max_epochs": (1, None),
    "strategy.factor": (2, None),
    "strategy.hyperband_iterations": (1, None),
    "strategy.num_initial_points": (1, None),
}


# What Hydra and OmegaConf say, and what we say: the sentence may use the pattern's groups.
_HYDRA_SENTENCES = {
    r"Additional config directory '(?P<value>.+)' not found": (
        "--config-dir must be an existing folder; received {value}"
    ),
    r"Cannot find primary config '(?P<value>.+?)'": (
        "--config-name={value} is not known; allowed: config, which is the default"
    ),
    r"Primary config (?:module|directory)": (
        "--config-path leads to no configuration; leave it out, and give the folder of your own "
        "groups with --config-dir=FOLDER"
    ),
    r"Ambiguous value for argument '(?P<value>.+?)' 1\.": (
        "{value} names several values; add -m to search each of them, or write [A,B] for a list"
    ),
}
_OMEGACONF_SENTENCES = {
    r"Missing mandatory value": "{key} has no value; give one with {key}=VALUE",
    r"Value '(?P<value>.*)' of type .* could not be converted to (?P<kind>\w+)": (
        "{key} must be of type {kind}; received {value!r}"
    ),
    r"Value '(?P<value>.*)' is not a valid bool": "{key} must be true or false; received {value!r}",
    r"is not Optional": "{key} must have a value; received null",
    r"Invalid type assigned: .* value: (?P<value>.*)": (
        "{key} is a section with keys of its own; received {value}"
    ),
    r"Cannot assign (?P<kind>\w+) to Dict": (
        "{key} must be a mapping from names to values; received a value of type {kind}"
    ),
    r"Cannot merge DictConfig with ListConfig": (
        "{key} must be a mapping from names to values; received a list"
    ),
    r"does not support deletion": "{key} cannot be removed; give it a value with {key}=VALUE",
}


def register_schema() -> None:
    """Make the schema known to Hydra; `conf/config.yaml` names it in its defaults list."""
    node = OmegaConf.structured(Config)
    # Any hyperparameter may be named on the command line without Hydra's `+`.
    OmegaConf.set_struct(node.hyperparameters, False)
    ConfigStore.instance().store(name="schema", node=node)


def conf_dir() -> Path:
    """Return the folder of our configuration: beside the package, or inside an installed one."""
    package = Path(__file__).parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


def compose_config(overrides: Sequence[str] = (), config_dir: str | None = None) -> Config:
    """Compose a configuration without the command line, for notebooks and tests.

    Args:
        overrides: As on the command line, for example `["strategy=hyperband", "seed=1"]`.
        config_dir: A folder with groups of your own.

    Returns:
        The typed configuration.

    Raises:
        ConfigError: A value is missing, unknown or impossible.

    Example:
        >>> compose_config(["strategy=grid", "training.epochs=3"]).training.epochs
        3
    """
    try:
        config = _compose(overrides, config_dir)
    except COMPOSITION_ERRORS as error:
        raise ConfigError(explain(error, overrides, config_dir)) from error
    return typed(config)


def typed(config: DictConfig) -> Config:
    """Turn a composed configuration into its typed form, and check it.

    Args:
        config: What Hydra composed.

    Returns:
        The typed configuration, all interpolations resolved.

    Raises:
        ConfigError: A value is missing, unknown or impossible.
    """
    config = config.copy()
    with open_dict(config):
        config.pop("hydra", None)
    try:
        result = OmegaConf.to_object(config)
    except OmegaConfBaseException as error:
        raise ConfigError(_omegaconf_sentence(error)) from error
    if not isinstance(result, Config):
        raise ConfigError(
            "the composed configuration lacks the schema; start from conf/config.yaml"
        )
    for group in ("callbacks", "hyperparameters", "dataset", "model", "strategy"):
        # What others construct gets plain values: `${objective.direction}` is a string there.
        setattr(
            result, group, OmegaConf.to_container(config[group], resolve=True, enum_to_str=True)
        )
    _check_known(result)
    check(result)
    return result


def check(config: Config) -> None:
    """Check the rules that types cannot state.

    Args:
        config: A typed configuration.

    Raises:
        ConfigError: A rule is broken; the sentence names what was received and what is allowed.
    """
    _check_bounds(config)
    for group in ("dataset", "model", "strategy"):
        if "_target_" not in getattr(config, group):
            raise ConfigError(
                f"{group}={getattr(config.choices, group)} has no _target_, which must name its "
                "class or function"
            )
    for name, node in config.callbacks.items():
        if not isinstance(node, Mapping) or "_target_" not in node:
            raise ConfigError(
                f"callbacks.{name} must name a Keras callback by _target_; received {node!r}"
            )
    for key in ("objective.name", "storage", "tracking.uri", "tracking.experiment"):
        section, _, name = key.rpartition(".")
        if not getattr(getattr(config, section) if section else config, name).strip():
            raise ConfigError(f"{key} must not be empty")
    _check_name("name", config.name, r"[/\\:\0]", "/ \\ or :")
    if config.tracking.registered_model is not None:
        _check_name(
            "tracking.registered_model", config.tracking.registered_model, r"[/:]", "/ or :"
        )


def explain(error: Exception, overrides: Sequence[str], config_dir: str | None) -> str:
    """Say in one sentence what is wrong with a configuration that Hydra could not compose.

    Args:
        error: What Hydra or OmegaConf raised.
        overrides: The command line's overrides.
        config_dir: The `--config-dir` it gave, if any.

    Returns:
        The sentence: what was received, and what is allowed.
    """
    text = str(error)
    if match := re.search(r"Could not find '([^']+)'", text):
        group, _, choice = match[1].rpartition("/")
        known = re.findall(r"^\t(?!provider=)(\S+)$", text, flags=re.MULTILINE)
        return unknown(f"{group}={choice}" if group else choice, known, choice)
    if (match := re.search(r"Could not override '([^'@]+)", text)) and "No match in" in text:
        return unknown(f"group {match[1]!r}", _known_keys("", overrides, config_dir), match[1])
    file = match[1] if (match := re.match(r"In '(.+)': \w+ raised while comp", text)) else None
    cause = error.__context__ if file else error.__cause__ or error
    if not isinstance(cause, OmegaConfBaseException):
        return _hydra_sentence(error, overrides)
    where = f"{file}: " if file else ""
    if not isinstance(cause, ConfigKeyError | ConfigAttributeError):
        return where + _omegaconf_sentence(cause)
    section, _, key = str(cause.full_key).rpartition(".")
    if file and file.startswith(f"{cause.full_key}/"):
        return f"{file} must begin with the line '# @package _global_', so that its keys are ours"
    what = f"key {key!r} of {section}" if section else f"key {key!r}"
    return where + unknown(what, _known_keys(section, overrides, config_dir), key)


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
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{what} is not known; {hint}allowed: {', '.join(names) or 'none'}"


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


def _check_name(key: str, value: str, forbidden: str, shown: str) -> None:
    if not value.strip() or re.search(forbidden, value):
        raise ConfigError(f"{key} must be a name without {shown}; received {value!r}")


def _check_integer(key: str, value: Any, low: int, high: int | None) -> None:
    allowed = f"an integer from {low} to {high}" if high is not None else f"an integer >= {low}"
    good = isinstance(value, int) and not isinstance(value, bool)
    if not good or value < low or (high is not None and value > high):
        raise ConfigError(f"{key} must be {allowed}; received {value!r}")


def _hydra_sentence(error: Exception, overrides: Sequence[str]) -> str:
    """Say what Hydra could not understand, or a file that could not be read."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{mark.name} must be YAML; line {mark.line + 1}: {error.problem}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be read or written: {error.strerror}"
    text = " ".join(str(error).split())
    if "Invalid loaded object type" in text:
        return f"a file of --config-dir must hold keys with values; {text}"
    if "group override must be a string" in text:
        wrong = [item for item in overrides if re.fullmatch(r"\w*=(null|true|false|[\d.]+)", item)]
        return f"a group takes the name of a choice, as in model=mlp; received {', '.join(wrong)}"
    if isinstance(error, OverrideParseException):
        reason = text.removeprefix(f"Error parsing override '{error.override}' ")
        reason = reason.partition(" See https:")[0]
        return f"{error.override!r} must be KEY=VALUE, quoted as the shell needs it ({reason})"
    for pattern, sentence in _HYDRA_SENTENCES.items():
        if match := re.search(pattern, text):
            return sentence.format(**match.groupdict())
    return text or type(error).__name__


def _omegaconf_sentence(error: OmegaConfBaseException) -> str:
    """Say what is wrong with one value, in our words where OmegaConf's are about its types."""
    first = str(error).splitlines()[0].strip()
    key = str(getattr(error, "full_key", None) or "")
    if key.startswith("choices.") and "Incompatible value 'None'" in first:
        group = key.partition(".")[2]
        return f"{group} must be one choice, {group}=NAME; to search several: -m {group}=A,B"
    for pattern, sentence in _OMEGACONF_SENTENCES.items():
        if match := re.search(pattern, first):
            values = match.groupdict()
            kind = values.pop("kind", "").lower()
            return sentence.format(key=key or "it", kind=kind, **values)
    return f"{key}: {first}" if key else first


def _compose(overrides: Sequence[str], config_dir: str | None) -> DictConfig:
    register_schema()
    GlobalHydra.instance().clear()
    arguments = list(overrides)
    if config_dir is not None:
        arguments.append(f"hydra.searchpath=[file://{Path(config_dir).resolve()}]")
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose("config", arguments, return_hydra_config=True)
        HydraConfig.instance().set_config(config)
    return config


def _known_keys(section: str, overrides: Sequence[str], config_dir: str | None) -> list[str]:
    """Return the keys of a section, from a composition of the group choices alone."""
    groups = ("dataset", "model", "strategy", "experiment")
    choices = [item for item in overrides if re.fullmatch(rf"({'|'.join(groups)})=\w+", item)]
    try:
        config = _compose(choices, config_dir)
    except (HydraException, OmegaConfBaseException):  # a choice is wrong too: named next time
        config = _compose([], config_dir)
    if not section:
        return [*(str(key) for key in config if key != "hydra"), "experiment"]
    node = OmegaConf.select(config, section)
    return [str(key) for key in node] if isinstance(node, DictConfig) else []
