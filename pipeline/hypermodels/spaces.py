"""The search space: what the configuration makes of what a hypermodel declares."""

import difflib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras_tuner
from keras_tuner.engine import hyperparameters as kinds

from pipeline.hypermodels.discovery import DeclaredSpace
from pipeline.hypermodels.exploration import UNDECLARED, explore

_RANGE_KEYS = ("min_value", "max_value", "step", "sampling")
_SAMPLINGS = ("linear", "log", "reverse_log")
_TYPE_NAMES = {bool: "true or false", int: "an integer", float: "a number", str: "text"}


@dataclass(frozen=True)
class SearchSpace:
    """What a search varies.

    Attributes:
        declared: What the hypermodel declares at its defaults and in its scopes, overridden by the
            configuration: what tells searches apart.
        explored: That and what it asks for at other values, conditional where only some ask for
            it: what is searched.
        stated: The defaults that the hypermodel states, by name.
    """

    declared: keras_tuner.HyperParameters
    explored: keras_tuner.HyperParameters
    stated: Mapping[str, Any]


def search_space(
    hypermodel: keras_tuner.HyperModel,
    discovered: DeclaredSpace,
    overrides: Mapping[str, Any],
) -> SearchSpace:
    """Explore what a hypermodel asks for, as the configuration overrides it.

    Args:
        hypermodel: What builds the models.
        discovered: What `discover` found of it.
        overrides: As of `override`.

    Returns:
        The space.

    Raises:
        ValueError: As of `override`.
    """
    declared = _override(discovered, overrides)
    explored = explore(
        hypermodel,
        declared,
        lambda hp: _overridden(hp, overrides[hp.name]) if hp.name in overrides else hp,
    )
    check_known(explored, overrides)
    return SearchSpace(declared, explored, discovered.stated)


def at_defaults(
    space: keras_tuner.HyperParameters, tuned: Collection[str]
) -> keras_tuner.HyperParameters:
    """Fix what is not tuned at its default, as KerasTuner's `tune_new_entries=False` does.

    Args:
        space: A search space.
        tuned: The names of what stays as it is.

    Returns:
        A new space with the same names, conditions and order.
    """
    result = keras_tuner.HyperParameters()
    result.merge(
        [
            hp if hp.name in tuned else kinds.Fixed(hp.name, hp.default, conditions=hp.conditions)
            for hp in space.space
        ]
    )
    return result


def override(
    space: keras_tuner.HyperParameters, overrides: Mapping[str, Any]
) -> keras_tuner.HyperParameters:
    """Apply the configuration's `hyperparameters` to a search space.

    A scalar fixes a hyperparameter, a list makes it a choice, a mapping of `min_value`,
    `max_value`, `step` and `sampling` makes it a range; a range takes what the mapping leaves out
    from the declared one. Values have the type that the hypermodel declared. `batch_size` and
    `epochs` need no declaration.

    Args:
        space: What the hypermodel declares.
        overrides: Hyperparameter names and what to make of them.

    Returns:
        A new space with the same names, conditions and order; `batch_size` and `epochs` last if
        the hypermodel does not declare them.

    Raises:
        ValueError: A name is unknown, or a value does not fit; the sentence says what does.

    Example:
        `override(space, {"units": {"max_value": 64}, "activation": ["relu", "gelu"], "epochs": 5})`
    """
    check_known(space, overrides)
    return _override(space, overrides)


def check_known(space: keras_tuner.HyperParameters, overrides: Iterable[str]) -> None:
    """Raise a ValueError if a name is neither in a space nor `batch_size` or `epochs`."""
    declared = {hp.name for hp in space.space}
    for name in overrides:
        if name not in declared and name not in UNDECLARED:
            raise ValueError(_unknown(name, [*declared, *UNDECLARED]))


def _override(
    space: keras_tuner.HyperParameters, overrides: Mapping[str, Any]
) -> keras_tuner.HyperParameters:
    """Return a space as the configuration wants it, as far as it has what is named."""
    declared = {hp.name for hp in space.space}
    hyperparameters = [
        _overridden(hp, overrides[hp.name]) if hp.name in overrides else hp for hp in space.space
    ]
    for name in UNDECLARED:
        if name in overrides and name not in declared:
            hyperparameters.append(_overridden(kinds.Fixed(name, 1), overrides[name]))
    result = keras_tuner.HyperParameters()
    result.merge(hyperparameters)
    return result


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    others = sorted(set(known) - set(close))
    return f"hyperparameters.{name} is unknown; known are {', '.join(close + others)}"


def _overridden(hp: Any, override: Any) -> Any:
    kind = _type(hp)
    if isinstance(override, Mapping):
        return _range(hp, kind, override)
    if isinstance(override, Sequence) and not isinstance(override, str):
        return _choice(hp, kind, override)
    value = _cast(hp.name, kind, override)
    _check_sign(hp, [value])
    return kinds.Fixed(hp.name, value, conditions=hp.conditions)


def _check_sign(hp: Any, values: Sequence[Any]) -> None:
    """Refuse values whose sign no value has that was declared: a rate below 0 trains nothing."""
    if _type(hp) not in (int, float):
        return
    logarithmic = getattr(hp, "sampling", None) in ("log", "reverse_log")
    least = hp.min_value if isinstance(hp, kinds.Int | kinds.Float) else min(hp.values)
    if least < 0:
        return
    for value in values:
        if value < 0 or (value == 0 and logarithmic):
            allowed = "above 0" if logarithmic else "0 or more"
            raise ValueError(
                f"hyperparameters.{hp.name} must be {allowed}, like all declared values; "
                f"received {value!r}"
            )


def _choice(hp: Any, kind: type, listed: Sequence[Any]) -> Any:
    values = [_cast(hp.name, kind, value) for value in listed]
    if not values:
        raise ValueError(f"hyperparameters.{hp.name} must list at least one value; received []")
    if len(set(values)) < len(values):
        raise ValueError(
            f"hyperparameters.{hp.name} must list each value once; received {list(listed)!r}"
        )
    _check_sign(hp, values)
    if kind is bool:  # a Choice would turn booleans into 0 and 1
        if len(values) == 1:
            return kinds.Fixed(hp.name, values[0], conditions=hp.conditions)
        return kinds.Boolean(hp.name, default=bool(hp.default), conditions=hp.conditions)
    default = hp.default if hp.default in values else None
    return kinds.Choice(hp.name, values, default=default, conditions=hp.conditions)


def _range(hp: Any, kind: type, given: Mapping[str, Any]) -> Any:
    where = f"hyperparameters.{hp.name}"
    if kind not in (int, float):
        raise ValueError(f"{where} takes a value or a list, not a range; received {dict(given)!r}")
    if not given or set(given) - set(_RANGE_KEYS):
        raise ValueError(
            f"{where} must have keys among {', '.join(_RANGE_KEYS)}; received {dict(given)!r}"
        )
    limits = _limits(hp, kind, given)
    low, high, step, sampling = (limits[key] for key in _RANGE_KEYS)
    if sampling not in _SAMPLINGS:
        raise ValueError(
            f"{where}.sampling must be one of {', '.join(_SAMPLINGS)}; received {sampling!r}"
        )
    if low > high:
        raise ValueError(f"{where}.min_value must not exceed max_value; received {low} and {high}")
    _check_sign(hp, [low] if sampling == "linear" else [])
    if sampling != "linear" and low <= 0:
        raise ValueError(f"{where}.min_value must be above 0 for {sampling} sampling; it is {low}")
    smallest = 0 if sampling == "linear" else 1  # under log sampling a step multiplies
    if step is not None and step <= smallest:
        raise ValueError(
            f"{where}.step must be above {smallest} for {sampling} sampling; received {step}"
        )
    default = hp.default if low <= hp.default <= high else None
    declare = kinds.Int if kind is int else kinds.Float
    return declare(hp.name, **limits, default=default, conditions=hp.conditions)


def _limits(hp: Any, kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the four keys of a range: those given, the others as declared."""
    limits: dict[str, Any] = {"step": None, "sampling": "linear"}
    if isinstance(hp, kinds.Int | kinds.Float):
        limits = {key: getattr(hp, key) for key in _RANGE_KEYS}
        if given.get("sampling", hp.sampling) != hp.sampling:
            limits["step"] = None  # a step adds or multiplies, depending on the sampling
    for key, value in given.items():
        keep = key == "sampling" or (key == "step" and value is None)
        limits[key] = value if keep else _cast(hp.name, kind, value, f".{key}")
    if "min_value" not in limits or "max_value" not in limits:
        raise ValueError(
            f"hyperparameters.{hp.name} was declared without a range, so it needs min_value and "
            f"max_value; received {dict(given)!r}"
        )
    return limits


def _type(hp: Any) -> type:
    """Return the Python type of a hyperparameter's values."""
    if isinstance(hp, kinds.Float):
        return float
    if isinstance(hp, kinds.Int):
        return int
    return next(kind for kind in _TYPE_NAMES if isinstance(hp.values[0], kind))


def _cast(name: str, kind: type, value: Any, key: str = "") -> Any:
    positive = name in UNDECLARED and kind is int and key != ".step"
    fits = type(value) is kind or (kind is float and type(value) is int)
    if not fits or (kind is float and not math.isfinite(value)) or (positive and value < 1):
        expected = "a positive integer" if positive else _TYPE_NAMES[kind]
        raise ValueError(f"hyperparameters.{name}{key} must be {expected}; received {value!r}")
    return kind(value)
