"""Arrays in files, with a head that says what they are."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from pipeline.journal.files import DamagedFileError, StorageError, replacing

_HEAD = "head"
_TYPES = "types"  # of the arrays that NumPy would give back as nameless bytes, by position


def write_arrays(path: Path, head: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> None:
    """Write arrays, and what they are, into one `.npz` file.

    NumPy 2 writes numbers of types that it does not know itself, such as the bfloat16 of a Keras
    model, without their type; it is written beside them.

    Args:
        path: The file; its folder is made if need be.
        head: What can be written as JSON; NaN and infinity may be in it.
        arrays: Arrays of numbers.

    Raises:
        StorageError: The file cannot be written.
    """
    values = {str(index): value for index, value in enumerate(arrays)}
    types = {index: value.dtype.name for index, value in values.items() if is_foreign(value.dtype)}
    told = {**head, _TYPES: types} if types else head
    values[_HEAD] = np.frombuffer(json.dumps(told).encode(), np.uint8)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(path, error) from error
    with replacing(path) as file:
        np.savez(file, **values)  # type: ignore[arg-type]


def read_arrays(path: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Read what `write_arrays` wrote.

    Args:
        path: The file.

    Returns:
        Its head and its arrays.

    Raises:
        DamagedFileError: The file is missing, cut off, or something else.
    """
    try:
        # Numpy leaves a file open that turns out to be no archive.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = [file[str(index)] for index in range(len(file.files) - 1)]
            head: dict[str, Any] = json.loads(file[_HEAD].tobytes())
            for index, name in head.pop(_TYPES, {}).items():
                arrays[int(index)] = arrays[int(index)].view(getattr(ml_dtypes, name))
    except _UNREADABLE as error:
        raise _damaged(path, error) from error
    return head, arrays


def is_foreign(dtype: np.dtype) -> bool:
    """Whether a type is none of NumPy's own, but one of `ml_dtypes`, which Keras uses."""
    return dtype.kind == "V" and dtype.type is not np.void


def check_arrays(path: Path) -> None:
    """Make sure that a file of `write_arrays` can be read, without keeping it in memory.

    Args:
        path: The file.

    Raises:
        DamagedFileError: It is cut off, or something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            wrong = archive.testzip()
            if wrong is not None or f"{_HEAD}.npy" not in archive.namelist():
                raise zipfile.BadZipFile(f"bad content of {wrong or _HEAD}")
    except _UNREADABLE as error:
        raise _damaged(path, error) from error


_UNREADABLE = (OSError, ValueError, KeyError, EOFError, AttributeError, zipfile.BadZipFile)


def _damaged(path: Path, error: Exception) -> DamagedFileError:
    reason = (
        "it is missing" if isinstance(error, FileNotFoundError) else " ".join(str(error).split())
    )
    return DamagedFileError(f"{path} cannot be read ({reason})")
