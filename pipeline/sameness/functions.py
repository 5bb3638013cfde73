"""What a function is: its code, and all that its code can see, if it can do nothing else.

A function that asks anybody for more than it is given, for a random number, the time or a file,
does not do the same twice. So of a user's function only such code is read that names nothing but
plain data, other functions of this kind, and the mathematics of Keras, TensorFlow and Python.
"""

import builtins
import dis
import sys
import types
from collections.abc import Iterator
from typing import Any

from pipeline.sameness import classes
from pipeline.sameness.unreadable import UnreadableError

_MATHEMATICS = (
    "keras.src.ops.",
    "keras.src.losses.",
    "keras.src.metrics.",
    "keras.src.activations.",
    "keras.src.backend.config",
    "tensorflow.python.ops.math_ops",
    "tensorflow.python.ops.gen_math_ops",
    "tensorflow.python.ops.array_ops",
    "tensorflow.python.ops.gen_array_ops",
    "tensorflow.python.ops.array_ops_stack",
    "tensorflow.python.ops.clip_ops",
    "tensorflow.python.ops.gen_nn_ops",
    "tensorflow.python.framework.dtypes",
    "math",
)
"""Modules whose functions give the same for the same; none of them draws random numbers."""
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


def is_keras_own(function: types.FunctionType) -> bool:
    """Whether a function is what a library has under its name, not one that has borrowed it."""
    return classes.is_of_a_library(function) and _found_at_its_name(function)


def read_function(reader: Any, function: types.FunctionType) -> None:
    """Note a function.

    Args:
        reader: A `Reader`.
        function: Written in Python.

    Raises:
        UnreadableError: It is a user's, and may do more than compute, or none is wanted.
    """
    owner = f"{function.__module__}.{function.__qualname__}"
    librarys = classes.is_of_a_library(function)
    if function.__closure__ is None and is_keras_own(function):
        reader.note(f"function {owner}")
    else:
        if librarys:
            reader.note(f"closure {owner}")
        _read_code(reader, function.__code__)
        if not librarys:
            if not reader.users_functions:
                raise UnreadableError(f"the function {owner} is not one of Keras's own")
            _read_what_it_names(reader, function)
    if function.__defaults__ or function.__kwdefaults__:
        reader.read(function.__defaults__)
        reader.read(function.__kwdefaults__)
    for cell in function.__closure__ or ():
        reader.read(_content(cell))
    state = {name: value for name, value in vars(function).items() if name[:1] != "_"}
    if state and not librarys:
        reader.read_state(state)


def read_builtin(reader: Any, function: Any) -> None:
    """Note a function that is written in C, by its name and what it is a method of."""
    owner = getattr(function, "__self__", None)
    reader.note(f"builtin {getattr(function, '__module__', None)} {function.__name__}")
    if not isinstance(owner, types.ModuleType | None):
        reader.read(owner)


def read_module(reader: Any, module: types.ModuleType) -> None:
    """Note a library's module, which is told by its name."""
    if module.__name__.partition(".")[0] not in (*classes.LIBRARIES, "tensorflow", "math"):
        raise UnreadableError(f"the module {module.__name__} may hold anything")
    reader.note(f"module {module.__name__}")


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError as error:  # the variable has no value yet
        raise UnreadableError("a function's closure is incomplete") from error


def _found_at_its_name(function: types.FunctionType) -> bool:
    """Whether a function is what its module has under its name, which anybody could have set."""
    value: Any = sys.modules.get(function.__module__)
    for name in function.__qualname__.split("."):
        value = getattr(value, name, None)
    return value is function or getattr(value, "__wrapped__", None) is function


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


def _read_what_it_names(reader: Any, function: types.FunctionType) -> None:
    """Note the values of all global names in a function's code."""
    for name, value in _named(function.__code__, function):
        reader.note(name)
        kind = type(value)
        module = getattr(value, "__module__", None) or ""
        if module.startswith(_MATHEMATICS) or kind is types.BuiltinFunctionType:
            reader.note(f"mathematics {module} {getattr(value, '__qualname__', '')}")
        else:
            reader.read(value)


def _named(code: types.CodeType, function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield what the names in a function's code stand for; modules are followed to their parts."""
    steps = list(dis.get_instructions(code))
    for index, step in enumerate(steps):
        own = step.opname == "STORE_DEREF" and step.argval in code.co_cellvars
        if step.opname in _CHANGES and not own:
            raise UnreadableError(f"the function {function.__qualname__} may change what it names")
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            path, value = step.argval, _global(step.argval, function)
            for following in steps[index + 1 :]:
                if not isinstance(value, types.ModuleType):
                    break
                if following.opname in ("LOAD_ATTR", "LOAD_METHOD"):
                    path, value = f"{path}.{following.argval}", _part(value, following.argval)
                elif following.opname not in ("PUSH_NULL", "CACHE", "PRECALL"):
                    break
            if isinstance(value, types.ModuleType):
                raise UnreadableError(f"the function {function.__qualname__} names a whole module")
            if value is not getattr(builtins, path, None) or path not in _HARMLESS:
                yield path, _checked(path, value, function)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _named(constant, function)


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


def _checked(path: str, value: Any, function: types.FunctionType) -> Any:
    """Return a value that a function names, if to name it is to compute and no more."""
    module = getattr(value, "__module__", None) or ""
    callable_of_others = callable(value) and not (
        module.startswith(_MATHEMATICS)
        or (type(value) is types.FunctionType and not classes.is_of_a_library(value))
    )
    if callable_of_others:
        raise UnreadableError(f"the function {function.__qualname__} calls {path}")
    return value
