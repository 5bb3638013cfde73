"""The search space: what a hypermodel declares, and what the configuration makes of it."""

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import keras_tuner
from keras_tuner.engine import hyperparameters as kinds

_TRAINING = ("batch_size", "epochs")
_RANGE_KEYS = ("min_value", "max_value", "step", "sampling")
_SAMPLINGS = ("linear", "log", "reverse_log")
_TYPE_NAMES = {bool: "true or false", int: "an integer", float: "a number", str: "text"}


def discover(
    hypermodel: keras_tuner.HyperModel | Callable[[keras_tuner.HyperParameters], keras.Model],
    *,
    compiled: bool = True,
) -> keras_tuner.HyperParameters:
    """Find every hyperparameter that a hypermodel declares while it builds, conditional ones too.

    The model is built once with all defaults, then once for each conditional scope that no
    earlier build had entered. (`keras_tuner.BaseTuner` does the same, but fills in unseeded
    random values and never ends if a scope cannot be entered.)

    Args:
        hypermodel: A `keras_tuner.HyperModel` or a function `build(hp)`.
        compiled: Whether it must compile its models, unless it has a `fit` of its own.

    Returns:
        The search space; parents come before the hyperparameters that depend on them.

    Raises:
        TypeError: The hypermodel is neither, or its build returns no `keras.Model`.
        ValueError: The model is not compiled, although it must be.
    """
    space = keras_tuner.HyperParameters()
    if isinstance(hypermodel, keras_tuner.HyperModel):
        hypermodel.declare_hyperparameters(space)
        build = hypermodel.build
    elif callable(hypermodel):
        build = hypermodel
    else:
        raise TypeError(
            "a hypermodel must be a keras_tuner.HyperModel or a function build(hp); "
            f"received {hypermodel!r}"
        )
    entered: list[Any] = []
    passed: list[Any] = []
    attempted: list[Any] = []
    scope: list[Any] | None = []
    try:
        while scope is not None:
            attempted.append(scope)
            hp = _inside(space, scope)
            _check_model(build(hp), compiled=compiled and not _trains_itself(hypermodel))
            space.merge(hp, overwrite=False)
            entered += hp.active_scopes
            passed += hp.inactive_scopes
            scope = next((s for s in passed if s not in entered and s not in attempted), None)
    finally:
        keras.utils.clear_session()
    return space


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
    declared = {hp.name for hp in space.space}
    for name in overrides:
        if name not in declared and name not in _TRAINING:
            raise ValueError(_unknown(name, [*declared, *_TRAINING]))
    hyperparameters = [
        _overridden(hp, overrides[hp.name]) if hp.name in overrides else hp for hp in space.space
    ]
    for name in _TRAINING:
        if name in overrides and name not in declared:
            hyperparameters.append(_overridden(kinds.Fixed(name, 1), overrides[name]))
    result = keras_tuner.HyperParameters()
    result.merge(hyperparameters)
    return result


def _inside(space: keras_tuner.HyperParameters, scope: Sequence[Any]) -> Any:
    """Return the space with values that enter a conditional scope, defaults elsewhere."""
    hp = space.copy()
    hp.values = {condition.name: condition.values[0] for condition in scope}
    for hyperparameter in hp.space:
        if hp.is_active(hyperparameter):
            hp.values.setdefault(hyperparameter.name, hyperparameter.default)
        elif not hp.is_active(hyperparameter.name):
            hp.values.pop(hyperparameter.name, None)
    return hp


def _trains_itself(hypermodel: object) -> bool:
    """Whether a hypermodel has a `fit` of its own, which may train without compiling."""
    return (
        isinstance(hypermodel, keras_tuner.HyperModel)
        and type(hypermodel).fit is not keras_tuner.HyperModel.fit
    )


def _check_model(model: object, *, compiled: bool) -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(
            "the hypermodel's build must return a keras.Model; "
            f"it returned {model!r} of type {type(model).__name__}"
        )
    if compiled and not model.compiled:
        raise ValueError(
            "the hypermodel's build must return a compiled model; "
            f"it returned {model.name!r}, on which compile() was not called"
        )


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
    positive = name in _TRAINING and kind is int and key != ".step"
    fits = type(value) is kind or (kind is float and type(value) is int)
    if not fits or (kind is float and not math.isfinite(value)) or (positive and value < 1):
        expected = "a positive integer" if positive else _TYPE_NAMES[kind]
        raise ValueError(f"hyperparameters.{name}{key} must be {expected}; received {value!r}")
    return kind(value)
