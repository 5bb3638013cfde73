"""What is said of a table that was read."""

import pytest

from pipeline.datasets import csv, digits

SIZES = {"validation_size": 0.25, "test_size": 0.25, "seed": 0}
LISTS = {"drop": [], "categorical": [], "text": [], "keep": []}
NONE = {"task": None, "weight": None, "group": None, "time": None, "separator": None}


@pytest.fixture
def describe(tmp_path):
    def describe(header, *rows, **settings):
        path = tmp_path / "houses.csv"
        path.write_text("\n".join([header, *rows]) + "\n")
        given = {**LISTS, **NONE, "max_tokens": 1000, **SIZES, **settings}
        first, *lines = csv(path=str(path), **given).notes
        assert first.startswith(f"{len(rows)} rows of {path}: ")
        return [first.partition(": ")[2], *lines]

    return describe


def test_kinds_missing_values_categories_and_classes_are_told(describe):
    rows = [f"{i},{'' if i < 3 else 'ab'[i % 2]},{'' if i == 5 else i},yes" for i in range(30)]
    rows += [f"{i},a,1,no" for i in range(10)]
    assert describe("area,city,rooms,sold", *rows, target="sold") == [
        "classification, rows a class: no 10, yes 30",
        "numbers: area, rooms (1 missing)",
        "categories: city (2) (3 missing)",
    ]


def test_dates_texts_and_weights_are_told(describe):
    rows = [
        f"2026-{1 + i // 28:02}-{1 + i % 28:02}{' 18:30' if i else ''},b{i % 4},{1 + i % 3},{i}.5"
        for i in range(40)
    ]
    rows[3] = f",,{rows[3].split(',', 2)[2]}"
    told = describe("sold,note,w,price", *rows, target="price", text=["note"], weight="w")
    assert told == [
        "regression, targets from 0.5 to 39.5",
        "dates, as year, month, weekday, hour and days since the first training row's: sold from "
        "2026-01-01 to 2026-02-12 18:30 (1 missing)",
        "texts, a 0/1 column for each of their most frequent words: note (4) (1 missing)",
        "weights: w from 1 to 3",
    ]


def test_texts_that_hardly_repeat_are_named(describe):
    rows = [f"no. {i},{i}.5" for i in range(40)]
    assert describe("name,price", *rows, target="price") == [
        "regression, targets from 0.5 to 39.5",
        "categories: name (40)",
        "name: 40 different texts in 40 rows teach little as categories; turn them into numbers, "
        "read their words with dataset.text=[name], or leave the column out with "
        "dataset.drop=[name]",
    ]


def test_dates_that_can_be_read_in_two_ways_are_named(describe):
    rows = [f"{1 + i % 2}/{2 + i % 2}/2026,{i}.5" for i in range(40)]
    assert describe("sold,price", *rows, target="price")[1:] == [
        "categories: sold (2)",
        "sold: dates such as 1/2/2026 can be read with the day or the month first, so they are "
        "categories; write them as 2026-11-27",
    ]


def test_several_targets_are_told(describe):
    rows = [f"{i},{i}.5,{-i}" for i in range(40)]
    assert describe("a,price,rent", *rows, target=["price", "rent"]) == [
        "regression of 2 targets, price from 0.5 to 39.5, rent from -39 to 0",
        "numbers: a",
    ]
    rows = [f"{i},{i % 2},{int(i < 10)}" for i in range(40)]
    assert describe("a,new,cheap", *rows, target=["new", "cheap"])[0] == (
        "multilabel, rows a label: new 20, cheap 10"
    )


def test_how_rows_are_parted_is_told(describe):
    rows = [f"{i},g{i % 8},{i}.5" for i in range(40)]
    assert describe("day,garden,price", *rows, target="price", group="garden")[1:] == [
        "numbers: day",
        "groups by garden, which is no input: 4 for training, 2 for validation, 2 for test",
    ]
    assert describe("day,garden,price", *rows, target="price", time="day", keep=["day"])[1:] == [
        "numbers: day",
        "categories: garden (8)",
        "time by day: training from 0 to 19, validation from 20 to 29, test from 30 to 39",
    ]


def test_classes_that_a_split_lacks_are_told(describe):
    rows = [f"{i},2026-01-{1 + i % 28:02},{'old' if i % 28 < 14 else 'new'}" for i in range(56)]
    told = describe("a,day,kind", *rows, target="kind", time="day")
    assert told[2:] == [
        "time by day, which is no input: training from 2026-01-01 to 2026-01-14, validation from "
        "2026-01-15 to 2026-01-21, test from 2026-01-22 to 2026-01-28",
        "no training row is of the class new",
        "no validation row is of the class old",
        "no test row is of the class old",
    ]


def test_what_is_no_table_is_not_described():
    assert digits(**SIZES).notes == ()
