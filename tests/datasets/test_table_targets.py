import numpy as np
import pandas as pd
import pytest

from pipeline.datasets.table_targets import read_targets, read_weights


def frame(**columns):
    return pd.DataFrame(columns, dtype=str)


def targets(values, task):
    return read_targets(frame(y=values), task)


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
    read = targets(values, task)
    y = read.y
    assert read.classes == classes
    assert read.task == ("classification" if classes else "regression")
    assert y.dtype == (np.int64 if classes else np.float32)
    if classes:
        same = [float(v) if v[0].isdigit() else v for v in values]
        named = [
            float(classes[i]) if v[0].isdigit() else classes[i]
            for i, v in zip(y, values, strict=True)
        ]
        assert named == same
    else:
        assert y.tolist() == [float(value) for value in values]


@pytest.mark.parametrize(
    ("columns", "task", "expected", "y"),
    [
        ({"a": ["1", "0"], "b": ["0", "1"]}, None, "multilabel", [[1, 0], [0, 1]]),
        ({"a": ["True", "false"], "b": ["0.0", "1"]}, None, "multilabel", [[1, 0], [0, 1]]),
        ({"a": ["1", "0"], "b": ["0", "1"]}, "multilabel", "multilabel", [[1, 0], [0, 1]]),
        ({"a": ["1", "0"], "b": ["0", "1"]}, "regression", "regression", [[1, 0], [0, 1]]),
        ({"a": ["1", "0"], "b": ["0", "2"]}, None, "regression", [[1, 0], [0, 2]]),
        ({"a": ["1.5", "-1"], "b": ["1", "2"]}, None, "regression", [[1.5, 1], [-1, 2]]),
    ],
)
def test_several_targets(columns, task, expected, y):
    read = read_targets(frame(**columns), task)
    assert (read.task, read.names) == (expected, ("a", "b"))
    assert read.classes == (("a", "b") if expected == "multilabel" else ())
    assert read.y.dtype == (np.int64 if expected == "multilabel" else np.float32)
    assert read.y.tolist() == y


def test_targets_that_are_numbers_already():
    read = read_targets(pd.DataFrame({"a": [1.0, 0.0], "b": ["True", "False"]}), None)
    assert (read.task, read.y.tolist()) == ("multilabel", [[1, 1], [0, 0]])
    assert read_targets(pd.DataFrame({"y": [2.0, 10.0]}), None).classes == ("2", "10")


@pytest.mark.parametrize(
    ("columns", "task", "sentence"),
    [
        (
            {"y": ["1", "", "NA"]},
            None,
            r"2 of 3 rows have no value in the target column 'y' .*row 2 below",
        ),
        ({"y": ["1", "high"]}, "regression", "must hold numbers for a regression, .* 'high'"),
        ({"y": ["1", "2"]}, "ranking", "task must be .*regression or null .* 'ranking'"),
        ({"y": ["1", "2"]}, "custom", "task must be .*regression or null .* 'custom'"),
        ({"y": ["1", "0"]}, "multilabel", "a column of 0 and 1 for each label.* column 'y'"),
        ({"a": ["1"], "b": ["2"]}, "classification", r"has one target, received \['a', 'b'\]"),
        (
            {"a": ["1", "2"], "b": ["0", "1"], "c": ["0", "no"]},
            "multilabel",
            r"must be 0 or 1, which 'a' \(for example '2'\), 'c' \(for example 'no'\) are not",
        ),
        (
            {"a": ["1", "x"], "b": ["2", "3"], "c": ["z", "4"]},
            None,
            "'a' must hold numbers .* 'x'; .* 'c' must hold numbers .* 'z'",
        ),
        ({"a": ["", "1"], "b": ["2", ""]}, None, "column 'a' .*row 1.*; .*column 'b' .*row 2"),
    ],
)
def test_unusable_targets_are_named(columns, task, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_targets(frame(**columns), task)


@pytest.mark.parametrize("given", [["0.5", " 2 ", "1e3"], [0.5, 2.0, 1000.0]])
def test_weights_are_numbers(given):
    weights = read_weights(pd.Series(given, name="w"))
    assert weights.dtype == np.float32
    assert weights.tolist() == [0.5, 2, 1000]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (["1", "0", "2"], "'w' must be positive finite numbers, received '0' in row 2"),
        (["1", "2", "-0.5"], "received '-0.5' in row 3"),
        (["1", "", "2"], "received '' in row 2"),
        (["inf", "1"], "received 'inf' in row 1"),
        (["1", "heavy"], "received 'heavy' in row 2"),
        ([1.0, np.nan], "received 'nan' in row 2"),
    ],
)
def test_unusable_weights_are_named(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_weights(pd.Series(values, name="w"))
