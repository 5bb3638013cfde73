"""Some rows of an array that lies in a file, which are read when they are asked for."""

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


_BLOCK = 2**24  # bytes
_SHARED = ("r", "r+", "w+")  # modes in which what was written is in the file


class Rows:
    """A view of some rows of an array, in an order of its own; nothing is read or copied by it.

    NumPy's own selection of rows is a copy, which the examples of a file may be too large for.

    Args:
        array: An array, as a rule a memory-mapped one.
        rows: Numbers of rows, `(n,)` integers.
        digest: What stands for the contents of the array, if it is known; None if they have to be
            read to tell.
    """

    def __init__(self, array: Array, rows: Array, digest: str | None = None) -> None:
        self.array = array
        self.rows = rows
        self.digest = digest
        self.shape = (len(rows), *array.shape[1:])
        self.dtype = array.dtype
        self.ndim = array.ndim

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Any) -> Array:
        """Read the chosen rows."""
        return read(self.array, self.rows[key])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Read all rows."""
        return self[:].astype(dtype or self.dtype, copy=False)


def is_in_a_file(array: Any) -> bool:
    """Whether an array lies in a file, and is read row by row."""
    return isinstance(array, np.memmap | Rows)


def read(array: Array | Rows, key: Any) -> Array:
    """Read rows of an array into memory.

    What was read of a memory-mapped file counts as memory of this process until it is let go; it
    stays in the system's cache of files.
    """
    if isinstance(array, Rows):
        return array[key]
    values = np.array(array[key])
    _let_go(array)
    return values


def select(array: Array | Rows, rows: Array) -> Array | Rows:
    """Return rows of an array: of one that lies in a file as a view, of another as a copy."""
    if isinstance(array, Rows):
        return Rows(array.array, array.rows[rows], array.digest)
    return Rows(array, rows) if isinstance(array, np.memmap) else array[rows]


def append(first: Array | Rows, second: Array | Rows) -> Array | Rows:
    """Return the rows of both; a view if both lie in the same file."""
    if isinstance(first, Rows) and isinstance(second, Rows) and first.array is second.array:
        return Rows(first.array, np.concatenate([first.rows, second.rows]), first.digest)
    return np.concatenate([np.asarray(first), np.asarray(second)])


def blocks(array: Array | Rows) -> Iterator[Array]:
    """Yield all rows of an array in order, of one that lies in a file a few megabytes at a time."""
    if not is_in_a_file(array):
        yield np.asarray(array)
        return
    size = max(1, _BLOCK // max(1, array[:1].nbytes))
    for start in range(0, len(array), size):
        yield read(array, slice(start, start + size))


def _let_go(array: Array) -> None:
    owner: Any = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    shared = getattr(array, "mode", None) in _SHARED
    if isinstance(owner, mmap.mmap) and shared and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)
