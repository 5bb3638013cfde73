"""What the report says of the data."""

from pipeline.report.data import data_of
from pipeline.report.page import render
from tests.report.made import completed, search, trial
from tests.report.test_page import text_of

INFO = {
    "profile": {
        "task": "classification",
        "classes": ["fern", "moss"],
        "rows": {"train": 5, "validation": 2, "test": 2},
        "rows_of_classes": {"train": [2, 3], "validation": [1, 1], "test": [0, 2]},
        "columns": [
            {"name": "height", "kind": "number", "missing": 2, "least": 0.5, "greatest": 1234567.0},
            {"name": "soil <b>", "kind": "category", "missing": 0, "categories": 3},
            {
                "name": "found",
                "kind": "date",
                "missing": 0,
                "least": "2020-01-05",
                "greatest": "2024-12-30",
            },
            {"name": "note", "kind": "text", "missing": 1, "words": 812},
            {"name": "kind", "kind": "target", "missing": 0, "classes": 2},
            {"name": "garden", "kind": "group", "missing": 0, "groups": 4},
        ],
    }
}


def test_columns_and_classes_are_tables():
    data = data_of(INFO)
    assert data.columns == (
        ("height", "number", "2", "0.5 to 1.23457e+06"),
        ("soil <b>", "category", "", "3 categories"),
        ("found", "date", "", "2020-01-05 to 2024-12-30"),
        ("note", "text", "1", "812 words"),
        ("kind", "target", "", "2 classes"),
        ("garden", "group", "", "4 groups"),
    )
    assert data.splits == ("train", "validation", "test")
    assert data.classes == (("fern", "2", "1", "0"), ("moss", "3", "1", "2"))


def test_labels_are_called_so():
    profile = {**INFO["profile"], "task": "multilabel"}
    assert data_of({"profile": profile}).kind == "label"


def test_the_page_shows_them():
    made = search([trial("0000", {})], end=completed(), dataset_info=INFO)
    page = render(made, {})
    told = text_of(page)
    assert "column taken for missing content height number 2 0.5 to 1.23457e+06" in told
    assert "Rows of each class class train validation test fern 2 1 0 moss 3 1 2" in told
    assert "soil &lt;b&gt;" in page


def test_a_journal_of_before_says_nothing():
    page = text_of(render(search([trial("0000", {})], end=completed()), {}))
    assert "taken for" not in page
    assert "Rows of each" not in page
    assert data_of({"profile": {"task": "regression", "classes": []}}).classes == ()
