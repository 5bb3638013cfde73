"""The values of hyperparameters: all of them, a grid of them, and how many combinations."""

import itertools
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import keras_tuner
from keras_tuner.engine import hyperparameters as kinds

Values = dict[str, Any]
ValuesOf = Callable[[Any], Sequence[Any] | None]

_GRID_POINTS = 10
_ROUNDING = 1e-9  # what floating-point arithmetic may take from a range's upper end


def values_of(hp: Any) -> Sequence[Any] | None:
    """Return all values of a hyperparameter, each once, in their natural order.

    Unlike KerasTuner's, a range with a step includes its upper end where the step meets it
    (`Float(0, 1, step=0.1)` has 11 values), and they are the decimal numbers a person would
    write (0.3, not 0.1 + 2 * 0.1).

    Args:
        hp: A KerasTuner hyperparameter.

    Returns:
        The values, or None if they are continuous.
    """
    if isinstance(hp, kinds.Boolean):
        return (False, True)
    if isinstance(hp, kinds.Choice):
        return tuple(dict.fromkeys(hp.values))
    if isinstance(hp, kinds.Fixed):
        return (hp.value,)
    if isinstance(hp, kinds.Int) and (hp.step is None or hp.sampling == "linear"):
        return range(hp.min_value, hp.max_value + 1, hp.step or 1)
    if hp.step is None:
        return None if hp.min_value < hp.max_value else (hp.min_value,)
    return _stepped(hp.min_value, hp.max_value, hp.step, hp.sampling)


def grid_values(hp: Any) -> Sequence[Any]:
    """Return the values that a grid search tries, in their natural order.

    Args:
        hp: A KerasTuner hyperparameter.

    Returns:
        All values; of a range without a step 10 of them, evenly spaced in the range's sampling,
        both ends included (fewer if integers coincide). An integer range with linear sampling
        has a step, 1 by default.
    """
    values = values_of(hp)
    if values is not None and (not is_uneven(hp) or len(values) <= _GRID_POINTS):
        return values
    points = [scaled(hp, i / (_GRID_POINTS - 1), hp.max_value) for i in range(_GRID_POINTS)]
    points = [hp.min_value, *points[1:-1], hp.max_value]
    return tuple(dict.fromkeys(map(round, points) if is_uneven(hp) else points))


def size(space: keras_tuner.HyperParameters, values: ValuesOf = values_of) -> int | None:
    """Count the combinations of active values.

    Args:
        space: The search space.
        values: Gives the values of a hyperparameter, None if there are infinitely many.

    Returns:
        The number of combinations, or None if it is infinite.
    """
    return _count(space.space, {}, values)


def combinations(
    space: keras_tuner.HyperParameters, values: Callable[[Any], Iterable[Any]] = grid_values
) -> Iterator[Values]:
    """Yield the combinations of active values one by one, the last hyperparameter fastest.

    Args:
        space: The search space.
        values: Gives the values to combine, in their order.

    Yields:
        The values of the active hyperparameters.
    """
    return _extensions(tuple(space.space), {}, values)


def varies(hp: Any) -> bool:
    """Return whether a hyperparameter has more than one value."""
    values = values_of(hp)
    return values is None or len(values) > 1


def is_active(hp: Any, values: Mapping[str, Any]) -> bool:
    """Return whether all conditions of a hyperparameter hold under the values."""
    return all(condition.is_active(values) for condition in hp.conditions)


def key(values: Mapping[str, Any]) -> str:
    """Return a text that is equal for equal hyperparameters (KerasTuner's own values left out)."""
    own = {name: value for name, value in values.items() if not name.startswith("tuner/")}
    return json.dumps(own, sort_keys=True)


def is_uneven(hp: Any) -> bool:
    """Return whether it is a range of integers that are not equally likely."""
    return isinstance(hp, kinds.Int) and hp.step is None


def scaled(hp: Any, fraction: float, high: float) -> float:
    """Return the number at a fraction of a range, in the range's sampling.

    Args:
        hp: A KerasTuner range.
        fraction: From 0 to 1.
        high: The number at 1.

    Returns:
        The number, never outside the range: at 0 it is `min_value`.
    """
    low = hp.min_value
    if hp.sampling == "linear":
        number = low + fraction * (high - low)
    elif hp.sampling == "log":
        number = low * (high / low) ** fraction
    else:
        number = high + low - low * (high / low) ** (1 - fraction)
    return float(min(max(number, low), high))


@lru_cache(maxsize=1024, typed=True)
def _stepped(low: float, high: float, step: float, sampling: str) -> tuple[Any, ...]:
    """Return the values of a range in exact decimal arithmetic, each of `low`'s type."""
    first, last, width = (Decimal(str(number)) for number in (low, high, step))
    if sampling == "linear":
        count = int((high - low) / step + _ROUNDING) + 1
        exact = [first + i * width for i in range(count)]
    else:
        count = int(math.log(high / low, step) + _ROUNDING) + 1
        exact = [first * width**i for i in range(count)]
    near = _ROUNDING * (high - low)
    values = [last if abs(value - last) <= near else value for value in exact]
    if sampling == "reverse_log":
        values = [first + last - value for value in reversed(values)]
    return tuple(type(low)(value) for value in values)


def _extensions(
    hps: Sequence[Any], chosen: Values, values: Callable[[Any], Iterable[Any]]
) -> Iterator[Values]:
    for position, hp in enumerate(hps):
        if hp.name not in chosen and is_active(hp, chosen):
            rest = hps[position + 1 :]
            for value in values(hp):
                yield from _extensions(rest, {**chosen, hp.name: value}, values)
            return
    yield chosen


def _count(hps: Iterable[Any], decided: Values, values: ValuesOf) -> int | None:
    """Count the combinations of what is still open: independent groups multiply."""
    counts = [_count_group(group, decided, values) for group in _groups(hps, decided)]
    return None if None in counts else math.prod(count for count in counts if count is not None)


def _count_group(group: Sequence[Any], decided: Values, values: ValuesOf) -> int | None:
    """Add up over the values of the first hyperparameter, those that switch alike together."""
    first, rest = group[0], group[1:]
    domain = values(first)
    if domain is None:
        return None
    conditions = [c for hp in rest for c in hp.conditions if c.name == first.name]
    if not conditions:
        alike: Iterable[tuple[Any, int]] = [(domain[0], len(domain))]
    else:
        switched = {v: tuple(c.is_active({first.name: v}) for c in conditions) for v in domain}
        frequencies = Counter(switched.values())
        alike = [(v, frequencies.pop(s)) for v, s in switched.items() if s in frequencies]
    total = 0
    for value, frequency in alike:
        count = _count(rest, {**decided, first.name: value}, values)
        if count is None:
            return None
        total += frequency * count
    return total


def _groups(hps: Iterable[Any], decided: Values) -> list[list[Any]]:
    """Split the hyperparameters that may still become active into independent groups."""
    open_names: set[str] = set()
    groups: list[tuple[set[str], list[Any]]] = []
    for hp in hps:
        undecided = {c.name for c in hp.conditions if c.name not in decided}
        possible = all(c.is_active(decided) for c in hp.conditions if c.name in decided)
        if hp.name in decided or not possible or not undecided <= open_names:
            continue
        open_names.add(hp.name)
        names = {hp.name, *undecided}
        linked = [group for group in groups if group[0] & names]
        groups = [group for group in groups if not group[0] & names]
        members = [*itertools.chain.from_iterable(group[1] for group in linked), hp]
        groups.append((names.union(*(group[0] for group in linked)), members))
    return [members for _, members in groups]
