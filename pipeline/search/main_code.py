"""What a configuration reaches of `__main__`: functions and classes of a notebook, script or shell.

`__main__` has no file, or one that also says what to do with a search. So of it counts what is
reached by name: functions by their code, classes by all that is defined in them, and globals that
are numbers, texts, or tuples, lists, sets and dictionaries of these.
"""

import dis
import functools
import hashlib
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from types import CodeType, FunctionType, ModuleType
from typing import Any

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_MOST_ITEMS = 1000  # what is larger is rather data
_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME")
_WRAPPERS = {  # what they have of others
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    property: ("fget", "fset", "fdel"),
    functools.partial: ("func", "args", "keywords"),
}
_NOT_DEFINED = ("__dict__", "__weakref__", "__module__", "__firstlineno__", "__doc__")


def main_code(names: Iterable[str]) -> tuple[str | None, set[str]]:
    """Return what dotted paths reach of `__main__`, and the modules that it uses.

    Args:
        names: Dotted paths; those that lead elsewhere are left out.

    Returns:
        A digest, None if nothing is reached; and names of modules, not all of which need be there.
    """
    reader = _Reader()
    variables = vars(sys.modules["__main__"])
    first = sorted({name.split(".")[1] for name in names if name.startswith("__main__.")})
    told = "\n".join(line for name in first for line in reader.told(variables.get(name)))
    digest = hashlib.sha256(told.encode()).hexdigest()[:16]
    return digest if first else None, reader.modules


class _Reader:
    """Follows functions and classes of `__main__` to all that they name, each once."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self._seen: set[int] = set()

    def told(self, value: Any) -> Iterator[str]:
        """Yield what counts of a value."""
        parts = next((parts for kind, parts in _WRAPPERS.items() if type(value) is kind), None)
        if isinstance(value, _PLAIN):
            yield repr(value)
        elif isinstance(value, set | frozenset):  # in no order that every process shares
            yield f"{type(value).__name__} of {sorted(map(repr, value))}"
        elif isinstance(value, dict | tuple | list):
            yield f"{type(value).__name__} of {len(value)}"
            for item in islice(value.items() if isinstance(value, dict) else value, _MOST_ITEMS):
                yield from self.told(item)
        elif isinstance(value, ModuleType):
            self.modules.add(value.__name__)
        elif parts is not None:
            for part in parts:
                yield from self.told(getattr(value, part))
        elif isinstance(value, type | FunctionType):
            yield from self._told_once(value)
        else:  # an object; of its state nothing counts
            yield from self._told_once(type(value))
            yield from self.told(getattr(value, "__wrapped__", None))

    def _told_once(self, value: type | FunctionType) -> Iterator[str]:
        yield value.__qualname__
        if value.__module__ != "__main__":
            self.modules.add(value.__module__)
        elif id(value) not in self._seen:
            self._seen.add(id(value))
            if isinstance(value, type):
                yield from self._told_of_class(value)
            else:
                yield from self._told_of_function(value)

    def _told_of_class(self, value: type) -> Iterator[str]:
        yield from self.told(value.__bases__)
        defined = {name: part for name, part in vars(value).items() if name not in _NOT_DEFINED}
        yield from self.told(dict(sorted(defined.items())))

    def _told_of_function(self, value: FunctionType) -> Iterator[str]:
        yield from self._told_of_code(value.__code__)
        yield from self.told([value.__defaults__, value.__kwdefaults__])
        yield from self.told([_content(cell) for cell in value.__closure__ or ()])
        yield from self.told(vars(value))  # with the `__wrapped__` of a decorator
        for name in sorted(_globals_of(value.__code__)):
            if name in value.__globals__:
                yield name
                yield from self.told(value.__globals__[name])
                self._note_parts(value.__globals__[name], value.__code__)

    def _told_of_code(self, code: CodeType) -> Iterator[str]:
        yield f"{code.co_argcount} {code.co_kwonlyargcount} {code.co_flags} {code.co_names}"
        yield f"{code.co_varnames} {code.co_cellvars} {code.co_freevars} {code.co_code.hex()}"
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from self._told_of_code(constant)
            else:
                yield from self.told(constant)
        self.modules |= set(_imports_of(code))

    def _note_parts(self, value: Any, code: CodeType) -> None:
        """Note the modules in a package that code may name behind it."""
        if isinstance(value, ModuleType):
            self.modules |= {f"{value.__name__}.{name}" for name in _names_in(code)}


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it has none yet
        return None


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _names_in(code: CodeType) -> set[str]:
    return {name for part in _codes(code) for name in part.co_names}


def _globals_of(code: CodeType) -> set[str]:
    steps = (step for part in _codes(code) for step in dis.get_instructions(part))
    return {step.argval for step in steps if step.opname in _GLOBAL}


def _imports_of(code: CodeType) -> Iterator[str]:
    """Yield the modules that import statements name, and what is taken of them."""
    module = ""
    for step in dis.get_instructions(code):
        if step.opname == "IMPORT_NAME":
            module = step.argval
            yield module
        elif step.opname == "IMPORT_FROM":
            yield f"{module}.{step.argval}"
