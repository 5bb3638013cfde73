"""Reads an object with all that is reached from it, and names what it found."""

import enum
import functools
import hashlib
import re
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.frozen.sameness import classes, functions, keras_state
from pipeline.frozen.sameness.unreadable import UnreadableError

_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes, type(...)})
_TRACKING = ("keras.src.utils.tracking", "tensorflow.python.trackable.data_structures")


def identity(
    *objects: Any,
    told: Iterable[Any] = (),
    values_apart: Iterable[keras.Variable] = (),
    names: bool = True,
    users_functions: bool = True,
) -> str:
    """Return what objects are, as digits that are equal for objects that do the same.

    Args:
        objects: Models, layers, optimizers, losses, functions, plain data; read together, so that
            what they share counts as shared.
        told: Objects that are not read, as whoever asks knows them, in the same order each time.
        values_apart: Variables whose values do not count, as whoever asks takes care of them.
        names: Whether the names of Keras's objects count. Keras numbers them in each process.
        users_functions: Whether functions of the user's may be among them.

    Returns:
        64 hexadecimal digits, the same in every process.

    Raises:
        UnreadableError: Something that is reached cannot be read for certain.

    Example:
        >>> identity(keras.losses.Huber(1.0)) == identity(keras.losses.Huber(2.0))
        False
    """
    reader = Reader(told, values_apart, names=names, users_functions=users_functions)
    try:
        for one in objects:
            reader.read(one)
    except RecursionError as error:
        raise UnreadableError("something is nested too deeply") from error
    return reader.digest()


class Reader:
    """Notes what it is given, and all that is reached from there, each object once."""

    def __init__(
        self,
        told: Iterable[Any],
        values_apart: Iterable[keras.Variable],
        *,
        names: bool,
        users_functions: bool,
    ) -> None:
        self.values_apart = {id(variable) for variable in values_apart}
        self.names = names
        self.users_functions = users_functions
        self._notes: list[str] = []
        self.note = self._notes.append
        self._alive = list(told)  # an object that is gone would leave its number to another
        self._seen = {id(one): number for number, one in enumerate(self._alive)}
        self._classes: set[type] = set()

    def digest(self) -> str:
        """Return what was noted so far, as 64 hexadecimal digits."""
        return hashlib.sha256("\0".join(self._notes).encode("utf-8", "surrogatepass")).hexdigest()

    def read(self, value: Any) -> None:
        """Note a value, and what is reached from it."""
        kind = type(value)
        if kind in _PLAIN:
            self.note(repr(value))
            return
        by_value = _BY_VALUE.get(kind)
        if by_value is not None:
            by_value(self, value)
            return
        known = self._seen.get(id(value))
        if known is not None:
            self.note(f"={known}")
            return
        self._seen[id(value)] = len(self._seen)
        self._alive.append(value)
        how = _HOW.get(kind)
        if how is None:
            how = _way_to_read(kind)
            if classes.is_librarys(kind):  # a user's would be kept for ever
                _HOW[kind] = how
        how(self, value)

    def is_new(self, kind: type) -> bool:
        """Whether a class was not asked for before."""
        new = kind not in self._classes
        self._classes.add(kind)
        return new

    def read_state(self, state: Mapping[str, Any], ignored: frozenset[str] = frozenset()) -> None:
        """Note attributes by name, but those that do not count."""
        for name, value in state.items():
            if name not in ignored:
                self.note(name)
                self.read(value)
        self.note("}")

    def read_items(self, kind: str, values: Iterable[Any]) -> None:
        """Note values one after the other."""
        self.note(kind + "[")
        for value in values:
            self.read(value)
        self.note("]")

    def read_mapping(self, value: Mapping[Any, Any]) -> None:
        """Note pairs in their order, which may count."""
        self.note("{")
        for key, item in value.items():
            self.read(key)
            self.read(item)
        self.note("}")

    def read_array(self, array: np.ndarray) -> None:
        """Note an array's type, shape and values."""
        self.note(f"array {array.dtype} {array.shape}")
        if array.dtype == object:
            self.read_items("", array.reshape(-1).tolist())
        else:
            content = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
            self.note(hashlib.sha256(content).hexdigest())


def _read_set(reader: Reader, value: Any) -> None:
    if not all(type(item) in _PLAIN for item in value):
        raise UnreadableError("a set of objects has no order to read it in")
    reader.note(f"set {sorted(map(repr, value))}")


def _read_array(reader: Reader, value: Any) -> None:
    reader.read_array(np.asarray(value))


def _read_tensor(reader: Reader, value: Any) -> None:
    reader.note("tensor")
    reader.read_array(np.asarray(value.numpy()))


def _read_partial(reader: Reader, value: Any) -> None:
    reader.note("partial")
    for part in (value.func, value.args, value.keywords, vars(value)):
        reader.read(part)


def _read_method(reader: Reader, value: Any) -> None:
    reader.note("method")
    reader.read(value.__func__)
    reader.read(value.__self__)


def _read_module(reader: Reader, value: Any) -> None:  # noqa: ARG001
    raise UnreadableError(f"the module {value.__name__} may hold anything")


def _read_loss_class(reader: Reader, value: Any) -> None:
    """Note a class that somebody may make instances of; only of losses it is known what they do."""
    if not issubclass(value, keras.Loss):
        raise UnreadableError(f"the class {value.__name__} may be made to do anything")
    classes.read_class(reader, value)


def _read_enum(reader: Reader, value: Any) -> None:
    classes.read_class(reader, type(value))
    reader.note(value.name)


def _read_instance(reader: Reader, value: Any) -> None:
    """Note any other object: its class, its attributes, and what it holds as a container."""
    kind: type = type(value)
    classes.read_class(reader, kind)
    state = getattr(value, "__dict__", {})
    if keras_state.read_special(reader, value, state):
        return
    ignored = keras_state.beside_the_point(kind, names=reader.names)
    reader.read_state(state, ignored | keras_state.made_by_keras(state))
    for slot in classes.slots(kind):
        if hasattr(value, slot):
            reader.note(slot)
            reader.read(getattr(value, slot))
    if isinstance(value, Mapping):
        reader.read_mapping(value)
    elif isinstance(value, list | tuple):
        reader.read_items("", value)
    elif isinstance(value, set | frozenset):
        _read_set(reader, value)


def _read_policy(reader: Reader, value: Any) -> None:
    reader.note(f"{type(value).__name__} {sorted(vars(value).items())}")


_BY_VALUE: dict[type, Callable[[Reader, Any], None]] = {
    tuple: lambda reader, value: reader.read_items("tuple", value),
    frozenset: _read_set,
    range: lambda reader, value: reader.note(repr(value)),
    slice: lambda reader, value: reader.read_items("slice", (value.start, value.stop, value.step)),
    re.Pattern: lambda reader, value: reader.note(f"pattern {value.pattern!r} {value.flags}"),
    tf.DType: lambda reader, value: reader.note(repr(value)),
    tf.TensorShape: lambda reader, value: reader.note(repr(value)),
    keras.DTypePolicy: _read_policy,
}
"""What cannot change, so that it makes no difference whether two places share one."""
_HOW: dict[type, Callable[[Reader, Any], None]] = {
    list: lambda reader, value: reader.read_items("list", value),
    dict: Reader.read_mapping,
    set: _read_set,
    np.ndarray: _read_array,
    types.FunctionType: functions.read_function,
    types.BuiltinFunctionType: functions.read_builtin,
    np.ufunc: functions.read_ufunc,
    types.MethodType: _read_method,
    functools.partial: _read_partial,
    keras.Variable: keras_state.read_variable,
    types.ModuleType: _read_module,
}
"""How objects of a class are read; filled in as those of libraries are met."""


def _way_to_read(kind: type) -> Callable[[Reader, Any], None]:
    """Return how instances of a class are read that was not met before."""
    if issubclass(kind, type):
        return _read_loss_class
    if issubclass(kind, np.generic):
        return _read_array
    if issubclass(kind, enum.Enum):
        return _read_enum
    if issubclass(kind, tf.Tensor) and hasattr(kind, "numpy"):
        return _read_tensor
    if kind.__module__ in _TRACKING:
        return _read_tracked
    return _read_instance


def _read_tracked(reader: Reader, value: Any) -> None:
    """Note a container that was an ordinary one, until an attribute of a layer was set to it."""
    if isinstance(value, Mapping):
        reader.read_mapping(value)
    elif isinstance(value, set):
        _read_set(reader, value)
    elif isinstance(value, list | tuple):
        reader.read_items("list", list(value))
    else:
        raise UnreadableError(f"what a {type(value).__name__} holds cannot be read")
