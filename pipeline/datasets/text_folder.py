"""A folder of texts, one sub-folder a class, as arrays."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.datasets.class_folders import class_names, left_out, named
from pipeline.datasets.rows import Array

_SUFFIX = ".txt"


def read_texts(path: Path) -> tuple[Array, Array, tuple[str, ...]]:
    """Read the `.txt` files at any depth of each sub-folder that is not hidden, in their order.

    Args:
        path: The folder.

    Returns:
        The texts, `(n,)` Python strings; the class indices, `(n,)` int64; the sub-folders' names,
        sorted.

    Raises:
        ValueError: The folder has fewer than two sub-folders, one of them has no text, or files
            are not in UTF-8; all of these are told at once.
    """
    classes = class_names(path)
    if len(classes) < 2:
        received = f"only {classes[0]!r}" if classes else "none"
        raise ValueError(
            f"{path} must have one sub-folder of {_SUFFIX} files for each of at least two classes, "
            f"found {received}"
        )
    found = [_texts_of(path / name) for name in classes]
    if empty := [name for name, files in zip(classes, found, strict=True) if not files]:
        raise ValueError(
            f"each sub-folder of {path} must hold {_SUFFIX} files, found none in {empty}"
        )
    x = np.array(_decoded([file for files in found for file in files], path), dtype=object)
    y = np.repeat(np.arange(len(classes), dtype=np.int64), [len(files) for files in found])
    return x, y, tuple(classes)


def unread(path: Path) -> tuple[str, ...]:
    """Say in a sentence, if there is something to say, which files `read_texts` does not read."""
    every = (file for file in sorted(path.rglob("*")) if file.is_file())
    others = [f for f in every if not _is_hidden(f, path) and not _is_text_of_a_class(f, path)]
    return tuple(left_out(others, path, "file", f"no {_SUFFIX} in a class's folder"))


def _texts_of(folder: Path) -> list[Path]:
    every = (file for file in sorted(folder.rglob(f"*{_SUFFIX}")) if file.is_file())
    return [file for file in every if not _is_hidden(file, folder)]


def _is_text_of_a_class(file: Path, path: Path) -> bool:
    return file.suffix == _SUFFIX and file.parent != path


def _is_hidden(file: Path, path: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(path).parts)


def _decoded(files: Sequence[Path], path: Path) -> list[str]:
    texts, bad = [], []
    for file in files:
        try:
            texts.append(file.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            bad.append(file)
    if bad:
        raise ValueError(
            f"{len(bad)} of the {len(files)} files in {path} are no text in UTF-8, convert or "
            f"remove them: {named(bad, path)}"
        )
    return texts
