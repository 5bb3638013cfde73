"""A folder of images whose labels stand in a table."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.configuration.config import did_you_mean
from pipeline.datasets.class_folders import left_out
from pipeline.datasets.image_files import FORMATS, FolderFiles
from pipeline.datasets.labelled_images import LabelledImages
from pipeline.datasets.rows import Array
from pipeline.datasets.table_file import open_table
from pipeline.datasets.table_targets import read_targets
from pipeline.datasets.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

_NAMED = 10


def by_table(
    path: Path,
    labels: Path,
    *,
    file: str,
    target: str | Sequence[str],
    label_separator: str | None,
    task: Task | None,
) -> LabelledImages:
    """Return the images under a folder that a table names, with their targets from there.

    Args:
        path: The folder.
        labels: A table with a row an image, as `open_table` takes it.
        file: Its column of the images' paths relative to the folder, with or without their endings.
        target: Its column of classes or numbers; or a list of columns: labels if all of their
            values are 0 or 1, numbers otherwise.
        label_separator: What stands between the labels of an image in the one target column; None
            if it does not hold several.
        task: `classification`, `multilabel`, `regression`, or None to infer it as
            `pipeline.datasets.table_targets` does.

    Returns:
        The images in the table's order. Those that it does not name are left out, and told.

    Raises:
        FileNotFoundError: There is no such table.
        ValueError: The table lacks columns, names images that are not there or twice, or has other
            targets than the task.
    """
    columns = [target] if isinstance(target, str) else list(target)
    if label_separator is not None and (not label_separator or len(columns) != 1):
        raise ValueError(
            "label_separator is a text that parts the labels in one target column, received "
            f"{label_separator!r} for {columns}"
        )
    table = _read(labels, [file, *columns])
    found = FolderFiles.of(path)
    files = _files(found, [str(name) for name in table[file]], labels)
    wanted = set(files)
    unnamed = [one for one in found.images if one not in wanted]
    others = [one for one in found.others if one != labels]
    task, y, classes = _targets(table[columns], label_separator, task)
    return LabelledImages(
        files=files,
        task=task,
        y=y,
        classes=classes,
        targets=tuple(columns) if task == "regression" and len(columns) > 1 else (),
        notes=(
            *left_out(unnamed, path, "image", f"not in {labels.name}"),
            *left_out(others, path, "file", f"none of {', '.join(FORMATS)}"),
        ),
    )


def _read(path: Path, columns: Sequence[str]) -> "pd.DataFrame":
    if not path.is_file():
        raise FileNotFoundError(f"labels must be an existing table; there is none at {path}")
    table = open_table(path, None)
    known = table.columns
    if missing := [name for name in columns if name not in known]:
        meant = did_you_mean(str(missing[0]), known)
        raise ValueError(
            f"{path} has no columns {missing}; {meant}it has {known}: name its column of images "
            "with file and that of their labels with target"
        )
    return table.read([*dict.fromkeys(columns)], as_text=columns)


def _files(found: FolderFiles, names: Sequence[str], labels: Path) -> tuple[Path, ...]:
    """Return the images that a table names, in its order."""
    by_name: dict[str, list[Path]] = {}
    for image in found.images:
        relative = image.relative_to(found.path)
        for name in {relative.as_posix(), relative.with_suffix("").as_posix()}:
            by_name.setdefault(name, []).append(image)
    where = f"of the {len(names)} rows of {labels} on images in {found.path}"
    _refuse([name for name in names if name not in by_name], "name none", where)
    _refuse([name for name in names if len(by_name[name]) > 1], "name several", where)
    files = tuple(by_name[name][0] for name in names)
    counts = Counter(files)
    twice = [name for name, image in zip(names, files, strict=True) if counts[image] > 1]
    _refuse(twice, "name one that another row names too", where)
    return files


def _refuse(names: Sequence[str], why: str, where: str) -> None:
    if names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        raise ValueError(f"{where}, {len(names)} {why}: {', '.join(names[:_NAMED])}{more}")


def _targets(
    table: "pd.DataFrame", separator: str | None, task: Task | None
) -> tuple[Task, Array, tuple[str, ...]]:
    if separator is not None:
        return _separated(table.iloc[:, 0], separator, task)
    read = read_targets(table, task)
    return read.task, read.y, read.classes


def _separated(
    column: Any, separator: str, task: Task | None
) -> tuple[Task, Array, tuple[str, ...]]:
    if task not in (None, "multilabel"):
        raise ValueError(f"label_separator makes several labels of a text, and the task is {task}")
    given = [{part.strip() for part in text.split(separator)} - {""} for text in column]
    labels = sorted(set().union(*given))
    y = np.array([[name in names for name in labels] for names in given], dtype=np.float32)
    return "multilabel", y, tuple(labels)
