import gzip

import numpy as np
import pandas as pd
import pytest

from pipeline.datasets.tables import features, read_table, targets

SETTINGS = {"target": "y", "drop": [], "categorical": [], "separator": ","}


@pytest.fixture
def table(tmp_path):
    def write(text, **arguments):
        path = tmp_path / "table.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(path, **{**SETTINGS, **arguments})

    return write


def column(*values):
    return pd.Series(values, name="y", dtype=str)


def frame(**columns):
    return pd.DataFrame(columns, dtype=str)


def test_every_value_is_read_as_text(table):
    x, y = table("a, b,y\n007,NA,yes\n\n1e3,,no\n")
    assert x.to_dict("list") == {"a": ["007", "1e3"], "b": ["NA", ""]}
    assert y.tolist() == ["yes", "no"]


def test_columns_are_dropped_and_separators_chosen(table):
    x, _ = table("id;a;y\n1;2;3\n", drop=["id"], separator=";")
    assert list(x) == ["a"]
    assert list(table("a\ty\n1\t2\n", separator="\\t")[0]) == ["a"]


def test_rows_that_end_early_miss_values(table):
    x, y = table("a,b,y\n1,2,3\n4\n")
    assert x["b"].tolist() == ["2", ""]
    assert y.tolist() == ["3", ""]


def test_a_compressed_table_is_read(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,y\n1,2\n"))
    x, _ = read_table(tmp_path / "t.csv.gz", **SETTINGS)
    assert x["a"].tolist() == ["1"]


@pytest.mark.parametrize(
    ("text", "arguments", "sentence"),
    [
        ("a,b\n1,2\n", {}, r"the target 'y' is not a column of .*csv; it has \['a', 'b'\]"),
        ("a;y\n1;2\n", {}, r"the target 'y' is not a column of .*; it has \['a;y'\]"),
        ("a,churn\n1,2\n", {"target": "Churn"}, r"csv; did you mean 'churn'\? it has"),
        ("a,y\n1,2\n", {"target": 3}, "the target 3 is not a column"),
        ("a,y\n1,2\n", {"drop": ["c"]}, r"drop lists \['c'\], but the columns are \['a', 'y'\]"),
        ("a,y\n1,2\n", {"drop": "a"}, "drop must be a list of columns, received 'a'"),
        ("a,y\n1,2\n", {"drop": None}, "drop must be a list of columns, received None"),
        ("a,y\n1,2\n", {"drop": ["y"]}, "drop must not list the target 'y'"),
        (
            "a,y\n1,2\n",
            {"target": "z", "drop": ["b"], "categorical": ["c"]},
            r"target 'z' is not a column of .*; drop lists \['b'\], .*; categorical lists \['c'\]",
        ),
        ("a,y\n1,2\n", {"categorical": "a"}, "categorical must be a list of columns, received"),
        ("a,y\n1,2\n", {"drop": ["a"]}, "no column besides the target 'y' and drop"),
        ("y\n1\n", {}, "no column besides the target 'y'"),
        ("a,y\n", {}, "has a header and no rows"),
        ("", {}, "is not a table of text in UTF-8: No columns"),
        ("a,y\n1,2\n1,2,3\n", {}, "is not a table of text in UTF-8: .* line 3"),
        ("a,y\n1,2,3\n4,5,6\n", {}, "have more values than its header has columns"),
        (b"a,y\n\xff,2\n", {}, "is not a table of text in UTF-8"),
        ("a,y\n1,2\n", {"separator": "::"}, "separator must be one character, received '::'"),
        ("a,y\n1,2\n", {"separator": 1}, "separator must be one character, received 1"),
    ],
)
def test_what_is_no_such_table_is_named(table, text, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        table(text, **arguments)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no table at .*/absent\.csv"):
        read_table(tmp_path / "absent.csv", **SETTINGS)


def test_numbers_are_told_from_categories():
    x = features(
        frame(
            n=["1", " -2.5e1 ", "", "?"], c=["NA", "", "1", "a "], b=["True", "False", "", "True"]
        ),
        categorical=[],
    )
    assert x["n"].dtype == np.float32
    np.testing.assert_array_equal(x["n"], [1, -25, np.nan, np.nan])
    assert x["c"].dtype == x["b"].dtype == object
    assert x["c"].tolist() == ["NA", "", "1", "a "]
    assert all(type(value) is str for value in x["c"])


def test_codes_stay_categories_when_listed():
    x = features(frame(zip=["01234", "99999", ""]), categorical=["zip"])
    assert x["zip"].tolist() == ["01234", "99999", ""]


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
        features(frame(**columns), categorical)


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["no", "yes", "no"], None, ("no", "yes")),
        (["True", "False"], None, ("False", "True")),
        (["10", "9", "9.0"], None, ("9", "10")),
        ([str(n) for n in range(20)], None, tuple(str(n) for n in range(20))),
        ([str(n) for n in range(21)], None, ()),
        (["0.5", "1"], None, ()),
        (["0", "1"], "regression", ()),
        (["0.5", "1"], "classification", ("0.5", "1.0")),
        (["None", "Mild"], None, ("Mild", "None")),
    ],
)
def test_the_task_is_told_from_the_target(values, task, classes):
    y, names = targets(column(*values), task)
    assert names == classes
    assert y.dtype == (np.int64 if classes else np.float32)
    if classes:
        same = [float(v) if v[0].isdigit() else v for v in values]
        named = [
            float(names[i]) if v[0].isdigit() else names[i] for i, v in zip(y, values, strict=True)
        ]
        assert named == same
    else:
        assert y.tolist() == [float(value) for value in values]


@pytest.mark.parametrize(
    ("values", "task", "sentence"),
    [
        (
            ["1", "", "NA"],
            None,
            r"2 of 3 rows have no value in the target column 'y' .*row 2 below",
        ),
        (["1", "high"], "regression", "must hold numbers for a regression, .* example 'high'"),
        (["1", "2"], "ranking", "task must be classification, regression or null .* 'ranking'"),
    ],
)
def test_unusable_targets_are_named(values, task, sentence):
    with pytest.raises(ValueError, match=sentence):
        targets(column(*values), task)
