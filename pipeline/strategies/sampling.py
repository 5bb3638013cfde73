"""Random values, and the numbers from 0 to 1 that stand for values."""

import itertools
import math
import random
from collections.abc import Callable, Container, Iterable
from typing import Any

import keras_tuner

from pipeline.seeds import derive_seed
from pipeline.strategies.grids import (
    Values,
    combinations,
    is_active,
    is_uneven,
    scaled,
    values_of,
)

_DRAWS = 100  # random draws before the combinations are gone through


def sample(space: keras_tuner.HyperParameters, seed: int) -> Values:
    """Draw a random value for every active hyperparameter.

    Args:
        space: The search space.
        seed: Any integer; different seeds give independent values.

    Returns:
        The values of the active hyperparameters.
    """
    generator = random.Random(derive_seed(seed))
    return choose(space, lambda hp: from_unit(hp, generator.random()))


def sample_unseen(
    space: keras_tuner.HyperParameters, seed: int, seen: Container[Values]
) -> Values | None:
    """Draw a combination that is not among those seen.

    Drawing fails only where nearly everything was seen; then the combinations are gone through
    from a random place on, which takes as many steps as there are seen ones.

    Args:
        space: The search space.
        seed: Any integer.
        seen: The combinations that are not wanted.

    Returns:
        The values of the active hyperparameters, None if all combinations were seen.
    """
    for draw in range(_DRAWS):
        values = sample(space, derive_seed(seed, draw))
        if values not in seen:
            return values
    generator = random.Random(derive_seed(seed, "order"))

    def rotated(hp: Any) -> Iterable[Any]:
        domain = values_of(hp)
        if domain is None:
            return [from_unit(hp, generator.random())]
        start = generator.randrange(len(domain))
        return itertools.chain(domain[start:], domain[:start])

    every = combinations(space, rotated)
    return next((values for values in every if values not in seen), None)


def choose(space: keras_tuner.HyperParameters, value: Callable[[Any], Any]) -> Values:
    """Give every active hyperparameter a value, parents first.

    Args:
        space: The search space.
        value: Gives the value of a hyperparameter.

    Returns:
        The values of the active hyperparameters. Where several active ones share a name, the
        first decides.
    """
    values: Values = {}
    for hp in space.space:
        if hp.name not in values and is_active(hp, values):
            values[hp.name] = value(hp)
    return values


def choose_at(
    space: keras_tuner.HyperParameters, columns: Iterable[Any], fractions: Iterable[float]
) -> Values:
    """Give every active hyperparameter the value at its fraction, as `from_unit` maps it.

    Args:
        space: The search space.
        columns: Those of its hyperparameters that have a fraction; the others have one value.
        fractions: One for each, from 0 to 1.

    Returns:
        As `choose` does.
    """
    given = {id(hp): float(fraction) for hp, fraction in zip(columns, fractions, strict=True)}
    return choose(space, lambda hp: from_unit(hp, given.get(id(hp), 0.0)))


def from_unit(hp: Any, fraction: float) -> Any:
    """Map a number from 0 to 1 to a value, so that uniform numbers give the declared sampling."""
    values = values_of(hp)
    if values is None:
        return scaled(hp, fraction, hp.max_value)
    if is_uneven(hp):
        return min(int(scaled(hp, fraction, hp.max_value + 1)), hp.max_value)
    return values[min(int(fraction * len(values)), len(values) - 1)]


def to_unit(hp: Any, value: Any) -> float:
    """Map a value to a number from 0 to 1, the inverse of `from_unit`.

    KerasTuner's own mapping divides by a float step and rounds down, so that neighbouring values
    may coincide.

    Args:
        hp: A KerasTuner hyperparameter.
        value: One of its values. A declared default that is no value of its range counts as the
            nearest one.

    Returns:
        The number; for finitely many values the middle of the value's interval.
    """
    values = values_of(hp)
    if values is None:
        return _fraction(hp, value, hp.max_value)
    if is_uneven(hp):
        return _fraction(hp, value + 0.5, hp.max_value + 1)
    if value in values:
        index = values.index(value)
    else:
        index = min(range(len(values)), key=lambda i: abs(values[i] - value))
    return (index + 0.5) / len(values)


def _fraction(hp: Any, number: float, high: float) -> float:
    """Return at which fraction of a range a number is, the inverse of `scaled`."""
    low = hp.min_value
    if hp.sampling == "linear":
        return float((number - low) / (high - low))
    if hp.sampling == "log":
        return math.log(number / low) / math.log(high / low)
    return 1 - math.log((high + low - number) / low) / math.log(high / low)
