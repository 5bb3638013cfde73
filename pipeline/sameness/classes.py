"""What a class is: a library's own, or one of which nobody can tell what its methods do."""

import functools
import types
from typing import Any

from pipeline.sameness.unreadable import UnreadableError

LIBRARIES = frozenset(
    {"keras", "numpy", "builtins", "collections", "functools", "re", "types", "inspect", "enum"}
)
"""Packages whose classes are told by their names; of TensorFlow's, few keep all state in Python."""
_CONTAINERS = (dict, list, tuple, set, frozenset, int, float, str, bytes, object)


def read_class(reader: Any, kind: type) -> None:
    """Note a class; methods that others have replaced in it count by their code.

    Args:
        reader: A `Reader`.
        kind: Any class.

    Raises:
        UnreadableError: It is no library's own, or keeps state where Python cannot see it.
    """
    name = f"{kind.__module__}.{kind.__qualname__}"
    if not is_librarys(kind):
        raise UnreadableError(f"{name} is not one of Keras's own, and may do anything")
    if _hides_state(kind):
        raise UnreadableError(f"what a {name} holds cannot be read")
    reader.note(f"class {name}")
    for base in kind.__mro__:
        for attribute, value in list(vars(base).items()):
            if type(value) is types.FunctionType and not _is_of(value.__module__):
                reader.note(f"{base.__qualname__}.{attribute}")
                reader.read(value)


def is_of_a_library(function: Any) -> bool:
    """Whether a function was written by a library whose functions are told by their names."""
    root = (function.__module__ or "").partition(".")[0]
    return root in LIBRARIES or root == "tensorflow"


@functools.cache
def is_librarys(kind: type) -> bool:
    """Whether a class and all it inherits from can be told by their names."""
    return all(_is_of(base.__module__) or _is_keras_own_base(base) for base in kind.__mro__)


def _is_of(module: str | None) -> bool:
    return (module or "builtins").partition(".")[0] in LIBRARIES


def _is_keras_own_base(base: type) -> bool:
    """Whether a class is one of TensorFlow's that Keras's layers inherit from."""
    return base.__module__.startswith("tensorflow.python.trackable.") or base.__module__ in (
        "abc",
        "typing",
        "contextlib",
    )


@functools.cache
def slots(kind: type) -> tuple[str, ...]:
    """Return the names of the attributes that instances keep outside of their dictionary."""
    named: list[str] = []
    for base in kind.__mro__:
        own = vars(base).get("__slots__", ())
        named += [own] if isinstance(own, str) else own
    return tuple(name for name in named if name not in ("__dict__", "__weakref__"))


@functools.cache
def _hides_state(kind: type) -> bool:
    """Whether instances have room for more than attributes, slots and what a container holds.

    `copyreg` tells in the same way what cannot be pickled.
    """
    solid = next(base for base in kind.__mro__ if base in _CONTAINERS)
    size = solid.__basicsize__ + 8 * len(slots(kind))
    size += 8 * (kind.__dictoffset__ > 0) + 8 * (kind.__weakrefoffset__ > 0)
    return bool(kind.__basicsize__ > size)
