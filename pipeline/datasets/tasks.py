"""What the targets of each task are."""

from typing import Literal, get_args

import numpy as np

from pipeline.datasets.rows import Array
from pipeline.datasets.structures import Structure

Task = Literal["classification", "multilabel", "regression", "custom"]
TASKS: tuple[Task, ...] = get_args(Task)


def checked_targets(y: Structure, task: Task, classes: tuple[str, ...]) -> Structure:
    """Return targets as a model is given them; they are what their task allows.

    Args:
        y: The targets of a split.
        task: `classification`: indices of the classes, `(n,)`, `(n, 1)` or, for each place of an
            example such as a pixel, of any further shape; or one-hot, with one more axis of as many
            numbers as there are classes; or the classes' names, which become indices. `multilabel`:
            `(n, labels)` of 0 and 1. `regression`: finite numbers of any shape. `custom`: anything,
            or None.
        classes: The names of the classes or labels.

    Raises:
        ValueError: The targets are something else; the sentence says what to write.
    """
    if task not in TASKS:
        raise ValueError(f"task must be one of {', '.join(TASKS)}; received {task!r}")
    if task == "custom":
        return y
    if not hasattr(y, "dtype"):
        what = "no targets" if y is None else f"a structure of targets ({type(y).__name__})"
        raise ValueError(f"{task} needs one array of targets, received {what}: use task='custom'")
    given = np.asarray(y)
    if given.dtype.kind not in "biuf" and not (given.dtype == object and task == "classification"):
        raise ValueError(f"the targets of a {task} must be numbers, received dtype {given.dtype}")
    if task == "regression":
        return _checked_numbers(y, given)
    if task == "multilabel":
        return _checked_labels(y, given, classes)
    if len(classes) < 2:
        raise ValueError(f"classification needs at least two classes, received {list(classes)}")
    if given.dtype == object:
        return _indices_of_names(given, classes)
    _check_classes(given, classes)
    return y


def class_indices(y: Array, classes: int) -> Array:
    """Return the class of each example, or of each place of it, of a classification's targets.

    Args:
        y: Indices or one-hot targets, as `checked_targets` takes them.
        classes: How many classes there are.

    Returns:
        `(n,)` int64, or of any further shape; without the last axis of one-hot targets, and without
        a last axis of one.
    """
    given = np.asarray(y)
    if is_one_hot(given, classes):
        chosen: Array = given.argmax(axis=-1)
        return chosen
    single = given.ndim > 1 and given.shape[-1] == 1
    return (given[..., 0] if single else given).astype(np.int64)


def is_one_hot(y: Array, classes: int) -> bool:
    """Whether a classification's targets are a 0 or 1 for each class, one of them a 1."""
    if y.ndim < 2 or y.shape[-1] != classes:
        return False
    return bool((y.sum(axis=-1) == 1).all() and np.isin(y, (0, 1)).all())


def are_whole(values: Array) -> bool:
    """Whether numbers are all finite integers, in whatever dtype."""
    return bool(np.isfinite(values).all() and (values == np.round(values)).all())


def value_names(values: Array) -> tuple[str, ...]:
    """Return what classes are called that numbers or texts stand for: `3` for 3.0."""
    whole = values.dtype.kind == "f" and are_whole(values)
    return tuple(str(int(value)) if whole else str(value) for value in values)


def rows_of_classes(y: Structure, task: Task, classes: int) -> list[int] | None:
    """Return how many examples are of each class, or have each label.

    Args:
        y: Targets as `checked_targets` returns them.
        task: The task.
        classes: How many classes or labels there are.

    Returns:
        As many counts; None where an example has no class or, as a mask has, many.
    """
    if task not in ("classification", "multilabel") or y.ndim > 2:
        return None
    if task == "multilabel":
        return [int(count) for count in np.asarray(y).sum(axis=0)]
    indices = class_indices(y, classes)
    return np.bincount(indices, minlength=classes).tolist() if indices.ndim == 1 else None


def _checked_numbers(y: Structure, given: Array) -> Structure:
    if not np.isfinite(given).all():
        raise ValueError(
            f"the targets have {(~np.isfinite(given)).sum()} NaN or infinite values: "
            "all must be finite numbers; with task='custom' a loss of yours can leave others out"
        )
    return y


def _checked_labels(y: Structure, given: Array, labels: tuple[str, ...]) -> Structure:
    if given.ndim != 2 or given.shape[1] != len(labels) or not np.isin(given, (0, 1)).all():
        extent = f" with values from {given.min()} to {given.max()}" if given.size else ""
        raise ValueError(
            f"multilabel needs a 0 or 1 for each of the {len(labels)} labels in classes, targets "
            f"of the shape (rows, {len(labels)}); received the shape {given.shape}{extent}"
        )
    return y


def _indices_of_names(given: Array, classes: tuple[str, ...]) -> Array:
    index = {name: number for number, name in enumerate(classes)}
    unknown = sorted({str(name) for name in given.flat if name not in index})
    if unknown:
        raise ValueError(
            f"the targets must be of the classes {list(classes)}, received {unknown[:10]}"
        )
    indices: Array = np.vectorize(index.__getitem__, otypes=[np.int64])(given)
    return indices


def _check_classes(given: Array, classes: tuple[str, ...]) -> None:
    count = len(classes)
    if is_one_hot(given, count) or not given.size:
        return
    if given.ndim == 2 and given.shape[1] == count and np.isin(given, (0, 1)).all():
        rows = int((given.sum(axis=1) != 1).sum())
        raise ValueError(
            f"{rows} of {len(given)} rows of the targets name no class or several of the {count}: "
            "use task='multilabel' if they are labels that an example may have together"
        )
    if given.min() < 0 or given.max() >= count or (given != np.floor(given)).any():
        whole = "" if (given == np.floor(given)).all() else ", some of them no integers"
        raise ValueError(
            f"the targets must be class indices from 0 to {count - 1}, "
            f"received {given.min()} to {given.max()}{whole}; with task='custom' a loss with "
            "ignore_class can leave others out"
        )
