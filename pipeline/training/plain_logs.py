"""What Keras reports of an epoch or a test, as plain numbers by name."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


def plain_logs(logs: Mapping[str, Any] | None) -> dict[str, float]:
    """Return what Keras reports as numbers, each with a name of its own.

    The result of a metric may be an array or a sequence: `f1` with a value for each of three
    classes is `f1_0`, `f1_1` and `f1_2`, and a matrix `m` is `m_0_0`, `m_0_1` and so on. The plain
    name is that of their mean. A single value keeps the metric's name, whatever its shape. The
    entries of a dictionary stand by their own names, as Keras 3.15 has them (`pythonify_logs`).

    Args:
        logs: Keras's logs, a callback's additions included. Texts and None are no numbers, and
            are left out.

    Returns:
        The numbers, in the order of the logs.
    """
    return {name: number for item in (logs or {}).items() for name, number in _numbers(*item)}


def _numbers(name: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        yield from plain_logs(value).items()
        return
    numbers = list(_parts(name, value))
    if len(numbers) > 1:
        yield name, sum(number for _, number in numbers) / len(numbers)
    yield from numbers


def _parts(name: str, value: Any) -> Iterator[tuple[str, float]]:
    """Yield each number of a value, by the metric's name and its place in it."""
    if value is None or isinstance(value, str | bytes):
        return
    if isinstance(value, Mapping):
        yield from plain_logs(value).items()
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _parts(name if len(value) == 1 else f"{name}_{index}", item)
    else:
        array = np.asarray(value)
        for indices, number in np.ndenumerate(array):
            numbered = "_".join([name, *map(str, indices)])
            yield name if array.size == 1 else numbered, float(number)
