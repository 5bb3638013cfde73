"""The shapes that a model was built with, where its hypermodel leaves that to its training."""

import warnings
from collections.abc import Mapping
from typing import Any

import keras


def build_shapes(model: keras.Model) -> Mapping[str, Any] | None:
    """Return what a model was built with, in values that JSON has; None if it does not tell."""
    shapes = model.get_build_config()
    return shapes if _is_plain(shapes) else None


def build_again(model: keras.Model, shapes: Mapping[str, Any]) -> None:
    """Build a model with the shapes of another one; that it may not be enough, its weights tell."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's, that the model cannot be built
        model.build_from_config({name: _with_tuples(value) for name, value in shapes.items()})


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(one) for key, one in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, int | float | str)


def _with_tuples(value: Any) -> Any:
    """Return shapes as tuples again, which JSON has made lists of."""
    if isinstance(value, Mapping):
        return {name: _with_tuples(one) for name, one in value.items()}
    if not isinstance(value, list | tuple):
        return value
    if all(size is None or isinstance(size, int) for size in value):
        return tuple(value)
    return [_with_tuples(one) for one in value]
