"""Rows that belong together, such as those of one patient, kept in one split."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.datasets.columns import incomplete
from pipeline.datasets.rows import Array

if TYPE_CHECKING:
    import pandas as pd


def read_groups(column: "pd.Series[Any]") -> Array:
    """Return the group of each row as an integer from 0, `(n,)`.

    Raises:
        ValueError: Rows have none.
    """
    if problem := incomplete(column, "group"):
        raise ValueError(problem)
    groups: Array = np.unique(column.to_numpy(dtype=object), return_inverse=True)[1]
    return groups


def split_groups(
    groups: Array, sizes: Mapping[str, float], seed: int, classes: Array | None = None
) -> Array:
    """Part groups so that no two splits share one.

    They are taken in random order, each by the split that then is nearest to the number of rows of
    each class that it should have, a rare class counting as much as a frequent one.

    Args:
        groups: The group of each row, integers from 0, `(n,)`.
        sizes: Fraction of the rows in each further split, by the name of its setting; the rest is
            trained on.
        seed: Any integer; the same groups, sizes and seed give the same splits.
        classes: The class of each row, integers from 0, `(n,)`; None if there are none.

    Returns:
        The split of each row: 0 for the rest, then 1, 2 and so on; each has at least one group.

    Raises:
        ValueError: There are fewer groups than splits.
    """
    kinds = np.zeros(len(groups), np.int64) if classes is None else classes
    rows = np.zeros((groups.max() + 1, kinds.max() + 1))
    np.add.at(rows, (groups, kinds), 1)
    if len(rows) <= len(sizes):
        raise ValueError(
            f"there are {len(rows)} groups for {len(sizes) + 1} splits, and each needs at least one"
        )
    total = rows.sum(axis=0)
    wanted = np.outer([1 - sum(sizes.values()), *sizes.values()], total)
    found = np.zeros_like(wanted)
    split_of = np.zeros(len(rows), np.int64)
    random = np.random.default_rng([int(seed < 0), abs(seed)])
    for place, group in enumerate(random.permutation(len(rows))):
        added = rows[group]
        further = added * (added + 2 * (found - wanted)) / np.maximum(total, 1) ** 2
        cost = further.sum(axis=1)  # how much further from what is wanted each split would be
        empty = ~found.any(axis=1)
        if len(rows) - place <= empty.sum():
            cost[~empty] = np.inf
        split_of[group] = np.argmin(cost)
        found[split_of[group]] += added
    parted: Array = split_of[groups]
    return parted
