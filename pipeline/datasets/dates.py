"""Dates in a table, told from other texts."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.datasets.rows import Array

if TYPE_CHECKING:
    import pandas as pd

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d([T ]([01]\d|2[0-3]):[0-5]\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?"
)
_LIKE_A_DATE = re.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}")
_FORMS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d")
_TIMES = ("", " %H:%M", " %H:%M:%S")


@dataclass(frozen=True)
class Dates:
    """How the texts of a column can be read as dates.

    Attributes:
        moments: `(n,)` datetime64, NaT where there is none.
        month_first: Whether the month comes before the day where the year is the last.
    """

    moments: Array
    month_first: bool


def find_dates(column: "pd.Series[Any]", absent: Array) -> list[Dates]:
    """Return the dates of a column if all of its texts are dates of one form.

    Args:
        column: One text a row.
        absent: Which of them say that there is none, `(n,)` of bool.

    Returns:
        All ways to read them: none if a text is no date, two for those such as 3/4/2026.
    """
    import pandas as pd

    texts = column.str.strip()
    different = pd.Series(texts[~absent].unique(), dtype=object)
    if different.empty or not _LIKE_A_DATE.match(different.iloc[0]):
        return []
    if different.str.fullmatch(_ISO).all():
        moments = pd.to_datetime(different, format="ISO8601", utc=True, errors="coerce")
        read = [(moments.dt.tz_localize(None), False)]
    else:
        read = [
            (pd.to_datetime(different, format=form + time, errors="coerce"), form.startswith("%m"))
            for time in _TIMES
            for form in _FORMS
        ]
    return [
        Dates(
            moments.set_axis(different).reindex(texts.mask(absent)).to_numpy("datetime64[us]"),
            month_first,
        )
        for moments, month_first in read
        if moments.notna().all()
    ]
