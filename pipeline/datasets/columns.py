"""The columns of a table: which hold numbers, which categories, dates or text."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pipeline.datasets.dates import Dates, find_dates
from pipeline.datasets.rows import Array

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "category", "date", "text"]

MISSING = frozenset({"", "?", "na", "n/a", "nan", "null"})
"""How a table of text says that a value is missing; case does not matter."""

MAX_CATEGORIES = 1000
"""A column with more categories is an identifier or free text: one-hot, it would fill memory."""


@dataclass(frozen=True)
class Column:
    """A column that a model is given.

    Attributes:
        kind: What it was taken for.
        values: `(n,)`: float32 with NaN where missing, or Python strings in an object array with ""
            where missing. A category or text is missing only if it is empty: "NA" is one.
        dates: How its texts can be read as dates: in one way if it was taken for dates, in two if
            that is why it was taken for categories.
    """

    kind: Kind
    values: Array
    dates: tuple[Dates, ...] = ()


def read_columns(
    table: "pd.DataFrame", *, categorical: Collection[str], text: Collection[str], typed: bool
) -> dict[str, Column]:
    """Tell what the columns of a table hold.

    A column is one of numbers if every value that is not missing is a number, and one of dates if
    each is a date of one form; otherwise it is one of categories.

    Args:
        table: The columns, of text or of float64.
        categorical: Names of columns that hold categories, whatever they look like.
        text: Names of columns that hold text.
        typed: Whether texts are no numbers, even if they look like some.

    Returns:
        The columns by name, in the table's order.

    Raises:
        ValueError: Columns have no value at all, too many categories, or a name that Keras does
            not take for an input; all of them are told at once.
    """
    asked: dict[str, Kind] = dict.fromkeys(categorical, "category")
    asked |= dict.fromkeys(text, "text")
    names = [str(name) for name in table.columns]
    read = {name: _read(table[name], asked.get(name), typed) for name in names}
    problems = [*_named_unusably(read), *_without_values(table), *_with_many_categories(read)]
    if problems:
        raise ValueError("; ".join(problems))
    return read


def numbers(column: "pd.Series[Any]") -> Array | None:
    """Return a column as float64 with NaN where missing, or None if it has other texts."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64)
    absent = missing(column)
    read = pd.to_numeric(column.mask(absent), errors="coerce").to_numpy(dtype=np.float64)
    return None if np.isnan(read[~absent]).any() else read


def first_no_number(column: "pd.Series[Any]") -> object:
    """Return the first value of a column, of which some are no numbers, that is none."""
    import pandas as pd

    return column[pd.to_numeric(column, errors="coerce").isna()].iloc[0]


def missing(column: "pd.Series[Any]") -> Array:
    """Return where a column has no value, `(n,)` of bool."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column):
        return column.isna().to_numpy()
    return column.str.strip().str.lower().isin(MISSING).to_numpy()


def incomplete(column: "pd.Series[Any]", role: str) -> str | None:
    """Return a sentence if rows have no value in a column that must have one in each.

    Args:
        column: The column.
        role: What it is for, such as `target`.
    """
    absent = missing(column)
    if not absent.any():
        return None
    return (
        f"{absent.sum()} of {len(column)} rows have no value in the {role} column "
        f"{column.name!r} (the first is row {int(np.argmax(absent)) + 1} below the header): "
        "complete or remove them"
    )


def single_precision(column: Array) -> Array:
    """Return numbers as float32; those beyond 3.4e38 are infinite, which a split refuses."""
    with np.errstate(over="ignore"):
        return column.astype(np.float32)


def _read(column: "pd.Series[Any]", asked: Kind | None, typed: bool) -> Column:
    import pandas as pd

    if asked is not None:
        return Column(asked, column.to_numpy(dtype=object))
    is_text = not pd.api.types.is_numeric_dtype(column)
    found = None if typed and is_text else numbers(column)
    if found is not None:
        return Column("number", single_precision(found))
    absent = missing(column)
    dates = tuple(find_dates(column, absent))
    if len(dates) == 1:
        return Column("date", column.mask(absent, "").to_numpy(dtype=object), dates)
    return Column("category", column.to_numpy(dtype=object), dates)


def _named_unusably(names: Collection[str]) -> Iterator[str]:
    if refused := [name for name in names if "/" in name]:
        yield (
            f"the columns {refused} have a '/' in their name, which Keras takes for no input: "
            "rename them or list them under drop"
        )


def _without_values(table: "pd.DataFrame") -> Iterator[str]:
    if empty := [str(name) for name in table.columns if missing(table[name]).all()]:
        yield f"the columns {empty} have no value in any row: list them under drop"


def _with_many_categories(read: Mapping[str, Column]) -> Iterator[str]:
    texts = {name: column.values for name, column in read.items() if column.kind == "category"}
    counts = {name: len(set(values)) for name, values in texts.items()}
    many = {name: count for name, count in counts.items() if count > MAX_CATEGORIES}
    if not many:
        return
    found = ", ".join(
        f"column {name!r} has {count} different texts, for example {texts[name][0]!r}"
        for name, count in many.items()
    )
    yield (
        f"{found}, and at most {MAX_CATEGORIES} can be categories: list an identifier under drop "
        "and free text under text, or repair what should be numbers or dates"
    )
