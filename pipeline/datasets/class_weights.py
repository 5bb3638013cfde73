"""How much the examples of each class count in a training: `training.class_weight`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.datasets.rows import Array
from pipeline.datasets.splits import Split
from pipeline.datasets.structures import Structure
from pipeline.datasets.tasks import class_indices

BALANCED = "balanced"


def factors(wanted: Any, y: Structure, classes: tuple[str, ...]) -> Array:
    """Return the factor of each class.

    Args:
        wanted: `balanced`, by which every class counts as much as any other, as in scikit-learn:
            examples / (classes * examples of the class); or factors by the classes' names or
            numbers, 1 where none is given.
        y: The targets that a model is trained on.
        classes: The classes' names.

    Returns:
        `(classes,)` float32.

    Raises:
        ValueError: It is neither, names an unknown class or a factor below 0, or the targets are no
            class an example.
    """
    indices = class_indices(y, len(classes))
    if indices.ndim > 1:
        raise ValueError("class_weight needs one class an example; the targets have one a place")
    if isinstance(wanted, str) and wanted == BALANCED:
        counts = np.maximum(np.bincount(indices, minlength=len(classes)), 1)
        return (len(indices) / (len(classes) * counts)).astype(np.float32)
    if not isinstance(wanted, Mapping):
        raise ValueError(
            f"class_weight must be null, {BALANCED} or a factor for each class; received {wanted!r}"
        )
    made = np.ones(len(classes), np.float32)
    for name, factor in wanted.items():
        number = isinstance(factor, int | float) and not isinstance(factor, bool)
        if not number or not 0 <= factor < np.inf:
            raise ValueError(f"class_weight of {name} must be a number from 0; received {factor!r}")
        made[_index(name, classes)] = factor
    return made


def weighted(split: Split, of_class: Array) -> Split:
    """Return a split whose examples count as their classes do, beside what they count already."""
    return replace(split, sample_weight=example_weights(of_class, split.y, split.sample_weight))


def example_weights(of_class: Array, y: Array, sample_weight: Array | None = None) -> Array:
    """Return how much examples count, `(n,)`: as their classes do, times their own weights."""
    weight: Array = of_class[class_indices(y, len(of_class))]
    if sample_weight is None:
        return weight
    return np.asarray(weight * sample_weight, weight.dtype)


def _index(name: Any, classes: tuple[str, ...]) -> int:
    if str(name) in classes:
        return classes.index(str(name))
    if isinstance(name, int) and 0 <= name < len(classes):
        return name
    raise ValueError(f"class_weight names the class {name!r}, which is none of {list(classes)}")
