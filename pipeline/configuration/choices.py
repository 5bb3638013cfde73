"""What stands in the files of a group's choices, without composing them."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml


def read_choice(group: str, choice: str, folders: Sequence[Path]) -> dict[str, Any] | None:
    """Return what a choice's file says, and under it what those say that it names as its defaults.

    Args:
        group: Such as `model`.
        choice: The file's name.
        folders: Where the files are, the first one found counts.

    Returns:
        Values by their keys, those of the file before those of its defaults; None without a file.
    """
    files = (folder / group / f"{choice}.yaml" for folder in folders)
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        return None
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(content, Mapping):
        return {}
    values: dict[str, Any] = {}
    for one in content.get("defaults") or ():
        if isinstance(one, str) and one not in ("_self_", choice):
            values |= read_choice(group, one, folders) or {}
    return values | {str(key): value for key, value in content.items() if key != "defaults"}


def matching(group: str, pattern: str, folders: Sequence[Path]) -> list[str]:
    """Return the choices of a group whose names match a pattern, as Hydra's `glob(*)`.

    Args:
        group: Such as `model`.
        pattern: With `*` and `?`.
        folders: As of `read_choice`.
    """
    files = (file for folder in folders for file in (folder / group).glob("*.yaml"))
    return sorted({file.stem for file in files if fnmatch(file.stem, pattern)})
