"""Dates as numbers, inside the model.

A model is given a date as text, so that it can be served what the table has: year, month and day
as in 2026-11-27 or 27.11.2026, and maybe a time of day. What is made of it are operations on
characters and whole numbers that Keras saves like any others.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.datasets.rows import Array

NUMBERS = ("year", "month", "weekday", "day", "hour")
"""What a date becomes: Monday is 0, `day` counts from 1970-01-01, `hour` has the minutes too."""

_DAY, _HOUR = 3, 4
_LENGTH = 16  # of 2026-11-27T18:30; what follows does not count
_KNOWN = "0123456789-T :./"
_RUNS = 5  # of digits
_BLOCK = 16_384  # texts that are read at once: a kilobyte each


@dataclass(frozen=True)
class DateEncoding:
    """Turns columns of dates into numbers.

    Attributes:
        columns: Their names.
        month_first: Whether the month comes before the day in dates of each that end with the year.
        first_days: The first day of each in the training examples, from which is counted; days
            since 1970-01-01.
        timed: Whether a training example of each has a time of day; if none has, there is no hour.
    """

    columns: tuple[str, ...]
    month_first: tuple[bool, ...]
    first_days: tuple[int, ...]
    timed: tuple[bool, ...]

    @classmethod
    def fit(
        cls, x: Mapping[str, Array], columns: Sequence[str], month_first: Collection[str]
    ) -> "tuple[DateEncoding, Array | None]":
        """Measure training examples.

        Args:
            x: Texts by column, `(n,)` each.
            columns: Which of them are dates.
            month_first: In which of these the month comes before the day.

        Returns:
            The encoding, and what `apply` makes of the examples, NaN where there is no date; None
            without columns.
        """
        first = tuple(name in month_first for name in columns)
        numbers = [_measured(x[name], one) for name, one in zip(columns, first, strict=True)]
        days = [read[:, _DAY] for read in numbers]
        encoding = cls(
            columns=tuple(columns),
            month_first=first,
            first_days=tuple(0 if np.isnan(d).all() else int(np.nanmin(d)) for d in days),
            timed=tuple(bool((read[:, _HOUR] > 0).any()) for read in numbers),
        )
        if not numbers:
            return encoding, None
        return encoding, np.concatenate(numbers, axis=1)[:, encoding._used()] - encoding._origin()

    def apply(self, raw: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the symbolic numbers, `(n, numbers)`, and for each whether there is no date.

        Args:
            raw: The model's inputs, by name.
        """
        from keras import ops

        numbers, is_date = _numbers([raw[name] for name in self.columns], self.month_first)
        flat = ops.reshape(numbers, (-1, len(self.columns) * len(NUMBERS)))
        missing = ops.repeat(ops.logical_not(is_date), len(NUMBERS), axis=-1)
        used = self._used()
        return ops.take(flat, used, axis=-1) - self._origin(), ops.take(missing, used, axis=-1)

    def is_first(self) -> Array:
        """Return which of the numbers are the first of their date, of bool."""
        first: Array = self._used() % len(NUMBERS) == 0
        return first

    def _used(self) -> Array:
        """Return the positions of the numbers that there are, of all that all dates can have."""
        used = np.ones((len(self.columns), len(NUMBERS)), bool)
        used[:, _HOUR] = self.timed
        return np.flatnonzero(used).astype(np.int32)

    def _origin(self) -> Array:
        """Return what is subtracted from each of the numbers that there are."""
        origin = np.zeros((len(self.columns), len(NUMBERS)), np.float32)
        origin[:, _DAY] = self.first_days
        return origin.reshape(-1)[self._used()]


def _measured(texts: Array, month_first: bool) -> Array:
    """Return the numbers of dates, `(n, 5)`, NaN where there is none; equal texts are read once."""
    rows = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    different = np.array([*rows], dtype=object)
    read = np.empty((len(different), len(NUMBERS)), np.float32)
    for start in range(0, len(different), _BLOCK):
        block = slice(start, start + _BLOCK)
        numbers, is_date = map(np.asarray, _numbers([different[block]], [month_first]))
        read[block] = np.where(is_date, numbers[:, 0], np.nan)
    return read[[rows[text] for text in texts]]


def _numbers(texts: Sequence[Any], month_first: Sequence[bool]) -> tuple[Any, Any]:
    """Turn dates into numbers with Keras, for a model or at once.

    The day is Howard Hinnant's `days_from_civil`
    (https://howardhinnant.github.io/date_algorithms.html).

    Args:
        texts: k columns of `(n,)` texts, symbolic or not.
        month_first: For each whether the month comes before the day.

    Returns:
        The float32 `NUMBERS` of each date, `(n, k, 5)`, and whether it is one, `(n, k)` of bool.
    """
    from keras import ops

    characters = _characters(texts)
    runs = _runs_of_digits(characters)
    first, second, third, hour, minute = (runs[:, :, number] for number in range(_RUNS))
    year_first, month_then = first >= 1000, np.array(month_first)
    year = ops.where(year_first, first, third)
    month = ops.where(year_first, second, ops.where(month_then, first, second))
    day = ops.where(year_first, third, ops.where(month_then, second, first))
    possible = (year >= 1000) & (year <= 9999) & (month >= 1) & (month <= 12)
    is_date = possible & (day >= 1) & (day <= 31) & ops.all(characters != -1, axis=-1)
    years = year - ops.cast(month <= 2, "int32")  # which begin in March
    days = years * 365 + years // 4 - years // 100 + years // 400
    days = days + ((month + 9) % 12 * 153 + 2) // 5 + day - 719469
    whole = [ops.cast(one, "float32") for one in (year, month, (days + 3) % 7, days)]
    hours = ops.cast(hour, "float32") + ops.cast(minute, "float32") / 60.0
    return ops.stack([*whole, hours], axis=-1), is_date


def _characters(texts: Sequence[Any]) -> Any:
    """Return the first characters as their places in `_KNOWN`, `(n, k, 16)`.

    -1 is a character that is not among them, -2 none at all.
    """
    import keras
    from keras import ops

    to_places = keras.layers.TextVectorization(
        standardize=None,
        split="character",
        output_sequence_length=_LENGTH,
        vocabulary=[*_KNOWN],
    )
    return ops.cast(ops.stack([to_places(one) for one in texts], axis=1), "int32") - 2


def _runs_of_digits(characters: Any) -> Any:
    """Return the numbers that the first runs of digits say, `(n, k, 5)`; 0 where there is none."""
    from keras import ops

    is_digit = (characters >= 0) & (characters <= 9)
    before = ops.pad(is_digit[:, :, :-1], ((0, 0), (0, 0), (1, 0)))
    begins = ops.cast(is_digit & ops.logical_not(before), "int32")
    run = ops.where(is_digit, ops.cumsum(begins, axis=-1), 0)  # counted from 1
    same = ops.equal(ops.expand_dims(run, -1), ops.expand_dims(run, -2))
    later = np.triu(np.ones((_LENGTH, _LENGTH), bool), k=1)
    digits_behind = ops.sum(ops.cast(same & later, "int32"), axis=-1)
    powers = np.array([10**power for power in range(_LENGTH // 2)], np.int32)
    values = characters * ops.take(powers, ops.minimum(digits_behind, len(powers) - 1))
    is_of_run = ops.equal(ops.expand_dims(run, -1), np.arange(1, _RUNS + 1, dtype=np.int32))
    return ops.sum(ops.expand_dims(values, -1) * ops.cast(is_of_run, "int32"), axis=2)
