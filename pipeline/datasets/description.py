"""What was read from a table, in lines that show what was taken for what."""

from collections.abc import Mapping

import numpy as np

from pipeline.datasets.dataset import Dataset
from pipeline.datasets.splits import Array

_MOST_CLASSES = 10
_NEARLY_ALL = 0.5  # of the rows have a text of their own: no categories that repeat


def describe_table(dataset: Dataset) -> list[str]:
    """Say what a table's columns and target were taken for.

    Args:
        dataset: Any dataset.

    Returns:
        Lines with the target, the columns of numbers and of categories, how many values are
        missing, and the columns of texts that hardly repeat; none for what is no table.
    """
    splits = (dataset.train, dataset.validation, dataset.test)
    tables = [split.x for split in splits if isinstance(split.x, Mapping)]
    if len(tables) < len(splits):
        return []
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    numbers = {name: column for name, column in columns.items() if column.dtype != object}
    texts = {name: column for name, column in columns.items() if column.dtype == object}
    target = _target(np.concatenate([split.y for split in splits]), dataset.classes)
    kinds = {
        "numbers": [f"{name}{_absent(np.isnan(column))}" for name, column in numbers.items()],
        "categories": [
            f"{name} ({len(set(column) - {''})}){_absent(column == '')}"
            for name, column in texts.items()
        ],
    }
    rows = sum(len(split) for split in splits)
    return [
        f"{rows} rows of {dataset.source}: {dataset.task}, {target}",
        *(f"{kind}: {', '.join(told)}" for kind, told in kinds.items() if told),
        *_hardly_repeating(texts, rows),
    ]


def _target(y: Array, classes: tuple[str, ...]) -> str:
    if not classes:
        return f"targets from {y.min():.6g} to {y.max():.6g}"
    counts = np.bincount(y, minlength=len(classes))
    named = [f"{name} {count}" for name, count in zip(classes, counts, strict=True)]
    more = f" and {len(named) - _MOST_CLASSES} more" if len(named) > _MOST_CLASSES else ""
    return f"rows a class: {', '.join(named[:_MOST_CLASSES])}{more}"


def _absent(missing: Array) -> str:
    return f" ({int(missing.sum())} missing)" if missing.any() else ""


def _hardly_repeating(texts: Mapping[str, Array], rows: int) -> list[str]:
    different = {name: len(set(column)) for name, column in texts.items()}
    return [
        f"{name}: {count} different texts in {rows} rows teach little as categories; turn them "
        f"into numbers, or leave the column out with dataset.drop=[{name}]"
        for name, count in different.items()
        if count > _NEARLY_ALL * rows
    ]
