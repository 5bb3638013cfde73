"""What a function is: its code, and all that its code can see, if it can do nothing else.

A function that asks anybody for more than it is given, for a random number, the time or a file,
does not do the same twice. So of a user's function only such code is read that names nothing but
plain data, other functions of this kind, and the mathematics of Keras, TensorFlow and Python.
"""

import builtins
import dis
import inspect
import types
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from pipeline.frozen.sameness import classes
from pipeline.frozen.sameness.unreadable import UnreadableError

_MATHEMATICS = (
    "keras.src.activations.",
    "keras.src.ops.",
    "keras.src.losses.",
    "keras.src.metrics.",
    "keras.src.backend.config",
    "tensorflow.python.ops.math_ops",
    "tensorflow.python.ops.gen_math_ops",
    "tensorflow.python.ops.array_ops",
    "tensorflow.python.ops.gen_array_ops",
    "tensorflow.python.ops.array_ops_stack",
    "tensorflow.python.ops.clip_ops",
    "tensorflow.python.ops.nn_ops",
    "tensorflow.python.ops.gen_nn_ops",
    "tensorflow.python.framework.dtypes",
)
"""Modules whose functions give the same for the same, but for those that take a seed."""
_MODULES_IN_C = ("math", "_operator")
_HARMLESS = frozenset(
    [
        "abs",
        "all",
        "any",
        "bool",
        "dict",
        "enumerate",
        "float",
        "int",
        "isinstance",
        "len",
        "list",
        "max",
        "min",
        "pow",
        "range",
        "reversed",
        "round",
        "sorted",
        "str",
        "sum",
        "tuple",
        "zip",
        "ValueError",
        "TypeError",
    ]
)
_CHANGES = frozenset(
    [
        "STORE_GLOBAL",
        "DELETE_GLOBAL",
        "STORE_DEREF",
        "STORE_ATTR",
        "DELETE_ATTR",
        "IMPORT_NAME",
        "STORE_NAME",
    ]
)
"""Instructions that reach beyond a function; `STORE_DEREF` only where the variable is another's."""
_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME")
_ENCLOSED = ("LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF")


def is_keras_own(function: types.FunctionType) -> bool:
    """Whether a function is what a library has under its name, not one that has borrowed it."""
    return classes.is_librarys_code(function.__code__) and classes.found_at_its_name(function)


def read_function(reader: Any, function: types.FunctionType) -> None:
    """Note a function.

    Args:
        reader: A `Reader`.
        function: Written in Python.

    Raises:
        UnreadableError: It may do more than compute, or it is a user's and none is wanted.
    """
    owner = f"{function.__module__}.{function.__qualname__}"
    librarys = classes.is_librarys_code(function.__code__)
    if librarys and not _computes(function):
        raise UnreadableError(f"the function {owner} may do more than compute")
    if not librarys and not reader.users_functions:
        raise UnreadableError(f"the function {owner} is not one of Keras's own")
    if is_keras_own(function):
        reader.note(f"function {owner}")
    else:
        reader.note(f"function named {function.__name__}")  # as a metric of it is
        _read_code(reader, function.__code__)
        enclosed = _enclosed(function)
        if not librarys:
            _read_what_it_names(reader, function, enclosed)
            reader.read_state(vars(function), frozenset({"__wrapped__"}))
        for value in enclosed.values():
            if not isinstance(value, types.ModuleType):  # of which what is named was read
                reader.read(value)
    if function.__defaults__ or function.__kwdefaults__:
        reader.read(function.__defaults__)
        reader.read(function.__kwdefaults__)


def read_builtin(reader: Any, function: types.BuiltinFunctionType) -> None:
    """Note a function that is written in C, by its name and what it is a method of."""
    owner = function.__self__
    if isinstance(owner, types.ModuleType):
        if owner.__name__ not in _MODULES_IN_C and not _is_harmless(function):
            raise UnreadableError(f"the function {function.__name__} may do more than compute")
        owner = owner.__name__
    reader.note(f"builtin {function.__name__}")
    reader.read(owner)


def read_ufunc(reader: Any, function: np.ufunc) -> None:
    """Note a function of arrays; there are others than NumPy's, which call a user's."""
    if getattr(np, function.__name__, None) is not function:
        raise UnreadableError(f"the function {function.__name__} is not one of NumPy's own")
    reader.note(f"ufunc {function.__name__}")


def _is_harmless(value: Any) -> bool:
    name = getattr(value, "__name__", None)
    return name in _HARMLESS and getattr(builtins, name) is value


def _computes(function: types.FunctionType) -> bool:
    """Whether a library's function gives the same for the same; of methods, that of its object."""
    module, name = function.__module__, function.__qualname__
    known = module.startswith(_MATHEMATICS) or (module.startswith("keras.") and "." in name)
    return (
        known and ".random" not in module and "seed" not in inspect.signature(function).parameters
    )


def _enclosed(function: types.FunctionType) -> dict[str, Any]:
    """Return the variables of others that a function uses, by name."""
    try:
        values = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError as error:  # a variable has no value yet
        raise UnreadableError("a function's closure is incomplete") from error
    return dict(zip(function.__code__.co_freevars, values, strict=True))


def _read_code(reader: Any, code: types.CodeType) -> None:
    """Note instructions and constants, but not where they were written."""
    shape = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    reader.note(f"code {shape} {code.co_names} {code.co_varnames} {code.co_freevars}")
    reader.note(repr(code.co_code))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            _read_code(reader, constant)
        else:
            reader.read(constant)


def _read_what_it_names(
    reader: Any, function: types.FunctionType, enclosed: dict[str, Any]
) -> None:
    """Note the values of all global names in a function's code, and what it takes of modules."""
    for name, value in _named(function.__code__, function, enclosed):
        if _may_do_more(value):
            raise UnreadableError(f"the function {function.__qualname__} calls {name}")
        reader.note(name)
        reader.read(value)


def _named(
    code: types.CodeType, function: types.FunctionType, enclosed: dict[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Yield what the names in a function's code stand for; modules are followed to their parts."""
    steps = list(dis.get_instructions(code))
    for index, step in enumerate(steps):
        own = step.opname == "STORE_DEREF" and step.argval in code.co_cellvars
        if step.opname in _CHANGES and not own:
            raise UnreadableError(f"the function {function.__qualname__} may change what it names")
        if step.opname in _GLOBAL:
            path, value = _followed(step.argval, _global(step.argval, function), steps[index + 1 :])
        elif step.opname in _ENCLOSED and isinstance(
            module := enclosed.get(step.argval), types.ModuleType
        ):
            path, value = _followed(step.argval, module, steps[index + 1 :])
        else:
            continue
        if not _is_harmless(value):
            yield path, value
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _named(constant, function, enclosed)


def _followed(path: str, value: Any, steps: Iterable[dis.Instruction]) -> tuple[str, Any]:
    """Return what a function takes of a module, from the steps that come after its name."""
    for step in steps:
        if not isinstance(value, types.ModuleType):
            break
        if step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            path, value = f"{path}.{step.argval}", _part(value, step.argval)
        elif step.opname not in ("PUSH_NULL", "CACHE", "PRECALL"):
            break
    return path, value


def _global(name: str, function: types.FunctionType) -> Any:
    known = function.__globals__
    if name in known:
        return known[name]
    if hasattr(builtins, name):
        return getattr(builtins, name)
    raise UnreadableError(f"the function {function.__qualname__} names {name}, which is not there")


def _part(module: types.ModuleType, name: str) -> Any:
    try:
        return getattr(module, name)
    except AttributeError as error:
        raise UnreadableError(f"{module.__name__} has no {name}") from error


def _may_do_more(value: Any) -> bool:
    """Whether to name a value may be to do more than compute; functions are read themselves."""
    functions = types.FunctionType | types.BuiltinFunctionType | keras.Loss
    return callable(value) and not isinstance(value, functions) and not _is_loss(value)


def _is_loss(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, keras.Loss)
