"""What the targets in an array are: classes, labels or numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.datasets.rows import Array
from pipeline.datasets.table_targets import MAX_INTEGER_CLASSES
from pipeline.datasets.tasks import TASKS, Task, are_whole, is_one_hot, value_names


@dataclass(frozen=True, eq=False)
class Targets:
    """How an array's values become a task's targets.

    Attributes:
        task: The task.
        classes: Names of the classes or labels; empty for the other tasks.
        values: The values that stand for the classes, sorted; None if they are the targets already.
    """

    task: Task
    classes: tuple[str, ...] = ()
    values: Array | None = None

    def of(self, y: Array) -> Array:
        """Return a split's targets, of the values in an array."""
        if self.values is None:
            return y
        found = np.searchsorted(self.values, y)
        known: Array = found.reshape(y.shape).astype(np.int64)
        return known


def infer_targets(
    arrays: Sequence[Array], task: Task | None, classes: Sequence[str] | None
) -> Targets:
    """Tell what targets are.

    Args:
        arrays: The targets of all splits that are given; none where there are no targets.
        task: The task; None to tell it from the arrays. Texts are classes, and so are `(n,)` or
            `(n, 1)` integers, if they are 0 to k - 1 or at most `MAX_INTEGER_CLASSES` different
            ones. `(n, k)` of 0 and 1 are one-hot classes if there is one 1 in every row, and labels
            otherwise. Other numbers are a regression, and anything with more axes is `custom`.
        classes: Names of the classes or labels, in the order of their values; None to make some.

    Raises:
        ValueError: The arrays are not what the task needs, or there are more or fewer classes.
    """
    if task is not None and task not in TASKS:
        raise ValueError(f"task must be one of {', '.join(TASKS)} or null, received {task!r}")
    if not arrays:
        if task not in (None, "custom"):
            raise ValueError(f"{task} needs targets: name their array with dataset.y")
        return Targets("custom")
    first = arrays[0]
    task = task or _inferred(arrays)
    if task in ("custom", "regression"):
        return Targets(task)
    if first.ndim == 2 and first.shape[1] > 1:
        named = tuple(str(n) for n in range(first.shape[1])) if classes is None else tuple(classes)
        return Targets(task, named)
    return _of_values(np.unique(np.concatenate([one.ravel() for one in arrays])), classes)


def _of_values(values: Array, classes: Sequence[str] | None) -> Targets:
    names = value_names(values)
    counted = (
        values.dtype.kind in "biuf" and values.min() >= 0 and values.max() < len(classes or ())
    )
    if classes is not None and counted:  # some of them may have no example
        return Targets("classification", tuple(map(str, classes)), np.arange(len(classes)))
    if classes is not None and len(classes) != len(values):
        raise ValueError(
            f"classes must name the {len(values)} values of the targets, {[*names[:10]]}; received "
            f"{[*classes]}"
        )
    return Targets("classification", tuple(map(str, classes or names)), values)


def _inferred(arrays: Sequence[Array]) -> Task:
    first = arrays[0]
    if first.ndim > 2:
        return "custom"
    if first.dtype.kind not in "biuf":
        return "classification"
    if first.ndim == 2 and first.shape[1] > 1:
        if not all(np.isin(one, (0, 1)).all() for one in arrays):
            return "regression"
        single = all(is_one_hot(one, one.shape[1]) for one in arrays)
        return "classification" if single else "multilabel"
    values = np.unique(np.concatenate([one.ravel() for one in arrays]))
    counted = first.dtype.kind in "biu" and np.array_equal(values, np.arange(len(values)))
    few = len(values) <= MAX_INTEGER_CLASSES
    return "classification" if are_whole(values) and (counted or few) else "regression"
