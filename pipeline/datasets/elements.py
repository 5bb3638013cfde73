"""The elements of a stream: what `keras.Model.fit` takes of one, as arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.datasets.structures import Structure, is_structure, leaves, mapped, walked

Parts = tuple[Structure, Structure, Structure]
"""Inputs, targets and weights of an example or a batch; None for what there is not."""

Shape = tuple[int | None, ...]


def parts_of(element: Any) -> Parts:
    """Return inputs, targets and weights of an element, as arrays of any number of axes.

    Raises:
        ValueError: It is a tuple of more.
    """
    if isinstance(element, list) and any(map(is_structure, element)):
        element = tuple(element)
    given = element if isinstance(element, tuple) else (element,)
    if not 1 <= len(given) <= 3:
        raise ValueError(
            "an element of a stream must be x, (x,), (x, y) or (x, y, sample_weight); received a "
            f"tuple of {len(given)}"
        )
    x, y, weight = (
        None if one is None else walked(_as_array, one, "an element")
        for one in (*given, None, None)[:3]
    )
    return x, y, weight


def rows_of(batch: Parts) -> int:
    """Return how many examples a batch has.

    Raises:
        ValueError: It is none.
    """
    array = next(leaves(batch[0]))[1]
    if not array.ndim:
        raise ValueError("a batch must have an example a row, received a single value")
    return len(array)


def stacked(examples: Sequence[Parts]) -> Parts:
    """Return examples as a batch.

    Raises:
        ValueError: They have different shapes.
    """
    x, y, weight = (
        None if parts[0] is None else mapped(_stacked, *parts)
        for parts in zip(*examples, strict=True)
    )
    return x, y, weight


def looks_batched(shapes: Sequence[Shape]) -> bool | None:
    """Tell whether the arrays of an element are a batch; None if they may be one or not.

    Those of a batch have as many rows each. So may those of an example, by chance, as those of an
    autoencoder: where all have one shape, or there is only one, nobody can tell.

    Args:
        shapes: Of its arrays; None for a size that may differ from element to element.
    """
    if not all(shapes):
        return False  # a single value has no rows
    leading = {shape[0] for shape in shapes}
    if leading == {None}:
        return True
    if len(leading - {None}) > 1:
        return False
    return None if None in leading or len(set(shapes)) == 1 else True


def _as_array(value: Any, what: str) -> np.ndarray:  # noqa: ARG001
    return np.asarray(value)


def _stacked(*arrays: np.ndarray) -> np.ndarray:
    shapes = list(dict.fromkeys(array.shape for array in arrays))
    if len(shapes) > 1:
        raise ValueError(
            f"examples of a stream have the shapes {shapes[0]} and {shapes[1]}: bring them to one, "
            "for example with keras.utils.pad_sequences, or give batches"
        )
    return np.stack(arrays)
