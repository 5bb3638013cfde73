"""How raw examples become numbers, inside the model, so that it can be served raw examples.

Statistics and vocabularies are measured on training examples with NumPy and become constants of
the model: nothing is adapted, so building a model for every trial is cheap, and a saved model
needs no custom objects. All of it works in float32 under any precision policy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pipeline.datasets.rows import Array
from pipeline.datasets.splits import Inputs

_UNSEEN = "\0unseen"  # StringLookup's name for a text outside its vocabulary; no table holds a NUL


class Preprocessing(Protocol):
    """Plain data that knows how to build a model's first layers."""

    def inputs(self) -> tuple[Any, Any]:
        """Return fresh `keras.Input`(s) for raw examples and the symbolic numbers they become."""
        ...


@dataclass(frozen=True)
class ImageScaling:
    """Brings pixels to [0, 1].

    Attributes:
        shape: Height, width and channels of an image.
        max_value: The brightest value a raw pixel can have; the darkest is 0.
    """

    shape: tuple[int, ...]
    max_value: float

    def inputs(self) -> tuple[Any, Any]:
        """Return an input of raw images and the scaled images, both of `shape`."""
        import keras

        raw = keras.Input(self.shape, name="image", dtype="float32")
        return raw, keras.layers.Rescaling(1 / self.max_value, dtype="float32")(raw)


@dataclass(frozen=True, eq=False)
class Standardization:
    """Brings each of d features to mean 0 and standard deviation 1.

    `keras.layers.Normalization` is not used: it takes no deviation below 1e-7, which a quantity
    in SI units easily has. And it divides a constant feature by 1e-7, so that another value, which
    a served model may meet, is a huge number for weights that nothing has trained.

    Attributes:
        mean: `(d,)` float32, of the training examples.
        deviation: `(d,)` float32, of the training examples; 0 for a constant feature, which is
            always 0: whatever value it has later, no training example tells what that means.
    """

    mean: Array
    deviation: Array

    @classmethod
    def fit(cls, x: Inputs) -> "Standardization":
        """Measure training examples of shape `(n, d)`."""
        given, wide = np.asarray(x, dtype=np.float32), np.asarray(x, dtype=np.float64)
        constant = given.min(axis=0) == given.max(axis=0)  # as a model is given it
        deviation = np.where(constant, 0.0, wide.std(axis=0))
        return cls(wide.mean(axis=0).astype(np.float32), deviation.astype(np.float32))

    def inputs(self) -> tuple[Any, Any]:
        """Return an input of raw features and the standardised ones, both `(d,)`."""
        import keras

        raw = keras.Input(self.mean.shape, name="features", dtype="float32")
        return raw, self.apply(raw)

    def apply(self, raw: Any) -> Any:
        """Return the symbolic features standardised."""
        constant = self.deviation == 0
        if not constant.any():
            return (raw - self.mean) / self.deviation
        from keras import ops

        return ops.where(constant, 0.0, (raw - self.mean) / np.where(constant, 1, self.deviation))


@dataclass(frozen=True, eq=False)
class TableEncoding:
    """Turns the columns of a table into one vector of numbers.

    A column of numbers is standardised, after its missing values were set to the median; if some
    training examples miss a value and others have one, a further 0/1 feature says where. A column
    of categories becomes one 0/1 feature for each category of the training examples, "missing"
    among them if it was there; a category that was not is all zeros, for which no weight was left
    untrained.

    A column that is the same in all training examples, all missing included, is always 0,
    whatever it has later: its weights were trained as a further bias, if at all.

    Attributes:
        columns: All columns, in the table's order.
        numbers: The columns of numbers, in that order.
        medians: `(len(numbers),)` float32, of what is not missing; 0 if nothing is.
        standardization: Of those columns, once filled.
        incomplete: Positions in `numbers` of the columns in which some values are missing.
        vocabularies: By column of categories: its categories, sorted.
    """

    columns: tuple[str, ...]
    numbers: tuple[str, ...]
    medians: Array
    standardization: Standardization
    incomplete: tuple[int, ...]
    vocabularies: Mapping[str, tuple[str, ...]]

    @classmethod
    def fit(cls, x: Mapping[str, Array]) -> "TableEncoding":
        """Measure training examples: `(n,)` float32 columns of numbers, object ones of text."""
        numbers = tuple(name for name, column in x.items() if column.dtype != object)
        values = np.stack([x[name] for name in numbers], axis=-1) if numbers else np.empty((1, 0))
        missing = np.isnan(values)
        marked = missing.any(axis=0) & ~missing.all(axis=0)  # a constant mark says nothing
        medians = np.array([_median(column[~np.isnan(column)]) for column in values.T], np.float32)
        return cls(
            columns=tuple(x),
            numbers=numbers,
            medians=medians,
            standardization=Standardization.fit(np.where(missing, medians, values)),
            incomplete=tuple(np.flatnonzero(marked).tolist()),
            vocabularies={n: tuple(sorted(set(x[n]))) for n in x if n not in numbers},
        )

    def inputs(self) -> tuple[Any, Any]:
        """Return a scalar input a column, by name, and the vector of features."""
        import keras

        raw = {name: keras.Input((), name=name, dtype=self._dtype(name)) for name in self.columns}
        encoded = [self._encode_numbers(raw)] if self.numbers else []
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
        return raw, keras.ops.concatenate(encoded, axis=-1)

    def _dtype(self, column: str) -> str:
        return "string" if column in self.vocabularies else "float32"

    def _encode_numbers(self, raw: Mapping[str, Any]) -> Any:
        from keras import ops

        values = ops.stack([raw[name] for name in self.numbers], axis=-1)
        missing = ops.isnan(values)
        features = self.standardization.apply(ops.where(missing, self.medians, values))
        if not self.incomplete:
            return features
        indicators = ops.cast(ops.take(missing, self.incomplete, axis=-1), "float32")
        return ops.concatenate([features, indicators], axis=-1)


def _median(values: Array) -> float:
    return float(np.median(values)) if len(values) else 0.0
