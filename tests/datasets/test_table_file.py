import datetime as dt
import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from pipeline.datasets.table_file import open_table


@pytest.fixture
def table(tmp_path):
    def write(text, separator=None, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return open_table(path, separator)

    return write


@pytest.fixture
def arrow(tmp_path):
    """Writes columns as Parquet and opens them; values are an Arrow array or a list."""

    def write(**columns):
        path = tmp_path / "table.parquet"
        parquet.write_table(pa.table(columns), path)
        return open_table(path, None)

    return write


def read(table, *names, as_text=()):
    return table.read(names or table.columns, as_text=as_text).to_dict("list")


def test_every_value_of_a_text_is_text(table):
    opened = table("a, b,y\n007,NA,yes\n\n1e3,,no\n")
    assert (opened.columns, opened.typed) == (["a", "b", "y"], False)
    assert read(opened, "b", "a") == {"b": ["NA", ""], "a": ["007", "1e3"]}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_carriage_return_within_a_text_begins_no_row(table, end):
    opened = table(end.join(["kind,mark,text", "good,1,first\rsecond third", "bad,2,one", ""]))
    assert read(opened) == {
        "kind": ["good", "bad"],
        "mark": ["1", "2"],
        "text": ["first\rsecond third", "one"],
    }


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_row_that_ends_early_lacks_the_rest(table, end):
    lines = ["a,b,c", "1", "", "4,5", '1,2,"3"', "1,2,"]
    opened = table(end.join(lines) + end)
    assert read(opened) == {"a": ["1", "4", *"11"], "b": ["", "5", *"22"], "c": ["", "", "3", ""]}


@pytest.mark.parametrize(
    ("name", "text", "separator"),
    [
        ("t.csv", "a,b\n1,2\n", None),
        ("t.tsv", "a\tb\n1\t2\n", None),
        ("t.TAB", "a\tb\n1\t2\n", None),
        ("t.tsv.gz", gzip.compress(b"a\tb\n1\t2\n", mtime=0), None),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0), None),
        ("t.data", "a,b\n1,2\n", None),
        ("t.csv", "a;b\n1;2\n", ";"),
        ("t.tsv", "a,b\n1,2\n", ","),
        ("t.txt", "a\tb\n1\t2\n", "\\t"),
        ("t.txt", "a\tb\n1\t2\n", "\t"),
    ],
)
def test_the_name_or_the_setting_says_the_separator(table, name, text, separator):
    assert read(table(text, separator, name)) == {"a": ["1"], "b": ["2"]}


def test_rows_that_end_early_miss_values(table):
    assert read(table("a,b,y\n1,2,3\n4\n")) == {"a": ["1", "4"], "b": ["2", ""], "y": ["3", ""]}


@pytest.mark.parametrize(
    ("text", "separator", "sentence"),
    [
        ("a,y\n", None, "has a header and no rows"),
        ("", None, "is not a table of text in UTF-8: No columns"),
        ("a,y\n1,2\n1,2,3\n", None, "is not a table of text in UTF-8: .* line 3"),
        ("a,y\n1,2,3\n4,5,6\n", None, "have more values than its header has columns"),
        ("a,y\r\n1,2,3\r\n4,5,6\r\n", None, "have more values than its header has columns"),
        (
            b"a,y\n\xff,2\n",
            None,
            "is not a table of text in UTF-8: .*; convert it, .* with iconv -f",
        ),
        ("a,y\n1,2\n", "::", "separator must be one character, received '::'"),
        ("a,y\n1,2\n", 1, "separator must be one character, received 1"),
    ],
)
def test_what_is_no_such_table_is_named(table, text, separator, sentence):
    with pytest.raises(ValueError, match=sentence):
        read(table(text, separator))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no table at .*/absent\.csv"):
        open_table(tmp_path / "absent.csv", None)


def test_what_parquet_holds(arrow):
    day = dt.date(2026, 3, 1)
    noon = dt.datetime(2026, 3, 1, 12, 30, 15)
    berlin = pa.array([noon, None], pa.timestamp("us", "Europe/Berlin"))
    opened = arrow(
        number=[1, None],
        share=[0.5, None],
        money=pa.array([None, 2], pa.decimal128(5, 2)),
        yes=[True, None],
        name=["007", None],
        kind=pa.array(["a", None]).dictionary_encode(),
        day=[day, None],
        moment=pa.array([noon, None], pa.timestamp("us")),
        there=berlin,
    )
    assert opened.typed
    found = opened.read(opened.columns, as_text=[])
    assert found[["number", "share", "money"]].dtypes.tolist() == [np.float64] * 3
    assert found["number"].tolist()[0] == 1
    assert found[["number", "share", "money"]].isna().to_numpy().tolist() == [
        [False, False, True],
        [True, True, False],
    ]
    assert found.drop(columns=["number", "share", "money"]).to_dict("list") == {
        "yes": ["True", ""],
        "name": ["007", ""],
        "kind": ["a", ""],
        "day": ["2026-03-01", ""],
        "moment": ["2026-03-01 12:30:15", ""],
        "there": ["2026-03-01 13:30:15", ""],
    }


def test_codes_are_read_as_text(arrow):
    opened = arrow(zip=[1234, None], code=[7.0, None], share=[0.5, 1.0], big=[2**60 + 1, 1])
    assert read(opened, as_text=opened.columns) == {
        "zip": ["1234", ""],
        "code": ["7", ""],
        "share": ["0.5", "1"],
        "big": [str(2**60 + 1), "1"],
    }


def test_only_what_is_asked_for_must_be_readable(arrow):
    opened = arrow(a=[1.0], b=[[1, 2]], c=[b"bytes"])
    assert read(opened, "a") == {"a": [1.0]}
    with pytest.raises(ValueError, match=r"'b' \(list<.*>\), 'c' \(binary\) hold neither text"):
        read(opened)


def test_the_index_of_a_frame_is_no_column(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    frame[frame["a"] > 1].to_parquet(tmp_path / "t.pq")
    assert open_table(tmp_path / "t.pq", None).columns == ["a"]


@pytest.mark.parametrize(
    ("separator", "content", "sentence"),
    [
        (",", b"", r"separator=',' is for tables of text"),
        (None, b"a,y\n1,2\n", r"t\.parquet is no Parquet file"),
        (None, b"", r"t\.parquet is no Parquet file"),
    ],
)
def test_what_is_no_parquet_is_named(tmp_path, separator, content, sentence):
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        open_table(tmp_path / "t.parquet", separator)


def test_parquet_without_rows_is_named(arrow):
    with pytest.raises(ValueError, match="must have rows; it has none"):
        read(arrow(a=pa.array([], pa.float64())))
