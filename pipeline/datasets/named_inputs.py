"""How raw arrays become numbers: one, or several by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.datasets.preprocessing import ImageScaling, Preprocessing, Standardization
from pipeline.datasets.rows import Array, Rows
from pipeline.datasets.structures import Structure
from pipeline.datasets.table_encoding import TableEncoding


@dataclass(frozen=True, eq=False)
class NamedInputs:
    """Several inputs by name, each brought to small numbers by itself, as one vector.

    Attributes:
        parts: What is done to each.
        shapes: Of an example of each.
    """

    parts: Mapping[str, ImageScaling | Standardization]
    shapes: Mapping[str, tuple[int, ...]]

    def inputs(self) -> tuple[Any, Any]:
        """Return an input for each name, and the vector of all that they become."""
        import keras

        raw = {n: keras.Input(s, name=n, dtype="float32") for n, s in self.shapes.items()}
        single = {n: x if x.shape[1:] else keras.ops.expand_dims(x, -1) for n, x in raw.items()}
        encoded = [part.apply(single[name]) for name, part in self.parts.items()]
        flat = [keras.layers.Flatten(dtype="float32")(one) for one in encoded]
        return raw, flat[0] if len(flat) == 1 else keras.layers.Concatenate(dtype="float32")(flat)


def scaled(x: Structure) -> Preprocessing:
    """Measure how the arrays of training examples become small numbers.

    Args:
        x: An array, or arrays by name. Bytes of two or three axes an example are pixels; other
            numbers are standardised along their last axis. If all are columns, `(n,)`, they are a
            table's.

    Raises:
        ValueError: An array holds texts, or one that is no column of a table NaN.
    """
    if not isinstance(x, Mapping):
        return _scaled(x, "x")
    if all(array.ndim == 1 for array in x.values()):
        return TableEncoding.fit({name: _column(array) for name, array in x.items()})
    shapes = {name: array.shape[1:] for name, array in x.items()}
    return NamedInputs({name: _scaled(array, name) for name, array in x.items()}, shapes)


def _scaled(array: Array | Rows, name: str) -> ImageScaling | Standardization:
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} holds {array.dtype} and not numbers; texts of a table or a folder are read "
            "with dataset=text"
        )
    if array.dtype == np.uint8 and array.ndim == 4:
        return ImageScaling(tuple(array.shape[1:]), max_value=255.0)
    return Standardization.fit(array)


def _column(array: Array) -> Array:
    return array if array.dtype == object else np.asarray(array, dtype=np.float32)
