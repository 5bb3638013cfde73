from pathlib import Path

import pytest

from pipeline.datasets.column_roles import ColumnRoles

COLUMNS = ["area", "town", "patient", "day", "price", "rent", "share"]
NOTHING = {"drop": [], "categorical": [], "text": [], "keep": []}
PLAIN = {**NOTHING, "target": "price", "weight": None, "group": None, "time": None}


def roles(**settings):
    return ColumnRoles(**{**PLAIN, **settings})


@pytest.mark.parametrize(
    ("settings", "left_out"),
    [
        ({}, {"price"}),
        ({"target": ["price"]}, {"price"}),
        ({"target": ["price", "rent"], "drop": ["town"]}, {"price", "rent", "town"}),
        ({"weight": "share", "group": "patient"}, {"price", "share", "patient"}),
        ({"weight": "share", "time": "day", "keep": ["day"]}, {"price", "share"}),
    ],
)
def test_which_columns_are_inputs(settings, left_out):
    chosen = roles(**settings)
    chosen.check(Path("/t.csv"), COLUMNS)
    assert chosen.inputs(COLUMNS) == [name for name in COLUMNS if name not in left_out]
    assert chosen.read(COLUMNS) == [n for n in COLUMNS if n not in settings.get("drop", [])]


def test_codes_and_groups_are_read_as_text():
    chosen = roles(categorical=["town"], text=["area"], group="patient")
    assert chosen.as_text() == {"town", "area", "patient"}
    assert roles(group="patient", keep=["patient"]).as_text() == set()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"target": "y"}, r"the target 'y' is not a column of /t\.csv; it has \['area', "),
        ({"target": "Pricee"}, r"the target 'Pricee' .*; did you mean 'price'\? it has \["),
        ({"target": 3}, "the target 3 is not a column"),
        ({"target": []}, r"target must be a column or a list of columns, received \[\]"),
        ({"target": ["price", "price"]}, r"target lists \['price'\] twice"),
        ({"drop": ["c"]}, r"drop lists \['c'\], but the columns are \['area', "),
        ({"text": ["twon"]}, r"text lists \['twon'\] \(did you mean 'town'\?\), but the columns"),
        ({"drop": "area"}, "drop must be a list of columns, received 'area'"),
        ({"categorical": None}, "categorical must be a list of columns, received None"),
        ({"drop": ["price"]}, "drop must not list the target 'price'"),
        ({"text": ["price"]}, "text must not list the target 'price'"),
        ({"weight": "shore"}, r"weight 'shore' is not a column of .* did you mean 'share'\?"),
        ({"group": "price"}, "'price' cannot be both target and group"),
        ({"time": "day", "drop": ["day"]}, "'day' cannot be both drop and time"),
        ({"weight": "share", "group": "share"}, "'share' cannot be both weight and group"),
        ({"text": ["town"], "categorical": ["town"]}, r"\['town'\] must be .* not both"),
        ({"group": "patient", "time": "day"}, "group and time cannot both say"),
        ({"keep": ["area"]}, r"keep lists \['area'\], but only columns of weight, group or time"),
    ],
)
def test_what_does_not_fit_is_named(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        roles(**settings).check(Path("/t.csv"), COLUMNS)


def test_all_that_is_wrong_is_told_at_once():
    wrong = roles(
        target="z", drop=["b"], categorical=["c"], text=["x"], weight="w", group="day", time="day"
    )
    parts = [
        "the target 'z' is",
        "weight 'w' is",
        r"drop lists \['b'\]",
        r"categorical lists \['c'\]",
        r"text lists \['x'\]",
        "'day' cannot be both group and time",
    ]
    with pytest.raises(ValueError, match=".*; ".join(parts)):
        wrong.check(Path("/t.csv"), COLUMNS)


def test_a_table_without_inputs_is_named():
    alone = roles(drop=["id"], time="day")
    sentence = r"/t\.csv has no column besides the target 'price' and drop \['id'\] and time 'day'"
    with pytest.raises(ValueError, match=sentence):
        alone.check(Path("/t.csv"), ["price", "day", "id"])
