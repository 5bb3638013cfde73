"""What was read from a table, in lines that show what was taken for what."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from pipeline.datasets.rows import Array
from pipeline.datasets.table_reading import Facts, TableReading, extent
from pipeline.datasets.table_targets import Targets

_MOST_CLASSES = 10
_NEARLY_ALL = 0.5  # of the rows have a text of their own: no categories that repeat
_SPLITS = ("training", "validation", "test")


def describe_table(reading: TableReading) -> tuple[str, ...]:
    """Say what a table's columns were taken for, and how its rows were parted.

    Args:
        reading: What was made of the table.

    Returns:
        Lines with the target, the columns of each kind with how many values are missing, the
        columns that decide weights and splits, and what is doubtful in them.
    """
    facts = reading.facts()
    return (
        f"{len(reading.split_of)} rows of {reading.source}: {describe_targets(reading.targets)}",
        *_kinds(facts, reading),
        *_parted(reading),
        *_ambiguous(reading),
        *_hardly_repeating(reading),
        *_classes_that_lack(reading),
    )


def describe_targets(targets: Targets) -> str:
    """Say what targets are, and how many rows each class or label has."""
    y = targets.y
    if targets.task == "multilabel":
        return f"multilabel, rows a label: {_counted(targets.classes, y.sum(axis=0))}"
    if targets.task == "classification":
        counts = np.bincount(y, minlength=len(targets.classes))
        return f"classification, rows a class: {_counted(targets.classes, counts)}"
    if y.ndim == 1:
        return f"regression, targets {_from_to(extent(y))}"
    each = (
        f"{name} {_from_to(extent(column))}"
        for name, column in zip(targets.names, y.T, strict=True)
    )
    return f"regression of {y.shape[1]} targets, {', '.join(each)}"


def _counted(names: Iterable[str], counts: Iterable[Any]) -> str:
    named = [f"{name} {count}" for name, count in zip(names, counts, strict=True)]
    more = f" and {len(named) - _MOST_CLASSES} more" if len(named) > _MOST_CLASSES else ""
    return f"{', '.join(named[:_MOST_CLASSES])}{more}"


def _kinds(facts: Iterable[Facts], reading: TableReading) -> Iterator[str]:
    shown: dict[str, list[str]] = {}
    for one in facts:
        absent = f" ({one['missing']} missing)" if one["missing"] else ""
        shown.setdefault(one["kind"], []).append(f"{one['name']}{_detail(one)}{absent}")
    hours = ", hour" if any(reading.encoding.dates.timed) else ""
    dates = f"as year, month, weekday{hours} and days since the first training row's"
    titles = {
        "number": "numbers: {}",
        "category": "categories: {}",
        "date": f"dates, {dates}: {{}}",
        "text": "texts, a 0/1 column for each of their most frequent words: {}",
        "weight": "weights: {}",
    }
    for kind, title in titles.items():
        if kind in shown:
            yield title.format(", ".join(shown[kind]))


def _detail(one: Facts) -> str:
    match one["kind"]:
        case "category":
            return f" ({one['categories']})"
        case "text":
            return f" ({one['words']})"
        case "date" | "weight":
            return f" {_from_to(one)}"
    return ""


def _from_to(one: Facts) -> str:
    least, greatest = (
        value if isinstance(value, str) else f"{value:.6g}"
        for value in (one["least"], one["greatest"])
    )
    return f"from {least} to {greatest}"


def _parted(reading: TableReading) -> Iterator[str]:
    if reading.group is not None:
        name, groups = reading.group
        counts = [f"{len(np.unique(part))} for {split}" for split, part in _each(reading, groups)]
        yield f"groups by {name}{_aside(reading, name)}: {', '.join(counts)}"
    if reading.time is not None:
        name, times = reading.time
        spans = [f"{split} {_from_to(extent(part))}" for split, part in _each(reading, times)]
        yield f"time by {name}{_aside(reading, name)}: {', '.join(spans)}"


def _each(reading: TableReading, values: Array) -> Iterator[tuple[str, Array]]:
    for number, split in enumerate(_SPLITS):
        yield split, values[reading.split_of == number]


def _aside(reading: TableReading, name: str) -> str:
    return "" if name in reading.columns else ", which is no input"


def _ambiguous(reading: TableReading) -> Iterator[str]:
    for name, column in reading.columns.items():
        if column.kind == "category" and len(column.dates) > 1:
            text = next(filter(None, column.values))
            yield (
                f"{name}: dates such as {text} can be read with the day or the month first, so "
                "they are categories; write them as 2026-11-27"
            )


def _hardly_repeating(reading: TableReading) -> Iterator[str]:
    rows = len(reading.split_of)
    for name, column in reading.columns.items():
        count = len(set(column.values)) if column.kind == "category" else 0
        if count > _NEARLY_ALL * rows:
            yield (
                f"{name}: {count} different texts in {rows} rows teach little as categories; turn "
                f"them into numbers, read their words with dataset.text=[{name}], or leave the "
                f"column out with dataset.drop=[{name}]"
            )


def _classes_that_lack(reading: TableReading) -> Iterator[str]:
    """Say which classes or labels a split has no row of: groups and times do not keep shares."""
    targets = reading.targets
    if targets.task == "regression":
        return
    for split, y in _each(reading, targets.y):
        indices = range(len(targets.classes))
        there = y.any(axis=0) if y.ndim == 2 else np.isin(indices, y)
        if not there.all():
            lacking = [targets.classes[i] for i in np.flatnonzero(~there)]
            kind = "label" if y.ndim == 2 else "class"
            yield f"no {split} row is of the {kind} {', '.join(lacking[:_MOST_CLASSES])}"
