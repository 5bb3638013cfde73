"""How the columns of a table become numbers, inside the model."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.datasets.date_encoding import DateEncoding
from pipeline.datasets.preprocessing import Standardization
from pipeline.datasets.rows import Array
from pipeline.datasets.words import frequent_words, word_features

_UNSEEN = "\0unseen"  # StringLookup's name for a text outside its vocabulary; no table holds a NUL


@dataclass(frozen=True, eq=False)
class TableEncoding:
    """Turns the columns of a table into one vector of numbers.

    A column of numbers is standardised, after its missing values were set to the median; if some
    training examples miss a value and others have one, a further 0/1 feature says where. A column
    of dates becomes such columns of numbers: year, month, weekday and days since the first of the
    training examples, and the hour if one of these has a time of day.

    A column of categories becomes one 0/1 feature for each category of the training examples,
    "missing" among them if it was there; a category that was not is all zeros, for which no weight
    was left untrained. A column of text becomes one 0/1 feature for each of its most frequent
    words in the training examples.

    A column that is the same in all training examples, all missing included, is always 0,
    whatever it has later: its weights were trained as a further bias, if at all.

    Attributes:
        columns: All columns, in the table's order.
        numbers: The columns of numbers, in that order.
        dates: The columns of dates.
        medians: float32, of what is not missing in the columns of numbers and in the numbers of
            the dates, one after the other; 0 if nothing is there.
        standardization: Of those columns, once filled.
        incomplete: Positions in them of those in which some values are missing; the first of its
            numbers stands for a date.
        vocabularies: By column of categories: its categories, sorted.
        words: By column of text: its most frequent words.
    """

    columns: tuple[str, ...]
    numbers: tuple[str, ...]
    dates: DateEncoding
    medians: Array
    standardization: Standardization
    incomplete: tuple[int, ...]
    vocabularies: Mapping[str, tuple[str, ...]]
    words: Mapping[str, tuple[str, ...]]

    @classmethod
    def fit(
        cls,
        x: Mapping[str, Array],
        *,
        dates: Sequence[str] = (),
        month_first: Collection[str] = (),
        text: Sequence[str] = (),
        max_tokens: int = 1000,
    ) -> "TableEncoding":
        """Measure training examples.

        Args:
            x: `(n,)` columns by name: float32 numbers, NaN where missing; or texts in object
                arrays, "" where missing.
            dates: The columns whose texts are dates, such as `2026-11-27` or `27.11.2026`.
            month_first: Those of them whose dates are such as `11/27/2026`.
            text: The columns of which the words count.
            max_tokens: How many words of a column count, at most.
        """
        numbers = tuple(name for name, column in x.items() if column.dtype != object)
        encoding, of_dates = DateEncoding.fit(x, dates, month_first)
        of_numbers = np.stack([x[name] for name in numbers], axis=-1) if numbers else None
        parts = [part for part in (of_numbers, of_dates) if part is not None]
        values = np.concatenate(parts, axis=1) if parts else np.empty((1, 0))
        missing = np.isnan(values)
        # A constant mark says nothing.
        marked = np.asarray(missing.any(axis=0) & ~missing.all(axis=0))
        marked[len(numbers) :] &= encoding.is_first()
        medians = np.array([_median(column[~np.isnan(column)]) for column in values.T], np.float32)
        others = [name for name in x if name not in {*numbers, *dates, *text}]
        return cls(
            columns=tuple(x),
            numbers=numbers,
            dates=encoding,
            medians=medians,
            standardization=Standardization.fit(np.where(missing, medians, values)),
            incomplete=tuple(np.flatnonzero(marked).tolist()),
            vocabularies={name: tuple(sorted(set(x[name]))) for name in others},
            words={name: frequent_words(x[name], max_tokens) for name in text},
        )

    @property
    def readings(self) -> tuple[object, ...]:
        """What texts were taken for, which they do not show; nothing if for categories."""
        dates = (self.dates.columns, self.dates.month_first)
        return (dates, self.words) if self.dates.columns or self.words else ()

    def inputs(self) -> tuple[Any, Any]:
        """Return a scalar input a column, by name, and the vector of features."""
        import keras

        raw = {name: keras.Input((), name=name, dtype=self._dtype(name)) for name in self.columns}
        encoded = [self._encode_numbers(raw)] if len(self.medians) else []
        for name, vocabulary in self.vocabularies.items():
            lookup = keras.layers.StringLookup(
                vocabulary=list(vocabulary),
                oov_token=_UNSEEN,
                mask_token=None,
                output_mode="one_hot",
                dtype="float32",
            )
            categories = lookup(raw[name])[:, 1:]  # the first is Keras' own for unseen texts
            encoded.append(categories if len(vocabulary) > 1 else 0.0 * categories)
        encoded += [word_features(raw[name], words) for name, words in self.words.items()]
        return raw, keras.ops.concatenate(encoded, axis=-1)

    def _dtype(self, column: str) -> str:
        return "float32" if column in self.numbers else "string"

    def _encode_numbers(self, raw: Mapping[str, Any]) -> Any:
        from keras import ops

        values, missing = self._values(raw)
        features = self.standardization.apply(ops.where(missing, self.medians, values))
        if not self.incomplete:
            return features
        indicators = ops.cast(ops.take(missing, self.incomplete, axis=-1), "float32")
        return ops.concatenate([features, indicators], axis=-1)

    def _values(self, raw: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the symbolic columns of numbers and numbers of dates, and which are missing."""
        from keras import ops

        parts = []
        if self.numbers:
            values = ops.stack([raw[name] for name in self.numbers], axis=-1)
            parts.append((values, ops.isnan(values)))
        if self.dates.columns:
            parts.append(self.dates.apply(raw))
        if len(parts) == 1:
            return parts[0]
        values, missing = zip(*parts, strict=True)
        return ops.concatenate(values, axis=-1), ops.concatenate(missing, axis=-1)


def _median(values: Array) -> float:
    return float(np.median(values)) if len(values) else 0.0
