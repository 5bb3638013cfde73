"""What was made of a table, before a dataset is made of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.datasets.columns import Column
from pipeline.datasets.rows import Array
from pipeline.datasets.table_encoding import TableEncoding
from pipeline.datasets.table_targets import Targets

Facts = dict[str, Any]
"""A column's name, kind and number of missing values, and a few more facts, in JSON's terms."""


@dataclass(frozen=True)
class TableReading:
    """What the columns of a table were taken for, and how its rows were parted.

    Attributes:
        source: Where the table is.
        columns: The columns that a model is given, by name.
        targets: What is to be predicted.
        encoding: How the columns become numbers.
        split_of: The split of each row, `(n,)`: 0 is trained on, 1 validated, 2 tested.
        weight: The name of the column of weights with these, `(n,)`; None if there is none.
        group: The name of the column of groups with the group of each row, `(n,)`, or None.
        time: The name of the column of times with these, numbers or moments, `(n,)`, or None.
    """

    source: str
    columns: Mapping[str, Column]
    targets: Targets
    encoding: TableEncoding
    split_of: Array
    weight: tuple[str, Array] | None = None
    group: tuple[str, Array] | None = None
    time: tuple[str, Array] | None = None

    def facts(self) -> tuple[Facts, ...]:
        """Return the facts of each column that is read: inputs, then targets and the others."""
        inputs = (self._input(name, column) for name, column in self.columns.items())
        targets = self.targets
        values = targets.y.reshape(len(targets.y), -1).T
        regression = targets.task == "regression"
        others: list[Facts] = [
            {"name": name, "kind": "target", "missing": 0}
            | (extent(column) if regression else {"classes": len(np.unique(column))})
            for name, column in zip(targets.names, values, strict=True)
        ]
        for kind, given in (("weight", self.weight), ("group", self.group), ("time", self.time)):
            if given is not None:
                name, column = given
                more = {"groups": len(np.unique(column))} if kind == "group" else extent(column)
                others.append({"name": name, "kind": kind, "missing": 0, **more})
        return (*inputs, *others)

    def _input(self, name: str, column: Column) -> Facts:
        values, more = column.values, {}
        absent = np.isnan(values) if column.kind == "number" else values == ""
        match column.kind:
            case "number":
                more = extent(values[~absent])
            case "category":
                more = {"categories": len(set(values) - {""})}
            case "date":
                more = extent(column.dates[0].moments[~absent])
            case "text":
                more = {"words": len(self.encoding.words[name])}
        return {"name": name, "kind": column.kind, "missing": int(absent.sum()), **more}


def extent(values: Array) -> Facts:
    """Return the least and the greatest of numbers or moments."""
    return {"least": _plain(values.min()), "greatest": _plain(values.max())}


def _plain(value: Any) -> float | str:
    if not isinstance(value, np.datetime64):
        return float(value)
    return str(value.astype("datetime64[m]")).removesuffix("T00:00").replace("T", " ")
