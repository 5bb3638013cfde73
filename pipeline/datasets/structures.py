"""Nested structures of arrays: what a user gives as examples, as arrays that Keras takes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from pipeline.datasets.rows import Array, Rows, is_in_a_file

Structure = Any
"""One array with an example a row, or a dictionary, tuple or list of structures."""

_ALLOWED = (
    "NumPy arrays, frames and series of numbers, lists of numbers or texts, and dictionaries, "
    "tuples and lists of these"
)


def as_arrays(value: Any, what: str) -> Structure:
    """Return a structure whose leaves are arrays, each in the dtype that it was given in.

    A memory-mapped array, and any other that is an array already, is not copied. A frame of numbers
    becomes one array with a column each, a series one of one dimension, and so does a list that
    holds no array. Keras takes texts from NumPy as objects alone, and double precision not at all.

    Args:
        value: What a user gives.
        what: What it is called in an error.

    Raises:
        ValueError: It is something else; the sentence says what to write.

    Example:
        >>> as_arrays({"age": [31, 45], "name": pd.Series(["a", "b"])}, "x")
        {'age': array([31, 45]), 'name': array(['a', 'b'], dtype=object)}
    """
    return walked(_array, value, what)


def walked(array: Callable[[Any, str], Any], value: Any, what: str) -> Structure:
    """Apply a function to all of what a user gives that is to be an array.

    Args:
        array: Takes a value and what it is called.
        value: What a user gives: a dictionary, or a list or tuple that holds an array, is a
            structure; anything else is to be one array.
        what: What it is called in an error.
    """
    if isinstance(value, Mapping):
        return {str(name): walked(array, v, f"{what}[{name!r}]") for name, v in value.items()}
    if isinstance(value, tuple | list) and any(map(is_structure, value)):
        return type(value)(walked(array, one, f"{what}[{i}]") for i, one in enumerate(value))
    return array(value, what)


def leaves(structure: Structure) -> Iterator[tuple[str, Array]]:
    """Yield the arrays of a structure, each with its place in it: "" of a single one, `a/0`.

    Of None, for what there is not, there are none.
    """
    parts: Iterable[tuple[str, Structure]]
    if isinstance(structure, Mapping):
        parts = structure.items()
    elif isinstance(structure, tuple | list):
        parts = ((str(index), one) for index, one in enumerate(structure))
    else:
        if structure is not None:
            yield "", structure
        return
    for name, part in parts:
        for below, array in leaves(part):
            yield f"{name}/{below}" if below else name, array


def lies_in_a_file(structure: Structure) -> bool:
    """Whether an array of a structure lies in a file, so that it is read batch by batch."""
    return any(is_in_a_file(array) for _, array in leaves(structure))


def mapped(function: Callable[..., Any], *structures: Structure) -> Structure:
    """Apply a function to the arrays of structures that are alike, and return such a structure."""
    first = structures[0]
    if isinstance(first, Mapping):
        return {name: mapped(function, *(one[name] for one in structures)) for name in first}
    if isinstance(first, tuple | list):
        return type(first)(mapped(function, *ones) for ones in zip(*structures, strict=True))
    return function(*structures)


def is_structure(one: Any) -> bool:
    """Whether something in a list or tuple makes it one of several arrays, not of numbers."""
    return isinstance(one, Mapping) or (hasattr(one, "__array__") and np.ndim(one) > 0)


def _array(value: Any, what: str) -> Array | Rows:
    kind = type(value)
    if isinstance(value, Rows):
        return value
    if isinstance(value, np.ndarray):
        return _in_keras_terms(value, what)
    if hasattr(value, "columns") and hasattr(value, "to_numpy"):
        return _of_frame(value, what)
    if isinstance(value, list | tuple) or (
        hasattr(value, "__array__") and not hasattr(value, "toarray")
    ):
        try:
            made = np.asarray(value)
        except ValueError as error:
            raise ValueError(
                f"{what} is a list whose rows have different lengths: pad them to one length, for "
                "example with keras.utils.pad_sequences"
            ) from error
        if made.ndim:
            return _in_keras_terms(made, what)
    dense = next((name for name in ("toarray", "to_tensor") if hasattr(value, name)), None)
    advice = f": write {what}.{dense}()" if dense else f"; allowed: {_ALLOWED}"
    raise ValueError(f"{what} is of type {kind.__module__}.{kind.__qualname__}{advice}")


def _of_frame(frame: Any, what: str) -> Array:
    other = [str(name) for name, dtype in frame.dtypes.items() if not _is_number(dtype)]
    if other:
        raise ValueError(
            f"{what} is a frame with columns that are no numbers, {other}: give a model that takes "
            f"its columns by name {{name: {what}[name].to_numpy() for name in {what}}}, or turn "
            "them into numbers"
        )
    return _in_keras_terms(np.asarray(frame), what)


def _is_number(dtype: Any) -> bool:
    return getattr(dtype, "kind", "O") in "biuf" and isinstance(dtype, np.dtype)


def _in_keras_terms(array: Array, what: str) -> Array:
    if array.dtype.kind in "UT":
        return array.astype(object)
    if array.dtype == np.float64 and not isinstance(array, np.memmap):
        from keras import config

        return array.astype(config.floatx(), copy=False)
    if array.dtype == object:
        _check_texts(array, what)
    elif array.dtype.kind not in "biufcS" and not _is_of_keras(array.dtype):
        raise ValueError(
            f"{what} has the dtype {array.dtype}, which Keras takes from no array: turn it into "
            "numbers or texts"
        )
    return array


def _is_of_keras(dtype: np.dtype[Any]) -> bool:
    return dtype.kind == "V" and dtype.names is None and dtype.name.startswith(("bfloat", "float"))


def _check_texts(array: Array, what: str) -> None:
    other = next((one for one in array.flat if not isinstance(one, str)), None)
    if other is not None:
        raise ValueError(
            f"{what} is an array of objects, one of them {other!r} of type {type(other).__name__}: "
            'only texts can be objects; write "" for a missing one, or turn the array into numbers '
            'with .astype("float32")'
        )
