"""How a configuration is composed, and what is said when it cannot be."""

import re
from collections.abc import Sequence
from pathlib import Path

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import (
    HydraException,
    MissingConfigException,
    OverrideParseException,
    SearchPathException,
)
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from pipeline.configuration.config import GROUPS, Config, ConfigError, unknown
from pipeline.configuration.names import name_of, resolve_names
from pipeline.configuration.objectives import check_direction, direction_of
from pipeline.configuration.partial_arguments import apply_known
from pipeline.configuration.rules import check

COMPOSITION_ERRORS = (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError, OSError)
"""What composing a configuration can raise; `explain` says what is wrong."""


# What may be meant by a key that a choice does not have.
_MORE = {"strategy.max_trials": "; budget.trials limits the trials of every strategy"}

# What Hydra and OmegaConf say, and what we say, where no type or attribute tells the same: the
# sentence may use the pattern's groups.
_HYDRA_SENTENCES = {
    r"Cannot find primary config '(?P<value>.+?)'": (
        "--config-name={value} is not known; allowed: config, which is the default"
    ),
    r"Ambiguous value for argument '(?P<value>.+?)' 1\.": (
        "{value} names several values; add -m to search each of them, or write [A,B] for a list"
    ),
}
_OMEGACONF_SENTENCES = {
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
    """Make known to Hydra what `conf/config.yaml` names: the schema and two resolvers."""
    node = OmegaConf.structured(Config)
    # Any hyperparameter may be named on the command line without Hydra's `+`.
    OmegaConf.set_struct(node.hyperparameters, False)
    OmegaConf.set_struct(node.if_known, False)
    ConfigStore.instance().store(name="schema", node=node)
    OmegaConf.register_new_resolver("direction_of", direction_of, replace=True)
    OmegaConf.register_new_resolver("name_of", name_of, replace=True)


def conf_dir() -> Path:
    """Return the folder of our configuration: beside the package, or inside an installed one."""
    package = Path(__file__).parents[1]
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
    if config_dir is not None and not Path(config_dir).is_dir():
        raise ConfigError(f"config_dir must be an existing folder; received {config_dir}")
    try:
        config = _compose(overrides, config_dir)
    except COMPOSITION_ERRORS as error:
        raise ConfigError(explain(error, overrides, config_dir)) from error
    return typed(config)


def compose_defaults() -> DictConfig:
    """Compose what the configuration is where nothing is given, for what is filled into it."""
    config = _compose([], None).copy()
    with open_dict(config):
        config.pop("hydra")
    return config


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
        apply_known(config)
        resolve_names(config)
        result = OmegaConf.to_object(config)
    except OmegaConfBaseException as error:
        raise ConfigError(_omegaconf_sentence(error)) from error
    if not isinstance(result, Config):
        raise ConfigError(
            "the composed configuration lacks the schema; start from conf/config.yaml"
        )
    for group in ("callbacks", "hyperparameters", *GROUPS):
        # What others construct gets plain values: `${objective.direction}` is a string there.
        setattr(
            result, group, OmegaConf.to_container(config[group], resolve=True, enum_to_str=True)
        )
    check(result)
    if result.max_seconds is not None:
        result.budget.seconds = result.max_seconds
    check_direction(result.objective)
    return result


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
    if isinstance(error, MissingConfigException) and error.options is not None:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        return unknown(f"{group}={choice}", error.options, choice)
    if isinstance(error, SearchPathException) and config_dir is not None:
        return f"--config-dir must be an existing folder; received {Path(config_dir).absolute()}"
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
    known = _known_keys(section, overrides, config_dir)
    if key in known:  # of another choice of the sweep
        instead = f"for those that have it: if_known.{cause.full_key}=VALUE"
        return f"{where}{what} is not known to every choice; {instead}"
    more = _MORE.get(str(cause.full_key), "")
    return where + unknown(what, known, key) + more


def _hydra_sentence(error: Exception, overrides: Sequence[str]) -> str:
    """Say what Hydra could not understand, or a file that could not be read."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{mark.name} must be YAML; line {mark.line + 1}: {error.problem}"
    if isinstance(error, MissingConfigException) and error.missing_cfg_file is None:
        return (
            "--config-path leads to no configuration; leave it out, and give the folder of your "
            "own groups with --config-dir=FOLDER"
        )
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
    if isinstance(error, InterpolationResolutionError) and (ours := _raised_by_a_resolver(error)):
        return str(ours)
    first = str(error).splitlines()[0].strip()
    key = str(getattr(error, "full_key", None) or "")
    if isinstance(error, MissingMandatoryValue):
        return f"{key} has no value; give one with {key}=VALUE"
    for pattern, sentence in _OMEGACONF_SENTENCES.items():
        if match := re.search(pattern, first):
            values = match.groupdict()
            kind = values.pop("kind", "").lower()
            return sentence.format(key=key or "it", kind=kind, **values)
    return f"{key}: {first}" if key else first


def _raised_by_a_resolver(error: BaseException) -> ConfigError | None:
    """Return our own error that OmegaConf wraps, once or more often."""
    inner = error.__cause__ or error.__context__
    if inner is None or isinstance(inner, ConfigError):
        return inner
    return _raised_by_a_resolver(inner)


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
    groups = (*GROUPS, "experiment")
    choices = [item for item in overrides if re.fullmatch(rf"({'|'.join(groups)})=\w+", item)]
    try:
        config = _compose(choices, config_dir)
    except (HydraException, OmegaConfBaseException):  # a choice is wrong too: named next time
        config = _compose([], config_dir)
    if not section:
        return [*(str(key) for key in config if key != "hydra"), "experiment"]
    node = OmegaConf.select(config, section)
    return [str(key) for key in node] if isinstance(node, DictConfig) else []
