"""What a class is: a library's own, or one of which nobody can tell what its methods do."""

import enum
import functools
import os
import re
import sys
import types
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.frozen.sameness.unreadable import UnreadableError

_LIBRARIES = frozenset(
    ["keras", "numpy", "builtins", "collections", "functools", "re", "types", "inspect", "enum"]
)
"""Packages whose classes are told by their names; of TensorFlow's, few keep all state in Python."""
_BASES = ("abc", "typing", "contextlib")
"""Modules of whose classes Keras's inherit, beside TensorFlow's."""
_FOLDERS = tuple(f"{Path(str(one.__file__)).parent}{os.sep}" for one in (keras, tf, np))
_FILES = frozenset(one.__file__ for one in (functools, re, types))
_PLACES = (types.GetSetDescriptorType, types.MemberDescriptorType)
_CONTAINERS = (dict, list, tuple, set, frozenset, object)
_DESCRIBED = frozenset(
    [
        "__module__",
        "__doc__",
        "__dict__",
        "__weakref__",
        "__slots__",
        "__annotations__",
        "__parameters__",
        "__orig_bases__",
        "__abstractmethods__",
        "_abc_impl",
        "__hash__",
        "_api_export_path",
        "_api_export_symbol_id",
        "__firstlineno__",
        "__static_attributes__",
    ]
)
"""What Python and Keras note of a class, and no method asks for."""


def read_class(reader: Any, kind: type) -> None:
    """Note a class: its name, its constants, and methods that are not those it was written with.

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
        library = base.__module__.startswith(("keras.", "tensorflow."))
        plain = issubclass(base, enum.Enum) or _is_named_tuple(base)
        if library and not plain and reader.is_new(base):
            _read_attributes(reader, base)


def is_librarys_code(code: types.CodeType) -> bool:
    """Whether code was written by a library: by the file it came from, which nothing borrows."""
    return code.co_filename.startswith(_FOLDERS) or code.co_filename in _FILES


def found_at_its_name(value: Any) -> bool:
    """Whether a class or function is what its module has under its name."""
    held: Any = sys.modules.get(value.__module__)
    for name in value.__qualname__.split("."):
        held = getattr(held, name, None)
    return held is value or getattr(held, "__wrapped__", None) is value


def is_librarys(kind: type) -> bool:
    """Whether a class and all it inherits from can be told by their names."""
    return _is_of_a_library(kind) and _is_known(kind)  # a user's is not kept in the cache


@functools.cache
def _is_known(kind: type) -> bool:
    return all(
        _is_of_a_library(base) and (found_at_its_name(base) or _is_named_tuple(base))
        for base in kind.__mro__
    )


def _is_of_a_library(base: type) -> bool:
    module = base.__module__ or "builtins"
    root = module.partition(".")[0]
    return (
        root in _LIBRARIES or module in _BASES or module.startswith("tensorflow.python.trackable.")
    )


def _is_named_tuple(base: type) -> bool:
    """Whether `collections.namedtuple` has made a class, which is not found under its name."""
    return base.__bases__ == (tuple,) and hasattr(base, "_fields")


def _read_attributes(reader: Any, base: type) -> None:
    """Note constants of a class, and what others have put in the place of its methods."""
    for name, value in list(vars(base).items()):
        parts = _functions(value)
        owner = f"{base.__qualname__}.{name}"
        if name in _DESCRIBED or isinstance(value, _PLACES):
            continue
        if isinstance(value, type):
            read_class(reader, value)
        elif not parts:
            reader.note(owner)
            reader.read(value)
        for part in parts:
            if part.__qualname__ != owner or not is_librarys_code(part.__code__):
                reader.note(owner)
                reader.read(part)


def _functions(value: Any) -> list[types.FunctionType]:
    """Return what a method or property is made of."""
    parts = [value]
    if isinstance(value, classmethod | staticmethod):
        parts = [value.__func__]
    elif isinstance(value, property):
        parts = [value.fget, value.fset, value.fdel]
    return [part for part in parts if isinstance(part, types.FunctionType)]


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
