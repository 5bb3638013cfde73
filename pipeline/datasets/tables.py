"""A table of text, as columns of numbers and categories."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.configuration.config import did_you_mean
from pipeline.datasets.rows import Array

if TYPE_CHECKING:
    import pandas as pd

MISSING = frozenset({"", "?", "na", "n/a", "nan", "null"})
"""How a table says that a number or a target is missing; case does not matter."""

MAX_INTEGER_CLASSES = 20
"""A target of integers with more distinct values than this is taken for a quantity."""

MAX_CATEGORIES = 1000
"""A column with more categories is an identifier or free text: one-hot, it would fill memory."""


def read_table(
    path: Path,
    *,
    target: str,
    drop: Sequence[str],
    categorical: Sequence[str],
    separator: str,
) -> "tuple[pd.DataFrame, pd.Series[str]]":
    r"""Read a table with a header line, every value as text.

    Args:
        path: A UTF-8 text file, compressed or not, one row a line.
        target: Name of the column to predict.
        drop: Names of the columns to leave out.
        categorical: Names of columns that hold categories even if they look like numbers.
        separator: The character between two columns; `\\t` is the tab.

    Returns:
        The features, and the target.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no such table, or named columns are not in it; all are told at once.
    """
    import pandas as pd

    if not path.is_file():
        raise FileNotFoundError(f"path must be an existing file; there is no table at {path}")
    separator = "\t" if separator == "\\t" else separator
    if not isinstance(separator, str) or len(separator) != 1:
        raise ValueError(f"separator must be one character, received {separator!r}")
    try:
        table = pd.read_csv(
            path, sep=separator, dtype=str, keep_default_na=False, skipinitialspace=True
        )
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a table of text in UTF-8: {error}") from error
    if not isinstance(table.index, pd.RangeIndex):
        raise ValueError(f"the rows of {path} have more values than its header has columns")
    table = table.fillna("")  # of rows that end early
    _check_columns(path, list(table.columns), target, {"drop": drop, "categorical": categorical})
    if table.empty:
        raise ValueError(f"{path} must have rows below the header; it has a header and no rows")
    return table.drop(columns=[target, *drop]), table[target]


def features(table: "pd.DataFrame", categorical: Sequence[str]) -> dict[str, Array]:
    """Turn columns of text into numbers where they are numbers, and leave categories as they are.

    A column is one of numbers if every value that is not missing (see `MISSING`) is a number,
    and it is not listed as categorical.

    Args:
        table: The columns.
        categorical: Names of columns that hold categories even if they look like numbers.

    Returns:
        One array of shape `(n,)` a column, in the table's order: float32 with NaN where missing,
        or Python strings with "" where missing (only the empty text is; "NA" is a category).

    Raises:
        ValueError: Columns have no value at all, too many categories, or a name that Keras does
            not take for an input; all of them are told at once.
    """
    known = [str(name) for name in table.columns]
    numbers = {name: None if name in categorical else _numbers(table[name]) for name in known}
    problems = [
        *_named_unusably(known),
        *_without_values([name for name in known if _missing(table[name]).all()]),
        *_with_many_categories(table[[name for name in known if numbers[name] is None]]),
    ]
    if problems:
        raise ValueError("; ".join(problems))
    return {
        name: _single_precision(table[name].to_numpy(dtype=object) if found is None else found)
        for name, found in numbers.items()
    }


def _named_unusably(names: Sequence[str]) -> list[str]:
    refused = [name for name in names if "/" in name]
    return (
        []
        if not refused
        else [
            f"the columns {refused} have a '/' in their name, which Keras takes for no input: "
            "rename them or list them under drop"
        ]
    )


def _without_values(empty: Sequence[str]) -> list[str]:
    return (
        [] if not empty else [f"the columns {empty} have no value in any row: list them under drop"]
    )


def _with_many_categories(table: "pd.DataFrame") -> list[str]:
    many = {name: count for name, count in table.nunique().items() if count > MAX_CATEGORIES}
    if not many:
        return []
    found = ", ".join(
        f"column {name!r} has {count} different texts, for example {table[name].iloc[0]!r}"
        for name, count in many.items()
    )
    return [
        f"{found}, and at most {MAX_CATEGORIES} can be categories: list what is an identifier or "
        "free text under drop, or repair its numbers"
    ]


def targets(column: "pd.Series[str]", task: str | None) -> tuple[Array, tuple[str, ...]]:
    """Turn the target's texts into class indices or numbers.

    Args:
        column: One text a row.
        task: `classification`, `regression`, or None to infer it: regression if all targets are
            numbers and some are no integers or there are more than `MAX_INTEGER_CLASSES`
            different ones; classification otherwise.

    Returns:
        The targets, int64 class indices or float32, `(n,)`; the classes' names, sorted as numbers
        if they are numbers, empty for regression.

    Raises:
        ValueError: A target is missing, is no number in a regression, or the task is none.
    """
    if task not in (None, "classification", "regression"):
        raise ValueError(
            f"task must be classification, regression or null (inferred), received {task!r}"
        )
    missing = _missing(column)
    if missing.any():
        raise ValueError(
            f"{missing.sum()} of {len(column)} rows have no value in the target column "
            f"{column.name!r} (the first is row {int(np.argmax(missing)) + 1} below the header): "
            "complete or remove them"
        )
    numbers = _numbers(column)
    if task == "regression" and numbers is None:
        raise ValueError(
            f"the target column {column.name!r} must hold numbers for a regression, "
            f"received for example {_first_text(column)!r}"
        )
    if numbers is None:
        names = sorted(set(column))
        return _indices(column.to_numpy(dtype=object), names), tuple(names)
    values = np.unique(numbers)
    integers = bool(np.isfinite(values).all() and (values == np.round(values)).all())
    few = len(values) <= MAX_INTEGER_CLASSES
    if task == "regression" or (task is None and not (integers and few)):
        return _single_precision(numbers), ()
    named = tuple(str(int(value)) if integers else str(value) for value in values)
    return np.searchsorted(values, numbers).astype(np.int64), named


def _check_columns(
    path: Path, columns: list[str], target: str, lists: Mapping[str, Sequence[str]]
) -> None:
    problems = []
    if target not in columns:
        meant = did_you_mean(str(target), columns)
        problems.append(f"the target {target!r} is not a column of {path}; {meant}it has {columns}")
    for setting, names in lists.items():
        if isinstance(names, str) or not isinstance(names, Sequence):
            raise ValueError(f"{setting} must be a list of columns, received {names!r}")
        if unknown := [name for name in names if name not in columns]:
            problems.append(f"{setting} lists {unknown}, but the columns are {columns}")
        if target in names:
            problems.append(f"{setting} must not list the target {target!r}")
    if problems:
        raise ValueError("; ".join(problems))
    if len(columns) == len({target, *lists["drop"]}):
        raise ValueError(
            f"{path} has no column besides the target {target!r} and drop {[*lists['drop']]}"
        )


def _missing(column: "pd.Series[str]") -> Array:
    return column.str.strip().str.lower().isin(MISSING).to_numpy()


def _numbers(column: "pd.Series[str]") -> Array | None:
    """Return the column as float64 with NaN where missing, or None if it has other texts."""
    import pandas as pd

    missing = _missing(column)
    numbers = pd.to_numeric(column.mask(missing), errors="coerce").to_numpy(dtype=np.float64)
    return None if np.isnan(numbers[~missing]).any() else numbers


def _first_text(column: "pd.Series[str]") -> str:
    import pandas as pd

    return str(column[pd.to_numeric(column, errors="coerce").isna()].iloc[0])


def _indices(values: Array, names: list[str]) -> Array:
    index = {name: number for number, name in enumerate(names)}
    return np.array([index[value] for value in values], dtype=np.int64)


def _single_precision(column: Array) -> Array:
    if column.dtype == object:
        return column
    with np.errstate(over="ignore"):  # beyond 3.4e38: infinite, which the dataset refuses by name
        return column.astype(np.float32)
