"""The columns of a table that are predicted, and the weights of its rows."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.datasets.columns import (
    first_no_number,
    incomplete,
    numbers,
    single_precision,
)
from pipeline.datasets.rows import Array
from pipeline.datasets.tasks import Task, are_whole, value_names

if TYPE_CHECKING:
    import pandas as pd

MAX_INTEGER_CLASSES = 20
"""A target of integers with more distinct values than this is taken for a quantity."""

_TASKS = ("classification", "multilabel", "regression")
_YES_OR_NO = {"true": 1.0, "false": 0.0}


@dataclass(frozen=True)
class Targets:
    """What is to be predicted.

    Attributes:
        task: `classification`, `multilabel` or `regression`.
        y: int64 class indices `(n,)`; int64 labels of 0 and 1 `(n, k)`; or float32 numbers, `(n,)`
            of one column and `(n, k)` of several.
        classes: Names of the classes, sorted as numbers if they are numbers; or of the labels;
            empty for regression.
        names: The columns.
    """

    task: Task
    y: Array
    classes: tuple[str, ...]
    names: tuple[str, ...]


def read_targets(table: "pd.DataFrame", task: str | None) -> Targets:
    """Turn the columns of targets into class indices, labels or numbers.

    Args:
        table: The columns, at least one, of text or of float64.
        task: `classification` (of one column), `multilabel` (of several columns of 0 and 1, or of
            true and false), `regression`, or None to infer it. Several columns are labels if all
            their values are 0 and 1, and a regression otherwise. One column is a regression if
            all targets are numbers and some are no integers or there are more than
            `MAX_INTEGER_CLASSES` different ones, and a classification otherwise.

    Returns:
        The targets.

    Raises:
        ValueError: Targets are missing or do not suit the task, or the task is none; all that is
            wrong with the columns is told at once.
    """
    if task not in (None, *_TASKS):
        allowed = ", ".join(_TASKS)
        raise ValueError(f"task must be {allowed} or null (inferred), received {task!r}")
    names = tuple(str(name) for name in table.columns)
    if problems := [text for name in names if (text := incomplete(table[name], "target"))]:
        raise ValueError("; ".join(problems))
    if len(names) == 1:
        if task == "multilabel":
            raise ValueError(
                "task=multilabel needs a column of 0 and 1 for each label, such as "
                f"target=[sunny,windy]; received the one column {names[0]!r}"
            )
        return _one(table[names[0]], task)
    if task == "classification":
        raise ValueError(
            f"task=classification has one target, received {[*names]}: give one of them, or "
            "task=multilabel if each is 0 or 1"
        )
    return _several(table, names, task)


def read_weights(column: "pd.Series[Any]") -> Array:
    """Return a column of weights as float32, `(n,)`.

    Raises:
        ValueError: One is missing or no positive finite number.
    """
    read = numbers(column)
    weights = None if read is None else single_precision(read)
    if weights is not None and (np.isfinite(weights) & (weights > 0)).all():
        return weights
    bad = _bad_weight(column, weights)
    raise ValueError(
        f"the weights in the column {column.name!r} must be positive finite numbers, received "
        f"{str(column.iloc[bad])!r} in row {bad + 1} below the header"
    )


def _one(column: "pd.Series[Any]", task: str | None) -> Targets:
    read = numbers(column)
    name = str(column.name)
    if task == "regression" and read is None:
        raise ValueError(_no_numbers(column))
    if read is None:
        names = sorted(set(column))
        index = {text: number for number, text in enumerate(names)}
        y = np.array([index[text] for text in column], dtype=np.int64)
        return Targets("classification", y, tuple(names), (name,))
    values = np.unique(read)
    few = len(values) <= MAX_INTEGER_CLASSES
    if task == "regression" or (task is None and not (are_whole(values) and few)):
        return Targets("regression", single_precision(read), (), (name,))
    y = np.searchsorted(values, read).astype(np.int64)
    return Targets("classification", y, value_names(values), (name,))


def _several(table: "pd.DataFrame", names: tuple[str, ...], task: str | None) -> Targets:
    labels = {name: _labels(table[name]) for name in names}
    others = [name for name, found in labels.items() if found is None]
    if task == "multilabel" and others:
        told = ", ".join(f"{name!r} (for example {_odd_label(table[name])!r})" for name in others)
        raise ValueError(f"the labels of task=multilabel must be 0 or 1, which {told} are not")
    if task != "regression" and not others:
        y = np.stack([found for found in labels.values() if found is not None], axis=1)
        return Targets("multilabel", y, names, names)
    columns = {name: numbers(table[name]) for name in names}
    if wrong := [_no_numbers(table[name]) for name, read in columns.items() if read is None]:
        raise ValueError("; ".join(wrong))
    y = np.stack([read for read in columns.values() if read is not None], axis=1)
    return Targets("regression", single_precision(y), (), names)


def _labels(column: "pd.Series[Any]") -> Array | None:
    """Return 0 and 1, int64, of a column of these or of true and false; None of others."""
    read = numbers(column)
    if read is None:
        read = column.str.strip().str.lower().map(_YES_OR_NO).to_numpy(dtype=np.float64)
    return read.astype(np.int64) if np.isin(read, (0.0, 1.0)).all() else None


def _odd_label(column: "pd.Series[Any]") -> object:
    usual = ("0", "1", "0.0", "1.0", *_YES_OR_NO)
    return next(value for value in column if str(value).strip().lower() not in usual)


def _no_numbers(column: "pd.Series[Any]") -> str:
    return (
        f"the target column {column.name!r} must hold numbers for a regression, received for "
        f"example {first_no_number(column)!r}"
    )


def _bad_weight(column: "pd.Series[Any]", weights: Array | None) -> int:
    """Return the first row without a usable weight."""
    import pandas as pd

    if weights is None:
        read = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
        return int(np.argmax(np.isnan(read)))
    return int(np.argmax(~(np.isfinite(weights) & (weights > 0))))
