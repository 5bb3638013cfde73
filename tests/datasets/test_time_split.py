import numpy as np
import pandas as pd
import pytest

from pipeline.datasets.time_split import read_times, split_times

SIZES = {"validation_size": 0.2, "test_size": 0.1}


@pytest.mark.parametrize(
    ("values", "order"),
    [
        (["10", "9", "9.5"], [2, 0, 1]),
        ([10.0, 9.0, 9.5], [2, 0, 1]),
        (["2026-11-27", "2026-02-01", "2026-10-01"], [2, 0, 1]),
        (["27.11.2026", "1.2.2026", "1.10.2026"], [2, 0, 1]),
        (["2026-11-27T00:30:00+02:00", "2026-11-26T22:15Z", "2026-11-26 22:29"], [2, 0, 1]),
    ],
)
def test_numbers_and_dates_order_the_rows(values, order):
    times = read_times(pd.Series(values, name="t"))
    assert np.argsort(np.argsort(times)).tolist() == order


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (["1", "", "3"], "1 of 3 rows have no value in the time column 't' .*row 2"),
        (["1", "soon"], "'t' must hold numbers, or dates of one form, received for example 'soon'"),
        (["2026-11-27", "27.11.2026"], "must hold numbers, or dates of one form"),
        (["3/4/2026", "5/6/2026"], "such as '3/4/2026', can be read .*write them as 2026-11-27"),
    ],
)
def test_what_orders_no_rows_is_named(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_times(pd.Series(values, name="t"))


def test_no_split_has_anything_of_the_future_of_another():
    times = np.random.default_rng(0).permutation(100)
    split_of = split_times(times, SIZES)
    assert np.bincount(split_of).tolist() == [70, 20, 10]
    assert split_of[np.argsort(times)].tolist() == [0] * 70 + [1] * 20 + [2] * 10


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([10] * 10, [7, 2, 1]),
        ([33, 33, 33], [1, 1, 1]),
        ([90, 5, 5], [1, 1, 1]),
        ([1, 1, 98], [1, 1, 1]),
        ([40, 40, 5, 5, 10], [2, 2, 1]),
    ],
)
def test_rows_of_one_time_stay_together(counts, expected):
    times = np.repeat(np.arange(len(counts)) * 3.5, counts)
    split_of = split_times(times, SIZES)
    of_time = [set(split_of[times == time]) for time in np.unique(times)]
    assert all(len(splits) == 1 for splits in of_time)
    assert [sum(splits == {number} for splits in of_time) for number in range(3)] == expected


def test_moments_order_rows_too():
    times = np.array(["2026-01-03", "2026-01-01", "2026-01-02"], "datetime64[us]")
    assert split_times(times, SIZES).tolist() == [2, 0, 1]


def test_too_few_times_are_named():
    with pytest.raises(ValueError, match="there are 2 different times for 3 splits"):
        split_times(np.array([1, 2, 2, 2]), SIZES)
