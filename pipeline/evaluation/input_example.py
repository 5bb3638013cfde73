"""A few rows of raw inputs in a file that `numpy.load` reads without pickle."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.datasets.structures import Structure, leaves

_ROWS = 5
_NUMBERS = 10_000  # MLflow writes an example as JSON, some 0.1 s for 60,000 numbers
_FORM = "form.json"


def write_input_example(x: Structure, path: Path, *, rows: int | None = None) -> None:
    """Write a few rows of raw inputs.

    The archive is written entry by entry because `numpy.savez` takes no column named `file`. It
    says what they were if that is neither an array of two dimensions or more nor a table.

    Args:
        x: An array, stored as `x`; or a structure, each array stored by its place in it, a column
            of a table by its name; text as unicode arrays.
        path: The `.npz` file.
        rows: How many, where a model takes no other number.
    """
    arrays = {name or "x": array for name, array in leaves(x)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            few = max(1, min(_ROWS, _NUMBERS // max(1, np.asarray(array[:1]).size)))
            values = np.asarray(array[: rows or few])
            if values.dtype == object:
                values = values.astype(str)
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, values, allow_pickle=False)
        if not _is_plain(x):
            archive.writestr(_FORM, json.dumps(_form(x)))


def read_input_example(path: Path) -> tuple[dict[str, Any], Any]:
    """Read what `write_input_example` wrote.

    Args:
        path: The `.npz` file.

    Returns:
        The arrays by their place, text as unicode arrays; and the form of the structure that they
        make, in JSON's terms: null for an array, an object or a list for a dictionary or a tuple.
    """
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files if name != _FORM}
        if _FORM in stored.files:
            return arrays, json.loads(stored[_FORM])
    is_array = list(arrays) == ["x"] and arrays["x"].ndim > 1
    return arrays, None if is_array else dict.fromkeys(arrays)


def _is_plain(x: Structure) -> bool:
    if isinstance(x, Mapping):
        return all(getattr(column, "ndim", 0) == 1 for column in x.values())
    return getattr(x, "ndim", 0) > 1


def _form(x: Structure) -> Any:
    if isinstance(x, Mapping):
        return {name: _form(one) for name, one in x.items()}
    return [_form(one) for one in x] if isinstance(x, tuple | list) else None
