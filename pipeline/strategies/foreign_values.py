"""Values that come from elsewhere than the oracle, brought into a search space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras_tuner
from keras_tuner.engine import hyperparameters as kinds

from pipeline.configuration.config import unknown
from pipeline.strategies.grids import Values, ValuesOf
from pipeline.strategies.sampling import choose, sample

_MOST_SHOWN = 12  # values in a sentence


@dataclass(frozen=True)
class Fitted:
    """Values of another search space, in this one.

    Attributes:
        values: Of all active hyperparameters; None if they cannot be brought into the space.
        clipped: The names of those that had to be changed: the value there, and the one here.
        added: The names of those that the other space did not have; they have their defaults.
        lost: The names of those that this space does not have.
        reason: Why they cannot be brought into it.
    """

    values: Values | None
    clipped: Mapping[str, tuple[Any, Any]]
    added: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    reason: str = ""

    @property
    def exact(self) -> bool:
        """Whether they are the same values in both spaces."""
        return self.values is not None and not (self.clipped or self.added or self.lost)


def checked(
    space: keras_tuner.HyperParameters, values_of: ValuesOf, given: Mapping[str, Any], where: str
) -> Values:
    """Complete values that a person gives with defaults.

    Args:
        space: The search space.
        values_of: Gives the values of a hyperparameter, None if they are continuous.
        given: Some values by name.
        where: What they are called in a sentence.

    Returns:
        The values of all active hyperparameters.

    Raises:
        ValueError: A name is unknown or inactive, or a value is outside; one sentence says which.
    """
    known = {hp.name for hp in space.space}
    for name in given:
        if name not in known:
            raise ValueError(unknown(f"{where}.{name}", known, name))
    values = choose(space, lambda hp: _given(hp, values_of(hp), given, where))
    for name in given:
        if name not in values:
            conditions = [hp.conditions for hp in space.space if hp.name == name]
            needed = {one.name: one.values for group in conditions for one in group}
            told = " and ".join(f"{of} in {list(allowed)}" for of, allowed in needed.items())
            raise ValueError(
                f"{where}.{name} does not count with the other values: it needs {told}"
            )
    return values


def fitted(
    space: keras_tuner.HyperParameters, values_of: ValuesOf, other: Mapping[str, Any]
) -> Fitted:
    """Bring the values of another search's trial into a space, the nearest ones where need be.

    Args:
        space: The search space.
        values_of: Gives the values of a hyperparameter, None if they are continuous.
        other: The values there.

    Returns:
        The values here, and what had to be changed.
    """
    clipped: dict[str, tuple[Any, Any]] = {}
    added: list[str] = []
    homeless: list[str] = []

    def value(hp: Any) -> Any:
        if hp.name not in other:
            added.append(hp.name)
            return hp.default
        there, values = other[hp.name], values_of(hp)
        if _has(hp, values, there):
            return _as_declared(values, there)
        here = _nearest(hp, values, there)
        if here is None:
            homeless.append(hp.name)
            return hp.default
        clipped[hp.name] = (there, here)
        return here

    values = choose(space, value)
    known = {hp.name for hp in space.space}
    lost = tuple(sorted(other.keys() - known))
    if homeless:
        name = homeless[0]
        return Fitted(None, {}, reason=f"{name}={other[name]!r} is no value here")
    return Fitted(values, clipped, tuple(added), lost)


def with_stated(
    space: keras_tuner.HyperParameters, values_of: ValuesOf, stated: Mapping[str, Any], seed: int
) -> Values:
    """Return a combination with the defaults that are stated, and random values for the rest.

    Args:
        space: The search space.
        values_of: Gives the values of a hyperparameter, None if they are continuous.
        stated: Defaults by name; one that is no value any more does not count.
        seed: Any integer.
    """
    drawn = sample(space, seed)

    def value(hp: Any) -> Any:
        default, values = stated.get(hp.name), values_of(hp)
        if default is not None and _has(hp, values, default):
            return _as_declared(values, default)
        return drawn.get(hp.name, hp.default)

    return choose(space, value)


def _given(hp: Any, values: Sequence[Any] | None, given: Mapping[str, Any], where: str) -> Any:
    if hp.name not in given:
        return hp.default
    value = given[hp.name]
    if not _has(hp, values, value):
        allowed = _allowed(hp, values)
        raise ValueError(f"{where}.{hp.name} must be {allowed}; received {value!r}")
    return _as_declared(values, value)


def _has(hp: Any, values: Sequence[Any] | None, value: Any) -> bool:
    """Whether a value is one of a hyperparameter's, 2 being one of numbers such as 2.0."""
    if values is None:
        return _is_number(value) and hp.min_value <= value <= hp.max_value
    return any(_is_same(value, one) for one in values)


def _is_same(one: Any, other: Any) -> bool:
    kind = isinstance(one, bool), isinstance(other, bool)
    return bool(kind[0] == kind[1] and one == other)


def _as_declared(values: Sequence[Any] | None, value: Any) -> Any:
    """Return a value of the type that the hyperparameter has."""
    if values is None:
        return float(value)
    return next(one for one in values if _is_same(value, one))


def _nearest(hp: Any, values: Sequence[Any] | None, value: Any) -> Any:
    """Return the nearest value of a hyperparameter's; None if there is no such thing."""
    if isinstance(hp, kinds.Fixed):
        return hp.value
    if not _is_number(value):
        return None
    if values is None:
        return float(min(max(value, hp.min_value), hp.max_value))
    if not all(map(_is_number, values)):
        return None
    return min(values, key=lambda one: abs(one - value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _allowed(hp: Any, values: Sequence[Any] | None) -> str:
    if values is None:
        return f"a number from {hp.min_value} to {hp.max_value}"
    if isinstance(values, range) and values.step == 1:
        return f"an integer from {values[0]} to {values[-1]}"
    shown = ", ".join(map(str, values[:_MOST_SHOWN]))
    return f"one of {shown}{', …' if len(values) > _MOST_SHOWN else ''}"
