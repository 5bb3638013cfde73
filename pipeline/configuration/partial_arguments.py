"""Arguments of a sweep that only some choices of a group have.

Hydra applies an override to every job and refuses it where the key is missing, so that
`-m strategy=random,hyperband strategy.max_trials=6` could not be said. Such an argument becomes
one of the section `if_known`, which holds wherever the composed choice has the key.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from pipeline.configuration.choices import matching, read_choice
from pipeline.configuration.config import GROUPS, ConfigError

SECTION = "if_known"
_SWEPT = re.compile(rf"({'|'.join(GROUPS)})=(?:choice\()?([\w/-]+(?:,\s*[\w/-]+)+)\)?")
_GLOB = re.compile(rf"({'|'.join(GROUPS)})=glob\(([^,()]+)\)")
_ARGUMENT = re.compile(rf"({'|'.join(GROUPS)})\.(\w+)[\w.]*=")


def for_some_choices(arguments: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """Let an argument hold for those choices of a sweep that have it.

    Args:
        arguments: The command line's.
        folders: Where the files of the choices are, the first found counts.

    Returns:
        The same, with arguments that some choices have, but not all, in the section `if_known`.
    """
    swept = [match for item in arguments if (match := _SWEPT.fullmatch(item))]
    choices = {match[1]: re.split(r",\s*", match[2]) for match in swept}
    globs = [match for item in arguments if (match := _GLOB.fullmatch(item))]
    choices |= {match[1]: matching(match[1], match[2], folders) for match in globs}
    return [_for_some(item, choices, folders) for item in arguments]


def apply_known(config: DictConfig) -> None:
    """Set the arguments of `if_known` in the groups whose composed choice has them.

    Args:
        config: A composed configuration; the section is empty afterwards.

    Raises:
        ConfigError: The section names what is no group.
    """
    given = OmegaConf.to_container(config[SECTION]) if SECTION in config else {}
    assert isinstance(given, dict)
    for group, values in given.items():
        if not isinstance(group, str) or group not in GROUPS or not isinstance(values, Mapping):
            raise ConfigError(
                f"{SECTION}.{group!s} is not known; allowed: {SECTION}.GROUP.KEY=VALUE with the "
                f"groups {', '.join(GROUPS)}"
            )
        for key, value in values.items():
            if key in config[group]:
                OmegaConf.update(config, f"{group}.{key}", value, merge=True)
    if given:
        config[SECTION] = {}


def _for_some(argument: str, choices: Mapping[str, list[str]], folders: Sequence[Path]) -> str:
    match = _ARGUMENT.match(argument)
    if match is None or match[1] not in choices:
        return argument
    group, key = match.groups()
    have = [key in (read_choice(group, choice, folders) or ()) for choice in choices[group]]
    return f"{SECTION}.{argument}" if any(have) and not all(have) else argument
