"""What was read from a table, in lines that show what was taken for what."""

from collections.abc import Mapping

import numpy as np

from pipeline.datasets.rows import Array

_MOST_CLASSES = 10
_NEARLY_ALL = 0.5  # of the rows have a text of their own: no categories that repeat


def describe_table(
    x: Mapping[str, Array], y: Array, classes: tuple[str, ...], source: str
) -> tuple[str, ...]:
    """Say what a table's columns and target were taken for.

    Args:
        x: One `(n,)` array a column: float32 with NaN, or strings with "", where missing.
        y: The targets, `(n,)`: class indices, or numbers.
        classes: The classes' names; empty for a regression.
        source: Where the table is.

    Returns:
        Lines with the target, the columns of numbers and of categories, how many values are
        missing, and the columns of texts that hardly repeat.
    """
    numbers = {name: column for name, column in x.items() if column.dtype != object}
    texts = {name: column for name, column in x.items() if column.dtype == object}
    kinds = {
        "numbers": [f"{name}{_absent(np.isnan(column))}" for name, column in numbers.items()],
        "categories": [
            f"{name} ({len(set(column) - {''})}){_absent(column == '')}"
            for name, column in texts.items()
        ],
    }
    return (
        f"{len(y)} rows of {source}: {_target(y, classes)}",
        *(f"{kind}: {', '.join(told)}" for kind, told in kinds.items() if told),
        *_hardly_repeating(texts, len(y)),
    )


def _target(y: Array, classes: tuple[str, ...]) -> str:
    if not classes:
        return f"regression, targets from {y.min():.6g} to {y.max():.6g}"
    counts = np.bincount(y, minlength=len(classes))
    named = [f"{name} {count}" for name, count in zip(classes, counts, strict=True)]
    more = f" and {len(named) - _MOST_CLASSES} more" if len(named) > _MOST_CLASSES else ""
    return f"classification, rows a class: {', '.join(named[:_MOST_CLASSES])}{more}"


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
