"""What is said of a table that was read."""

import pytest

from pipeline.datasets import csv, digits

SIZES = {"validation_size": 0.25, "test_size": 0.25, "seed": 0}


@pytest.fixture
def describe(tmp_path):
    def describe(header, *rows, target):
        path = tmp_path / "houses.csv"
        path.write_text("\n".join([header, *rows]) + "\n")
        settings = {"task": None, "drop": [], "categorical": [], "separator": ","}
        first, *lines = csv(path=str(path), target=target, **settings, **SIZES).notes
        assert first.startswith(f"40 rows of {path}: ")
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


def test_texts_that_hardly_repeat_are_named(describe):
    rows = [f"2026-{1 + i // 28:02}-{1 + i % 28:02},{i}.5" for i in range(40)]
    assert describe("date,price", *rows, target="price") == [
        "regression, targets from 0.5 to 39.5",
        "categories: date (40)",
        "date: 40 different texts in 40 rows teach little as categories; turn them into numbers, "
        "or leave the column out with dataset.drop=[date]",
    ]


def test_what_is_no_table_is_not_described():
    assert digits(**SIZES).notes == ()
