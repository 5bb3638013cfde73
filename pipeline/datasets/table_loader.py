"""The loader of tables: what `conf/dataset/csv.yaml` names."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.configuration.names import stem
from pipeline.datasets.column_roles import ColumnRoles
from pipeline.datasets.columns import Column, read_columns
from pipeline.datasets.dataset import Dataset
from pipeline.datasets.description import describe_table
from pipeline.datasets.group_split import read_groups, split_groups
from pipeline.datasets.rows import Array
from pipeline.datasets.splits import Partition, Split, parted
from pipeline.datasets.table_encoding import TableEncoding
from pipeline.datasets.table_file import open_table
from pipeline.datasets.table_reading import TableReading
from pipeline.datasets.table_targets import Targets, read_targets, read_weights
from pipeline.datasets.tasks import Task
from pipeline.datasets.time_split import read_times, split_times

if TYPE_CHECKING:
    import pandas as pd


def csv(
    *,
    path: str,
    target: str | Sequence[str],
    task: Task | None,
    drop: Sequence[str],
    categorical: Sequence[str],
    text: Sequence[str],
    max_tokens: int,
    weight: str | None,
    group: str | None,
    time: str | None,
    keep: Sequence[str],
    separator: str | None,
    validation_size: float,
    test_size: float,
    seed: int,
) -> Dataset:
    """Load a table of numbers, categories, dates and texts, some of which may be missing.

    Its `x` has one `(n,)` array a column: float32 with NaN where missing, or strings with "" where
    missing. `pipeline.datasets.columns` states how they are told apart, and
    `pipeline.datasets.table_targets` the task.

    Args:
        path: The file, absolute or relative to the working directory: Parquet if its name ends with
            `.parquet`, otherwise UTF-8 text with a header, compressed or not.
        target: Name of the column to predict, or of several.
        task: `classification`, `multilabel`, `regression`, or None to infer it from the target.
        drop: Names of the columns to leave out.
        categorical: Names of the columns whose numbers are codes of categories.
        text: Names of the columns of which the words count.
        max_tokens: How many words of a column count, at most.
        weight: Name of the column of how much each row counts, or None.
        group: Name of the column of which no value is in two splits, or None.
        time: Name of the column by which the test rows come after the others, and those to
            validate on after those to train on, or None.
        keep: Which of `weight`, `group` and `time` are inputs as well; the others are not.
        separator: The character between two columns of text; None for the tab in a `.tsv` file and
            the comma in others.
        validation_size: Fraction of the rows to validate on.
        test_size: Fraction of the rows to test on.
        seed: Seed of the splits; a split by time has nothing to draw.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The table, or something in it, is not what the arguments say. All that can be
            told at once is.
    """
    partition = Partition({"validation_size": validation_size, "test_size": test_size}, seed)
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or max_tokens < 1:
        raise ValueError(f"max_tokens must be an integer of at least 1, received {max_tokens!r}")
    file = Path(str(path)).expanduser().resolve()
    roles = ColumnRoles(target, drop, categorical, text, weight, group, time, keep)
    table = open_table(file, separator)
    roles.check(file, table.columns)
    frame = table.read(roles.read(table.columns), as_text=roles.as_text())
    read = _read(frame, roles, task, typed=table.typed)
    everything = Split(
        {name: column.values for name, column in read.columns.items()}, read.targets.y, read.weights
    )
    split_of = _split_of(read, partition)
    train, validation, test = parted(everything, split_of, len(partition.sizes) + 1)
    encoding = _encoding(train, read.columns, max_tokens)
    reading = TableReading(
        source=str(file),
        columns=read.columns,
        targets=read.targets,
        encoding=encoding,
        split_of=split_of,
        weight=_named(weight, read.weights),
        group=_named(group, read.groups),
        time=_named(time, read.times),
    )
    return Dataset(
        name=stem(file),
        task=read.targets.task,
        train=train,
        validation=validation,
        test=test,
        classes=read.targets.classes,
        source=str(file),
        preprocessing=encoding,
        targets=() if read.targets.classes else read.targets.names,
        columns=reading.facts(),
        notes=describe_table(reading),
    )


@dataclass(frozen=True)
class _Read:
    columns: Mapping[str, Column]
    targets: Targets
    weights: Array | None
    groups: Array | None
    times: Array | None


def _read(frame: "pd.DataFrame", roles: ColumnRoles, task: str | None, *, typed: bool) -> _Read:
    """Make of each column what it is for; all that is wrong with them is told at once."""
    problems: list[str] = []
    names = [str(name) for name in frame.columns]
    with _collected(problems):
        columns = read_columns(
            frame[roles.inputs(names)], categorical=roles.categorical, text=roles.text, typed=typed
        )
    with _collected(problems):
        targets = read_targets(frame[[*roles.targets]], task)
    with _collected(problems):
        weights = None if roles.weight is None else read_weights(frame[roles.weight])
    with _collected(problems):
        groups = None if roles.group is None else read_groups(frame[roles.group])
    with _collected(problems):
        times = None if roles.time is None else read_times(frame[roles.time])
    if problems:
        raise ValueError("; ".join(problems))
    return _Read(columns, targets, weights, groups, times)


@contextlib.contextmanager
def _collected(problems: list[str]) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        problems.append(str(error))


def _split_of(read: _Read, partition: Partition) -> Array:
    y = read.targets.y
    is_classification = read.targets.task == "classification"
    if read.groups is not None:
        classes = y if is_classification else None
        return split_groups(read.groups, partition.sizes, partition.seed, classes)
    if read.times is not None:
        return split_times(read.times, partition.sizes)
    return partition.assign(y, len(y), classes=read.targets.classes if is_classification else ())


def _encoding(train: Split, columns: Mapping[str, Column], max_tokens: int) -> TableEncoding:
    dates = {name: column.dates[0] for name, column in columns.items() if column.kind == "date"}
    return TableEncoding.fit(
        train.x,
        dates=[*dates],
        month_first=[name for name, read in dates.items() if read.month_first],
        text=[name for name, column in columns.items() if column.kind == "text"],
        max_tokens=max_tokens,
    )


def _named(name: str | None, values: Array | None) -> tuple[str, Array] | None:
    return None if name is None or values is None else (name, values)
