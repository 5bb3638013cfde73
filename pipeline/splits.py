"""Train, validation and test: how the examples of a dataset are parted."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Inputs = Array | dict[str, Array]


@dataclass(frozen=True, eq=False)
class Split:
    """Examples with their targets.

    Attributes:
        x: Raw inputs: one array with an example a row, or for a table one `(n, 1)` array a
            column, float32 (NaN where missing) or strings ("" where missing).
        y: `(n,)` targets: int64 class indices from 0, or float32 values for regression.
    """

    x: Inputs
    y: Array

    def __len__(self) -> int:
        return len(self.y)


def take(x: Inputs, rows: Array) -> Inputs:
    """Return the given rows of all inputs, in the given order."""
    if isinstance(x, Mapping):
        return {name: column[rows] for name, column in x.items()}
    return x[rows]


def join(first: Split, second: Split) -> Split:
    """Return the examples of both splits, the first's before the second's."""
    if isinstance(first.x, Mapping) and isinstance(second.x, Mapping):
        x: Inputs = {k: np.concatenate([v, second.x[k]]) for k, v in first.x.items()}
    else:
        x = np.concatenate([first.x, second.x])
    return Split(x, np.concatenate([first.y, second.y]))


def part(
    x: Inputs, y: Array, *, sizes: Mapping[str, float], classes: tuple[str, ...], seed: int
) -> list[Split]:
    """Part examples at random into a rest and one further split for each size.

    Each class is parted by itself, so that every split has every class and its share of it, to
    within half an example.

    Args:
        x: The inputs of all examples.
        y: Their targets, `(n,)`.
        sizes: Fraction of the examples, in (0, 1), by the name of the setting that holds it; the
            sum is below 1.
        classes: Names of the classes; empty for regression, where all examples are parted
            together.
        seed: Any integer; the same examples, sizes and seed give the same splits.

    Returns:
        The rest (the training examples), then one split for each size, in order; each example is
        in exactly one of them. Their order inside a split is the original one.

    Raises:
        ValueError: A size or the seed is no such number, or there are too few examples (of a
            class) to put at least one in every split.

    Example:
        >>> rest, test = part(x, y, sizes={"test_size": 0.2}, classes=(), seed=0)
    """
    _check_sizes(sizes)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ValueError(f"seed must be an integer, received {seed!r}")
    random = np.random.default_rng([int(seed < 0), abs(seed)])
    groups = [np.flatnonzero(y == label) for label in range(len(classes))] or [np.arange(len(y))]
    assigned = np.zeros(len(y), dtype=np.int64)
    for label, rows in enumerate(groups):
        counts = [max(1, math.floor(len(rows) * size + 0.5)) for size in sizes.values()]
        if sum(counts) >= len(rows):
            who = f"class {classes[label]!r}" if classes else "the dataset"
            stated = " and ".join(f"{name}={size}" for name, size in sizes.items())
            raise ValueError(
                f"{who} has {len(rows)} examples, too few to part with {stated}: "
                f"each of the {len(sizes) + 1} splits needs at least one"
            )
        shuffled = random.permutation(rows)
        ends = np.cumsum(counts)
        for number, end in enumerate(ends, start=1):
            assigned[shuffled[end - counts[number - 1] : end]] = number
    parts = [np.flatnonzero(assigned == number) for number in range(len(sizes) + 1)]
    return [Split(take(x, rows), y[rows]) for rows in parts]


def _check_sizes(sizes: Mapping[str, float]) -> None:
    for name, size in sizes.items():
        number = isinstance(size, int | float) and not isinstance(size, bool)
        if not number or not 0 < size < 1:
            raise ValueError(f"{name} must be a fraction above 0 and below 1, received {size!r}")
    if sum(sizes.values()) >= 1:
        stated = " and ".join(f"{name}={size}" for name, size in sizes.items())
        raise ValueError(f"the sum of {stated} must be below 1, or nothing is left to train on")
