"""Values of plain types as JSON with arrays beside it; what is read is exactly what was written.

Plain are Python's numbers, texts, paths and containers, NumPy's numbers and arrays, and functions
and classes with a name to import them by. Only these very types are: what a subclass of one holds
besides, nobody knows. No pickle is used: what is read runs nothing, and later versions can read it.
"""

import importlib
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.journal.arrays import is_foreign

_ATOMS = (type(None), bool, int, float, str)
_PATH = type(Path())
_FROZEN: dict[str, Any] = {"tuple": tuple, "frozenset": frozenset}
_GROWING: dict[str, Any] = {
    "list": list,
    "set": set,
    "deque": deque,
    "dict": dict,  # of texts
    "pairs": dict,  # of other keys
    "OrderedDict": OrderedDict,
    "Counter": Counter,
    "defaultdict": defaultdict,
}
_KINDS = {kind: name for name, kind in (_GROWING | _FROZEN).items()}
_LONGEST = 1 << 13  # bits of a number; Python reads no decimal number of more than 4300 digits
_DEEPEST = 100  # containers in one another; Python's JSON gives up at several hundreds


def is_plain(value: Any) -> bool:
    """Whether `Encoder` can write a value."""
    return _is_plain(value, set(), _DEEPEST)


def _is_plain(value: Any, seen: set[int], depth: int) -> bool:
    kind = type(value)
    if kind is int:
        return bool(value.bit_length() <= _LONGEST)
    if kind in _ATOMS or kind is _PATH or id(value) in seen:
        return True
    if isinstance(value, np.ndarray | np.generic):
        return kind in (np.ndarray, value.dtype.type) and _is_kept(value.dtype)
    if kind not in _KINDS:
        return callable(value) and _is_importable(value)
    seen.add(id(value))
    if depth == 0 or getattr(value, "__dict__", None):  # an OrderedDict may have attributes
        return False
    return all(_is_plain(item, seen, depth - 1) for item in _parts(value))


def _parts(container: Any) -> Iterable[Any]:
    yield from container
    if isinstance(container, dict):
        yield from container.values()
        yield getattr(container, "default_factory", None)


def _is_kept(dtype: np.dtype) -> bool:
    """Whether an array of this type has it again when it is read from its file."""
    if dtype.hasobject:
        return False
    return is_foreign(dtype) or np.dtype(np.lib.format.dtype_to_descr(dtype)) == dtype


def _is_importable(value: Any) -> bool:
    module, name = _address(value)
    if not isinstance(module, str) or not isinstance(name, str):
        return False
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value


def _address(value: Any) -> list[Any]:
    module = getattr(value, "__module__", None) or "builtins"
    return [module, getattr(value, "__qualname__", getattr(value, "__name__", None))]


class Encoder:
    """Writes plain values as JSON; what is held in several places stays one.

    Args:
        arrays: Arrays are put at its end.
    """

    def __init__(self, arrays: list[np.ndarray]) -> None:
        self._arrays = arrays
        self._known: dict[int, Any] = {}
        self._containers = 0

    def encode(self, value: Any) -> Any:
        """Return a value as JSON."""
        kind = type(value)
        if kind in _ATOMS:
            return value
        if kind is _PATH:
            return {"path": str(value)}
        if isinstance(value, np.generic):
            return self._array("array", value)
        if kind is not np.ndarray and kind not in _KINDS:
            return {"function": _address(value)}
        if id(value) not in self._known:
            return self._encode_first(value)
        return self._known[id(value)]

    def _encode_first(self, value: Any) -> Any:
        """Return something as JSON that may come again, and remember what stands for it then."""
        if isinstance(value, np.ndarray):
            self._known[id(value)] = self._array("array" if value.ndim else "array of one", value)
            return self._known[id(value)]
        name = _KINDS[type(value)]
        if name in _GROWING:
            self._number(value)
        encoded = self._container(name, value)
        if name in _FROZEN:  # made after its items, when it is read
            self._number(value)
        return encoded

    def _number(self, container: Any) -> None:
        self._known[id(container)] = {"same": self._containers}
        self._containers += 1

    def _array(self, kind: str, value: Any) -> Any:
        self._arrays.append(np.asarray(value))
        return {kind: len(self._arrays) - 1}

    def _container(self, name: str, value: Any) -> Any:
        if not isinstance(value, dict):
            items = [self.encode(item) for item in value]
            return {name: [items, value.maxlen] if isinstance(value, deque) else items}
        if type(value) is dict and all(type(key) is str for key in value):
            return {"dict": {key: self.encode(item) for key, item in value.items()}}
        pairs = [[self.encode(key), self.encode(item)] for key, item in value.items()]
        if isinstance(value, defaultdict):
            return {name: [pairs, self.encode(value.default_factory)]}
        return {name: pairs}


class Decoder:
    """Reads what an `Encoder` wrote.

    Args:
        arrays: The encoder's.
    """

    def __init__(self, arrays: Sequence[np.ndarray]) -> None:
        self._arrays = arrays
        self._made: list[Any] = []

    def decode(self, encoded: Any) -> Any:
        """Return the value; all that one encoder wrote is read by one decoder, in that order."""
        if not isinstance(encoded, dict):
            return encoded
        ((kind, content),) = encoded.items()
        match kind:
            case "array":
                array = self._arrays[content]
                return array if array.ndim else array[()]  # a number again
            case "array of one":
                return self._arrays[content]
            case "path":
                return Path(content)
            case "function":
                return attrgetter(content[1])(importlib.import_module(content[0]))
            case "same":
                return self._made[content]
            case "tuple" | "frozenset":
                frozen = _FROZEN[kind](self.decode(item) for item in content)
                self._made.append(frozen)
                return frozen
        return self._container(kind, content)

    def _container(self, kind: str, content: Any) -> Any:
        made: Any = None
        if kind == "deque":
            content, made = content[0], deque(maxlen=content[1])
        elif kind == "defaultdict":
            content, made = content[0], defaultdict(self.decode(content[1]))
        else:
            made = _GROWING[kind]()
        self._made.append(made)  # what it holds may hold it
        if isinstance(made, dict):
            self._fill(made, content.items() if kind == "dict" else content)
        elif isinstance(made, set):
            made.update(self.decode(item) for item in content)
        else:
            made.extend(self.decode(item) for item in content)
        return made

    def _fill(self, made: dict[Any, Any], pairs: Iterable[Any]) -> None:
        for name, item in pairs:
            key = self.decode(name)
            made[key] = self.decode(item)
