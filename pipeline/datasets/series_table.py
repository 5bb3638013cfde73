"""A table whose rows are in the order of time, as numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.datasets.columns import numbers, single_precision
from pipeline.datasets.rows import Array
from pipeline.datasets.table_file import not_columns, open_table
from pipeline.datasets.time_split import read_times

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Series:
    """Rows in the order of time.

    Attributes:
        x: `(rows, inputs)` float32; a missing value is the one before it, NaN if there is none.
        y: `(rows, targets)` float32, NaN where missing.
        inputs: Names of the inputs.
        targets: Names of the targets.
        notes: What there is to say of how they were read.
    """

    x: Array
    y: Array
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    notes: tuple[str, ...]


def read_series(
    path: Path,
    *,
    target: str | Sequence[str],
    inputs: Sequence[str] | None,
    time: str | None,
    separator: str | None,
) -> Series:
    """Read a table of numbers.

    Args:
        path: The table, as `open_table` takes it.
        target: The column to predict, or several.
        inputs: The columns that are known; None for all columns of numbers but that of the time.
        time: The column of numbers or dates that orders the rows; None if they are in order.
        separator: As `open_table` takes it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: Columns are not in the table, hold no numbers or infinite ones, or the time is
            no order.
    """
    file = open_table(path, separator)
    targets = _names("target", target)
    given = None if inputs is None else _names("inputs", inputs)
    times = () if time is None else (time,)
    _check_known(path, file.columns, {"target": targets, "inputs": given or (), "time": times})
    table = file.read(file.columns, as_text=[])
    notes = []
    if time is not None:
        order = _order(table[time])
        if (np.diff(order) < 0).any():
            notes.append(f"the rows are sorted by {time}")
        table = table.iloc[order]
    read = {str(name): _numbers(table[name]) for name in table}
    known = {name: column for name, column in read.items() if column is not None}
    if given is None:
        given = tuple(name for name in known if name not in times)
        if others := [name for name in read if name not in known and name not in times]:
            notes.append(f"left out, as they hold no numbers: {', '.join(others)}")
    _check_numbers((*targets, *given), known)
    x = np.stack([known[name] for name in given], axis=-1)
    y = np.stack([known[name] for name in targets], axis=-1)
    told = f"{len(x)} rows of {path}: {', '.join(targets)} from {', '.join(given)}"
    return Series(_filled(x), y, given, targets, (told, *notes, *_told_missing(x, given)))


def _numbers(column: "pd.Series[Any]") -> Array | None:
    read = numbers(column)
    return None if read is None else single_precision(read)


def _names(setting: str, given: str | Sequence[str]) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) and setting == "target" else given
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise ValueError(f"{setting} must be a list of columns, received {given!r}")
    return tuple(names)


def _check_known(path: Path, columns: Sequence[str], named: Mapping[str, Sequence[str]]) -> None:
    problems = not_columns(path, columns, named)
    problems += [
        f"{setting} must list each column once, received {[*names]}"
        for setting, names in named.items()
        if len(set(names)) < len(names)
    ]
    if problems:
        raise ValueError("; ".join(problems))


def _check_numbers(names: Sequence[str], known: Mapping[str, Array]) -> None:
    if others := [name for name in names if name not in known]:
        raise ValueError(f"the columns {others} must hold numbers, and hold other texts as well")
    infinite = {name: int(np.isinf(known[name]).sum()) for name in names}
    problems = [
        f"column {name!r} has {count} infinite values (or beyond float32's 3.4e38)"
        for name, count in infinite.items()
        if count
    ]
    problems += [
        f"column {name!r} has no value in any of {len(known[name])} rows: leave it out"
        for name in names
        if np.isnan(known[name]).all()
    ]
    if problems:
        raise ValueError("; ".join(problems))


def _order(column: "pd.Series[Any]") -> Array:
    """Return the numbers of the rows in the order of their time."""
    times = read_times(column)
    order: Array = np.argsort(times, kind="stable")
    again = np.flatnonzero(times[order][1:] == times[order][:-1])
    if len(again):
        raise ValueError(
            f"time must order the rows, and {column.name!r} has {column.iloc[order[again[0]]]!r} "
            "twice: a table holds one series, several need a table each"
        )
    return order


def _filled(x: Array) -> Array:
    """Set what is missing to the value before it: of the future nothing is known."""
    rows = np.where(np.isnan(x), 0, np.arange(len(x))[:, np.newaxis])
    filled: Array = np.take_along_axis(x, np.maximum.accumulate(rows, axis=0), axis=0)
    return filled


def _told_missing(x: Array, names: Sequence[str]) -> tuple[str, ...]:
    counts = dict(zip(names, np.isnan(x).sum(axis=0).tolist(), strict=True))
    told = ", ".join(f"{name} ({count})" for name, count in counts.items() if count)
    return (f"missing inputs are the values before them: {told}",) if told else ()
