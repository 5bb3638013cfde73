"""A configuration as a journal has it, typed again, and changed by overrides without Hydra."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from pipeline.configuration.composition import compose_defaults, explain, typed
from pipeline.configuration.config import GROUPS, Config, ConfigError, unknown

_CHOSEN = (*GROUPS, "experiment")
_OPEN = ("hyperparameters",)
"""Sections in which any key may be given without Hydra's `+`."""


def recorded(shown: Mapping[str, Any], overrides: Sequence[str] = ()) -> Config:
    """Return a configuration that a search's journal has.

    Args:
        shown: `SearchBegin.config`; keys that it lacks, as it is of an older version, have their
            defaults.
        overrides: What is changed in it, as on the command line. Groups are not chosen anew.

    Returns:
        The typed configuration.

    Raises:
        ConfigError: An override names no key, or a value is impossible.
    """
    config = compose_defaults()
    for key, value in shown.items():
        if key in config:
            # What others construct is what it was, not what its defaults and it make together.
            section = key not in (*GROUPS, "callbacks") and isinstance(value, Mapping)
            config[key] = OmegaConf.merge(config[key], value) if section else value
    for override in _parsed(overrides):
        try:
            _apply(config, override)
        except OmegaConfBaseException as error:
            raise ConfigError(explain(error, [], None)) from error
    return typed(config)


def changed_keys(overrides: Sequence[str]) -> set[str]:
    """Return the keys that overrides give another value, as `training.epochs`."""
    return {override.key_or_group for override in _parsed(overrides)}


def _parsed(overrides: Sequence[str]) -> Iterator[Override]:
    parser = OverridesParser.create()
    for text in overrides:
        try:
            override = parser.parse_override(text)
        except HydraException as error:
            raise ConfigError(
                f"{text!r} must be KEY=VALUE, quoted as the shell needs it"
            ) from error
        if override.is_sweep_override():
            raise ConfigError(f"{text} names several values; allowed: one, or a list [A,B]")
        if override.key_or_group in _CHOSEN:
            raise ConfigError(
                f"received {text}, but the choice of a group stays as it was; allowed: keys in it, "
                f"such as {override.key_or_group}.KEY=VALUE"
            )
        yield override


def _apply(config: DictConfig, override: Override) -> None:
    section, _, key = override.key_or_group.rpartition(".")
    node = OmegaConf.select(config, section) if section else config
    adds = override.is_add() or override.is_force_add() or section in _OPEN
    if not isinstance(node, DictConfig) or (key not in node and not adds):
        what = f"key {key!r} of {section}" if section else f"key {key!r}"
        known = map(str, node) if isinstance(node, DictConfig) else ()
        raise ConfigError(unknown(what, known, key))
    if override.is_delete():
        with open_dict(node):
            node.pop(key)
    else:
        OmegaConf.update(
            config, override.key_or_group, override.value(), merge=True, force_add=adds
        )
