"""Folders with one sub-folder a class, and what is told of the files in them."""

from collections.abc import Sequence
from pathlib import Path

_NAMED = 10


def class_names(path: Path) -> list[str]:
    """Return the names of the sub-folders that are not hidden, sorted."""
    return sorted(p.name for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))


def left_out(files: Sequence[Path], path: Path, what: str, why: str) -> list[str]:
    """Say that files of a folder are not read; nothing if there are none."""
    if not files:
        return []
    number = f"1 {what}" if len(files) == 1 else f"{len(files)} {what}s"
    return [f"{number} of {path} left out, {why}: {named(files, path)}"]


def named(files: Sequence[Path], path: Path) -> str:
    """Return the names of files relative to a folder, the first few of many."""
    names = ", ".join(str(file.relative_to(path)) for file in files[:_NAMED])
    return names + (f" and {len(files) - _NAMED} more" if len(files) > _NAMED else "")
