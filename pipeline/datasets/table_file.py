"""A file that holds a table: text with separators, or Parquet."""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.configuration.config import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

_SEPARATORS = {".csv": ",", ".txt": ",", ".tsv": "\t", ".tab": "\t"}
_PARQUET = (".parquet", ".pq")
_INDEX = re.compile(r"__index_level_\d+__")
"""How pandas calls an index without a name: the numbers of the rows, no column of the table."""


class TableFile(ABC):
    """A table that can be read.

    Attributes:
        columns: The names of its columns.
        typed: Whether the file says of each column what it holds, so that texts are no numbers
            even if they look like some.
    """

    columns: list[str]
    typed: bool

    @abstractmethod
    def read(self, names: Sequence[str], *, as_text: Collection[str]) -> "pd.DataFrame":
        """Read columns: those of text and of dates as text, the others may be float64.

        Args:
            names: Which columns, in this order.
            as_text: Which of them are text even if the file has numbers there.

        Returns:
            The rows; where a value is missing, a text is "" and a number NaN.

        Raises:
            ValueError: Columns hold what is neither text, number nor date; all are told at once.
        """


def open_table(path: Path, separator: str | None) -> TableFile:
    r"""Open a table; the end of its name says whether it is Parquet.

    Args:
        path: A Parquet file, or UTF-8 text with a header, compressed or not, one row a line.
        separator: The character between two columns of text; `\\t` is the tab. None for the tab in
            a `.tsv` file and the comma in others.

    Returns:
        The table.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds no such table, or no rows.
    """
    if not path.is_file():
        raise FileNotFoundError(f"path must be an existing file; there is no table at {path}")
    if separator is not None and (not isinstance(separator, str) or len(separator) != 1):
        if separator != "\\t":
            raise ValueError(f"separator must be one character, received {separator!r}")
        separator = "\t"
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]  # the last may be .gz
    if suffixes and suffixes[-1] in _PARQUET:
        if separator is not None:
            raise ValueError(f"separator={separator!r} is for tables of text; {path} is Parquet")
        return _Parquet(path)
    known = [_SEPARATORS[suffix] for suffix in reversed(suffixes) if suffix in _SEPARATORS]
    return _Text(path, separator or next(iter(known), ","))


def not_columns(
    path: Path, columns: Sequence[str], named: Mapping[str, Sequence[str]]
) -> list[str]:
    """Say of each name that is no column of a table what it was to be.

    Args:
        path: Where the table is.
        columns: Its columns.
        named: Names by what they are for.

    Returns:
        A clause for each.
    """
    return [
        f"{role} {name!r} is not a column of {path}; {did_you_mean(str(name), columns)}it has "
        f"{[*columns]}"
        for role, names in named.items()
        for name in names
        if name not in columns
    ]


class _Text(TableFile):
    typed = False

    def __init__(self, path: Path, separator: str) -> None:
        import pandas as pd

        try:
            table = _read_rows(path, separator)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path} is not a table of text in UTF-8: {error}; convert it, for example with "
                f"iconv -f latin1 -t utf-8 {path.name}"
            ) from error
        except (pd.errors.EmptyDataError, pd.errors.ParserError) as error:
            raise ValueError(f"{path} is not a table of text in UTF-8: {error}") from error
        if not isinstance(table.index, pd.RangeIndex):
            raise ValueError(f"the rows of {path} have more values than its header has columns")
        self.columns = [*table.columns]
        self._path = path
        self._table = table

    def read(self, names: Sequence[str], *, as_text: Collection[str]) -> "pd.DataFrame":
        del as_text  # all of it is
        if self._table.empty:
            raise ValueError(
                f"{self._path} must have rows below the header; it has a header and no rows"
            )
        return self._table[[*names]]


def _read_rows(path: Path, separator: str) -> "pd.DataFrame":
    """Read the rows of a table of text, whose lines end as its header does.

    pandas 3.1 ends a row at a carriage return too, also within a text, where it writes one without
    quotation marks (`findings/pandas_carriage_returns_become_rows.sh`).
    """
    import pandas as pd

    def read(end: str | None) -> pd.DataFrame:
        return pd.read_csv(
            path,
            sep=separator,
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            lineterminator=end,
        ).fillna("")  # what rows lack that end early

    table = read("\n")
    header = [name.removesuffix("\r") for name in table.columns]
    if any("\r" in name for name in header):  # all lines end with it
        return read(None)
    if header == [*table.columns] or not isinstance(table.index, pd.RangeIndex):
        return table
    table.columns = pd.Index(header)
    table = table[table[header[0]] != "\r"].reset_index(drop=True)  # without empty lines
    early = table[header[-1]] == ""
    table.loc[early] = table[early].apply(lambda column: column.str.removesuffix("\r"))
    table[header[-1]] = table[header[-1]].str.removesuffix("\r")
    return table


class _Parquet(TableFile):
    typed = True

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        try:
            self._file = parquet.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{path} is no Parquet file: {error}") from error
        names = self._file.schema_arrow.names
        self.columns = [name for name in names if not _INDEX.fullmatch(name)]
        self._path = path

    def read(self, names: Sequence[str], *, as_text: Collection[str]) -> "pd.DataFrame":
        import pandas as pd

        if not self._file.metadata.num_rows:
            raise ValueError(f"{self._path} must have rows; it has none")
        table = self._file.read(columns=[*names])
        columns = {name: _values(table[name], as_text=name in as_text) for name in names}
        if refused := {name: table[name].type for name in names if columns[name] is None}:
            told = ", ".join(f"{name!r} ({kind})" for name, kind in refused.items())
            raise ValueError(
                f"the columns {told} hold neither text, number nor date: list them under drop"
            )
        return pd.DataFrame(columns)


def _values(column: Any, *, as_text: bool) -> Any:
    """Return the values of an Arrow column as a `TableFile` gives them; None if it cannot."""
    import pyarrow as pa
    from pyarrow import compute, types

    kind = column.type
    if types.is_dictionary(kind):
        return _values(column.cast(kind.value_type), as_text=as_text)
    if types.is_boolean(kind):
        return _texts(compute.if_else(column, "True", "False"))
    if types.is_date(kind) or types.is_timestamp(kind) or types.is_time(kind):
        return _temporal(column)
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        if not as_text:
            return column.cast(pa.float64(), safe=False).to_numpy()
        return _texts(_whole_where_possible(column).cast(pa.string()))
    text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    return _texts(column) if text or types.is_null(kind) else None


def _whole_where_possible(column: Any) -> Any:
    """Return numbers as integers if they are: pandas writes codes with gaps as 7.0."""
    import pyarrow as pa

    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column


def _temporal(column: Any) -> Any:
    """Return dates and times as text, as the clock of their place shows them."""
    import pyarrow as pa
    from pyarrow import compute, types

    if types.is_timestamp(column.type):
        local = column if column.type.tz is None else compute.local_timestamp(column)
        column = local.cast(pa.timestamp("s"), safe=False)
    return _texts(column)


def _texts(column: Any) -> Any:
    import pyarrow as pa

    return column.cast(pa.string()).fill_null("").to_numpy()
