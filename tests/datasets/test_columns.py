import numpy as np
import pandas as pd
import pytest

from pipeline.datasets.columns import read_columns


def frame(**columns):
    return pd.DataFrame(columns, dtype=str)


def read(table, categorical=(), text=(), typed=False):
    return read_columns(table, categorical=categorical, text=text, typed=typed)


def kinds(table, **settings):
    return {name: column.kind for name, column in read(table, **settings).items()}


def test_numbers_are_told_from_categories():
    columns = read(
        frame(
            n=["1", " -2.5e1 ", "", "?"], c=["NA", "", "1", "a "], b=["True", "False", "", "True"]
        )
    )
    assert {name: column.kind for name, column in columns.items()} == {
        "n": "number",
        "c": "category",
        "b": "category",
    }
    x = {name: column.values for name, column in columns.items()}
    assert x["n"].dtype == np.float32
    np.testing.assert_array_equal(x["n"], [1, -25, np.nan, np.nan])
    assert x["c"].dtype == x["b"].dtype == object
    assert x["c"].tolist() == ["NA", "", "1", "a "]
    assert all(type(value) is str for value in x["c"])


def test_what_is_listed_is_what_it_is_listed_as():
    table = frame(zip=["01234", "99999", ""], day=["2026-01-01"] * 3, note=["1", "2", ""])
    columns = read(table, categorical=["zip", "day"], text=["note"])
    assert [column.kind for column in columns.values()] == ["category", "category", "text"]
    assert columns["zip"].values.tolist() == ["01234", "99999", ""]
    assert columns["note"].values.tolist() == ["1", "2", ""]


def test_texts_of_a_typed_table_are_no_numbers():
    table = pd.DataFrame({"n": [1.0, np.nan], "code": ["01", "2"], "day": ["2026-01-01", ""]})
    assert kinds(table, typed=True) == {"n": "number", "code": "category", "day": "date"}
    assert kinds(table, typed=False)["code"] == "number"
    np.testing.assert_array_equal(read(table, typed=True)["n"].values, [1, np.nan])


def test_dates_keep_their_text_and_missing_ones_are_empty():
    (day,) = read(frame(day=["27.11.2026", "NA", " 1.2.2026", "?"])).values()
    assert day.kind == "date"
    assert day.values.tolist() == ["27.11.2026", "", " 1.2.2026", ""]
    assert [str(moment)[:10] for moment in day.dates[0].moments] == [
        "2026-11-27",
        "NaT",
        "2026-02-01",
        "NaT",
    ]


def test_dates_that_can_be_read_in_two_ways_are_categories():
    (day,) = read(frame(day=["3/4/2026", "5/6/2026"])).values()
    assert (day.kind, len(day.dates)) == ("category", 2)


@pytest.mark.parametrize(
    ("columns", "categorical", "sentence"),
    [
        ({"a": ["1"], "e": [""], "f": ["NA"]}, [], r"columns \['e', 'f'\] have no value"),
        ({"a/b": ["1"]}, [], r"the columns \['a/b'\] have a '/' in their name"),
        (
            {
                "a": ["x"] * 1001,
                "e": [""] * 1001,
                "b/c": ["1"] * 1001,
                "id": [f"user {n}" for n in range(1001)],
            },
            [],
            r"\['b/c'\] have a '/' .*; the columns \['e'\] have no value .*; column 'id' has 1001",
        ),
        (
            {"id": [f"user {n}" for n in range(1001)]},
            [],
            "column 'id' has 1001 different texts, for example 'user 0', and at most 1000",
        ),
    ],
)
def test_unusable_columns_are_named(columns, categorical, sentence):
    with pytest.raises(ValueError, match=sentence):
        read(frame(**columns), categorical)


def test_a_text_may_have_more_different_texts_than_categories():
    table = frame(note=[f"user {n}" for n in range(1001)])
    assert kinds(table, text=["note"]) == {"note": "text"}
