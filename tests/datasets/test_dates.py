import numpy as np
import pandas as pd
import pytest

from pipeline.datasets.dates import find_dates


def found(*texts):
    column = pd.Series(texts, dtype=str)
    return find_dates(column, (column == "").to_numpy())


@pytest.mark.parametrize(
    ("texts", "moments", "month_first"),
    [
        (["2026-11-27", "2020-02-29", ""], ["2026-11-27", "2020-02-29", "NaT"], False),
        (["1890-01-01", "2199-12-31"], ["1890-01-01", "2199-12-31"], False),
        (["2026-11-27T18:30", "2026-11-27"], ["2026-11-27T18:30", "2026-11-27"], False),
        (["2026-11-27 18:30:05.25"], ["2026-11-27T18:30:05.25"], False),
        (["2026-11-27T18:30:05Z"], ["2026-11-27T18:30:05"], False),
        (["2026-11-27T18:30:05+02:00"], ["2026-11-27T16:30:05"], False),
        (["27.11.2026", "1.2.2026"], ["2026-11-27", "2026-02-01"], False),
        (["1.2.2026", "3.4.2026 "], ["2026-02-01", "2026-04-03"], False),
        (["27/11/2026", "1/2/2026"], ["2026-11-27", "2026-02-01"], False),
        (["11/27/2026", "1/2/2026"], ["2026-11-27", "2026-01-02"], True),
        (["1/2/2026 18:30", "11/27/2026 0:00"], ["2026-01-02T18:30", "2026-11-27"], True),
        (["27-11-2026"], ["2026-11-27"], False),
        (["2026/11/27"], ["2026-11-27"], False),
    ],
)
def test_dates_are_found(texts, moments, month_first):
    (dates,) = found(*texts)
    expected = np.array(moments, dtype="datetime64[us]")
    np.testing.assert_array_equal(dates.moments, expected)
    assert dates.month_first is month_first


def test_dates_that_can_be_read_in_two_ways():
    first, second = found("3/4/2026", "5/6/2026", "")
    assert {first.month_first, second.month_first} == {True, False}
    assert {str(dates.moments[0])[:10] for dates in (first, second)} == {"2026-03-04", "2026-04-03"}


@pytest.mark.parametrize(
    "texts",
    [
        ["Ulm", "2026-11-27"],
        ["2026-11-27", "Ulm"],
        ["2026-02-30"],
        ["2026-11-27 25:00"],
        ["2026-11-27", "27.11.2026"],
        ["27/11/2026", "11/27/2026"],
        ["20261127"],
        ["1.2.3"],
        ["12:30:00"],
        ["0.1.0", "1.2.3"],
        ["2026-11"],
        ["", ""],
    ],
)
def test_what_is_no_date(texts):
    assert found(*texts) == []
