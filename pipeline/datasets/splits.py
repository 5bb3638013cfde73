"""Train, validation and test: how the examples of a dataset are parted."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Inputs = Array | dict[str, Array]


@dataclass(frozen=True, eq=False)
class Split:
    """Examples with their targets.

    Attributes:
        x: Raw inputs: one float32 array with an example a row, or for a table one `(n,)` array a
            column, by name: float32 (NaN where missing), or Python strings ("" where missing) in
            an object array, the only form of text that Keras takes from NumPy.
        y: `(n,)` targets: int64 class indices from 0, or float32 values for regression.

    Raises:
        ValueError: There is not one target for each input, or an input is infinite or, in an
            array, NaN.
    """

    x: Inputs
    y: Array

    def __post_init__(self) -> None:
        columns = self.x if isinstance(self.x, Mapping) else {"": self.x}
        for name, column in columns.items():
            if len(column) != len(self.y):
                where = f"column {name!r}" if name else "the inputs"
                raise ValueError(f"{len(column)} rows of {where} for {len(self.y)} targets")
            if name and column.dtype != object and np.isinf(column).any():
                raise ValueError(
                    f"column {name!r} has {np.isinf(column).sum()} infinite values (or beyond "
                    "float32's 3.4e38): correct them, or leave them empty if they are missing"
                )
        if not isinstance(self.x, Mapping):
            _check_finite(self.x)

    def __len__(self) -> int:
        return len(self.y)


def take(x: Inputs, rows: Array) -> Inputs:
    """Return the given rows of all inputs, in the given order."""
    if isinstance(x, Mapping):
        return {name: column[rows] for name, column in x.items()}
    return x[rows]


def first_rows(split: Split, count: int) -> Split:
    """Return so many of a split's first examples, of which it has as many."""
    rows = np.arange(count)
    return Split(take(split.x, rows), split.y[rows])


def join(first: Split, second: Split) -> Split:
    """Return the examples of both splits, the first's before the second's."""
    if isinstance(first.x, Mapping) and isinstance(second.x, Mapping):
        x: Inputs = {k: np.concatenate([v, second.x[k]]) for k, v in first.x.items()}
    else:
        x = np.concatenate([first.x, second.x])
    return Split(x, np.concatenate([first.y, second.y]))


def content_digest(splits: Iterable[Split], *facts: object) -> str:
    """Return 16 hexadecimal digits that stand for all examples, the same on every machine.

    Args:
        splits: The examples; their order, and that of the columns of a table, counts.
        facts: What else counts; with a `repr` that says it all.
    """
    digest = hashlib.sha256(repr(facts).encode())
    for split in splits:
        columns = split.x if isinstance(split.x, Mapping) else {"": split.x}
        for name, array in [*columns.items(), (None, split.y)]:
            digest.update(repr((name, array.dtype.str, array.shape)).encode())
            text = array.dtype == object
            digest.update(
                repr(array.tolist()).encode() if text else np.ascontiguousarray(array).data
            )
    return digest.hexdigest()[:16]


def schema(split: Split) -> dict[str, Any]:
    """Describe examples in JSON's terms as MLflow's own datasets do, so that its UI shows it."""
    if isinstance(split.x, Mapping):
        kinds = {name: "string" if x.dtype == object else "float" for name, x in split.x.items()}
        columns = [{"name": n, "type": kind, "required": True} for n, kind in kinds.items()]
        return {"mlflow_colspec": columns}
    tensors = {}
    for name, array in {"features": split.x, "targets": split.y}.items():
        spec = {"dtype": str(array.dtype), "shape": [-1, *array.shape[1:]]}
        tensors[name] = json.dumps([{"type": "tensor", "tensor-spec": spec}])
    return {"mlflow_tensorspec": tensors}


@dataclass(frozen=True)
class Partition:
    """How examples are parted at random into a rest and further splits.

    Attributes:
        sizes: Fraction of the examples in each further split, in (0, 1), by the name of the
            setting that states it; their sum is below 1, the rest is what is trained on.
        seed: Any integer; the same examples, sizes and seed give the same splits.

    Raises:
        ValueError: A size or the seed is no such number.

    Example:
        >>> train, test = Partition({"test_size": 0.2}, seed=0).apply(x, y, classes=("a", "b"))
    """

    sizes: Mapping[str, float]
    seed: int

    def __post_init__(self) -> None:
        for name, size in self.sizes.items():
            number = isinstance(size, int | float) and not isinstance(size, bool)
            if not number or not 0 < size < 1:
                raise ValueError(f"{name} must be a fraction between 0 and 1, received {size!r}")
        if sum(self.sizes.values()) >= 1:
            raise ValueError(
                f"the sum of {self._stated()} must be below 1, or nothing is left to train on"
            )
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise ValueError(f"seed must be an integer, received {self.seed!r}")

    def apply(self, x: Inputs, y: Array, *, classes: tuple[str, ...]) -> list[Split]:
        """Part examples; each class by itself, so that every split has its share of every class.

        Args:
            x: The inputs of all examples.
            y: Their targets, `(n,)`.
            classes: Names of the classes; empty for regression, where all are parted together.

        Returns:
            The rest, then a split for each size, in order. Each example is in exactly one, and
            each further split has, to within half an example, its share of every class, and at
            least one. Inside a split the order is the original one.

        Raises:
            ValueError: There are too few examples (of a class) for one in every split.
        """
        random = np.random.default_rng([int(self.seed < 0), abs(self.seed)])
        split_of = np.zeros(len(y), dtype=np.int64)
        for label, rows in enumerate(_groups(y, classes)):
            counts = [max(1, math.floor(len(rows) * size + 0.5)) for size in self.sizes.values()]
            if sum(counts) >= len(rows):
                who = f"class {classes[label]!r}" if classes else "the dataset"
                raise ValueError(
                    f"{who} has too few examples ({len(rows)}) to part with {self._stated()}: "
                    f"each of the {len(counts) + 1} splits needs at least one"
                )
            numbers = np.repeat(np.arange(1, len(counts) + 1), counts)
            split_of[random.permutation(rows)[: len(numbers)]] = numbers
        parts = [np.flatnonzero(split_of == number) for number in range(len(self.sizes) + 1)]
        return [Split(take(x, rows), y[rows]) for rows in parts]

    def _stated(self) -> str:
        return " and ".join(f"{name}={size}" for name, size in self.sizes.items())


def _groups(y: Array, classes: tuple[str, ...]) -> list[Array]:
    if not classes:
        return [np.arange(len(y))]
    return [np.flatnonzero(y == label) for label in range(len(classes))]


def _check_finite(x: Array) -> None:
    bad = ~np.isfinite(x)
    if bad.any():
        rows = int(bad.reshape(len(x), -1).any(axis=1).sum())
        columns = np.flatnonzero(bad.any(axis=0)).tolist() if x.ndim == 2 else []
        where = f", in the columns {columns} (counted from 0)" if columns else ""
        raise ValueError(
            f"the inputs have {bad.sum()} NaN or infinite values in {rows} of {len(x)} "
            f"examples{where}: all must be finite numbers"
        )
