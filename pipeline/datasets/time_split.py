"""Rows parted by their time: what is tested comes after what is trained on."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.datasets.columns import first_no_number, incomplete, missing, numbers
from pipeline.datasets.dates import find_dates
from pipeline.datasets.rows import Array

if TYPE_CHECKING:
    import pandas as pd


def read_times(column: "pd.Series[Any]") -> Array:
    """Return what orders the rows, `(n,)`: the column's numbers, or moments of its dates.

    Raises:
        ValueError: Rows have none, or it is neither.
    """
    if problem := incomplete(column, "time"):
        raise ValueError(problem)
    if (read := numbers(column)) is not None:
        return read
    dates = find_dates(column, missing(column))
    if not dates:
        raise ValueError(
            f"the time column {column.name!r} must hold numbers, or dates of one form, received "
            f"for example {first_no_number(column)!r}"
        )
    if len(dates) > 1:
        raise ValueError(
            f"the dates of the time column {column.name!r}, such as {column.iloc[0]!r}, can be "
            "read with the day or with the month first: write them as 2026-11-27"
        )
    return dates[0].moments


def split_times(times: Array, sizes: Mapping[str, float]) -> Array:
    """Part rows so that each split comes after the ones before.

    Args:
        times: What orders the rows, `(n,)`.
        sizes: Fraction of the rows in each further split, the latest last, by the name of its
            setting; the rest, which is the earliest, is trained on.

    Returns:
        The split of each row: 0 for the rest, then 1, 2 and so on. Rows of one time are in one
        split; so near to the sizes as that allows, and with at least one time in each.

    Raises:
        ValueError: There are fewer times than splits.
    """
    different, counts = np.unique(times, return_counts=True)
    if len(different) <= len(sizes):
        raise ValueError(
            f"there are {len(different)} different times for {len(sizes) + 1} splits, and each "
            "needs at least one"
        )
    before = np.concatenate([[0], np.cumsum(counts)])  # rows before each time
    split_of = np.zeros(len(different), np.int64)
    wanted, end = float(len(times)), len(different)
    for number, size in reversed([*enumerate(sizes.values(), start=1)]):
        wanted -= size * len(times)
        starts = np.arange(number, end)  # as many times are left for those before
        start = int(starts[np.argmin(np.abs(before[starts] - wanted))])
        split_of[start:end] = number
        end = start
    parted: Array = split_of[np.searchsorted(different, times)]
    return parted
