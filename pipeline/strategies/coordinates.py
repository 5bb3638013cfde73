"""A search space as a unit cube: many combinations at once, as rows of an array."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine import hyperparameters as kinds

from pipeline.strategies.grids import Values, is_active, is_uneven, values_of, varies
from pipeline.strategies.sampling import choose_at, from_unit, to_unit

Array = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


class Coordinates:
    """A column for each hyperparameter that varies, its values spread over 0 to 1 (`to_unit`).

    An inactive hyperparameter, and one that a trial did not know yet, is where its default is.

    Args:
        space: The search space.

    Attributes:
        columns: The hyperparameters that vary, in the order of the space.
        features: For each feature (`Coordinates.features_of`), the number of its column.
        gaps: For each column how far its values are from each other, 0 if it is continuous.
    """

    def __init__(self, space: keras_tuner.HyperParameters) -> None:
        self._space = space
        self.columns: Sequence[Any] = [hp for hp in space.space if varies(hp)]
        self._defaults = np.array([to_unit(hp, hp.default) for hp in self.columns])
        self._numbers = {id(hp): number for number, hp in enumerate(self.columns)}
        self.gaps = np.array(
            [1 / len(values_of(hp) or ()) if values_of(hp) else 0.0 for hp in self.columns]
        )
        self._categories = [_categories(hp) for hp in self.columns]
        widths = [count or 1 for count in self._categories]
        self.features = np.repeat(np.arange(len(self.columns)), widths)

    def points_of(self, combinations: Iterable[Mapping[str, Any]]) -> Array:
        """Return one row a combination of values.

        Args:
            combinations: The values of hyperparameters by their names.

        Returns:
            Shape (combinations, columns), from 0 to 1.
        """
        rows = [
            [
                to_unit(hp, values[hp.name] if _has(hp, values) else hp.default)
                for hp in self.columns
            ]
            for values in combinations
        ]
        return np.array(rows, dtype=float).reshape(-1, len(self.columns))

    def values_at(self, point: Array) -> Values:
        """Return the combination at a point; what does not vary has no coordinate, needs none."""
        return choose_at(self._space, self.columns, point)

    def nearest(self, points: Array) -> Array:
        """Return for each point that of the combination it stands for.

        Args:
            points: Shape (points, columns), from 0 to 1.

        Returns:
            As `points_of` gives the combinations of `values_at`.
        """
        snapped = np.stack(
            [_snap(hp, points[:, number]) for number, hp in enumerate(self.columns)], axis=1
        )
        if not any(hp.conditions for hp in self._space.space):
            return snapped
        return np.where(self._active(snapped), snapped, self._defaults)

    def features_of(self, points: Array) -> Array:
        """Return numbers whose Euclidean distances tell how different combinations are.

        Values with an order keep their coordinate. Others get a feature each, so that any two
        of them are 1 apart.

        Args:
            points: Shape (points, columns), as `points_of` returns them.

        Returns:
            Shape (points, features).
        """
        features = []
        for column, count in zip(points.T, self._categories, strict=True):
            if count is None:
                features.append(column[:, None])
            else:
                index = np.minimum((column * count).astype(int), count - 1)
                features.append(np.eye(count)[index] * np.sqrt(0.5))
        return np.concatenate(features, axis=1)

    def _has(self, hp: Any) -> bool:
        return id(hp) in self._numbers

    def _active(self, points: Array) -> Mask:
        """Return where each column is active; of those that share a name, the first counts."""
        active: dict[str, list[tuple[Any, Mask]]] = {}
        columns = np.empty(points.shape, dtype=bool)
        for hp in self._space.space:
            mask = np.ones(len(points), dtype=bool)
            for condition in hp.conditions:
                holds = np.zeros(len(points), dtype=bool)
                for parent, there in active.get(condition.name, ()):
                    holds |= there & self._switched(parent, condition, points)
                mask &= holds
            for _, there in active.get(hp.name, ()):
                mask &= ~there
            active.setdefault(hp.name, []).append((hp, mask))
            if self._has(hp):
                columns[:, self._numbers[id(hp)]] = mask
        return columns

    def _switched(self, parent: Any, condition: Any, points: Array) -> Mask:
        """Return where the value of a parent, if active, fulfils a condition."""
        if not self._has(parent):
            fulfilled = condition.is_active({parent.name: from_unit(parent, 0)})
            return np.full(len(points), fulfilled)
        column = points[:, self._numbers[id(parent)]]
        distinct, index = np.unique(column, return_inverse=True)
        fulfilled = [
            condition.is_active({parent.name: from_unit(parent, float(fraction))})
            for fraction in distinct
        ]
        return np.array(fulfilled)[index]


def _has(hp: Any, values: Mapping[str, Any]) -> bool:
    return hp.name in values and is_active(hp, values)


def _categories(hp: Any) -> int | None:
    """Return how many values without an order a hyperparameter has, None if they have one."""
    if isinstance(hp, kinds.Choice) and not hp.ordered:
        return len(values_of(hp) or ())
    return None


def _snap(hp: Any, fractions: Array) -> Array:
    """Return where the values at fractions of a range are, as `to_unit` of `from_unit`."""
    values = values_of(hp)
    if values is None:
        return fractions
    if not is_uneven(hp):
        count = len(values)
        return (np.minimum(np.floor(fractions * count), count - 1) + 0.5) / count
    low, high = hp.min_value, hp.max_value + 1
    if hp.sampling == "log":
        numbers = np.minimum(np.floor(low * (high / low) ** fractions), hp.max_value)
        return np.asarray(np.log((numbers + 0.5) / low) / np.log(high / low))
    numbers = np.floor(high + low - low * (high / low) ** (1 - fractions))
    numbers = np.minimum(numbers, hp.max_value)
    return np.asarray(1 - np.log((high + low - 0.5 - numbers) / low) / np.log(high / low))
