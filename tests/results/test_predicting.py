import numpy as np
import pandas as pd
import pytest

from pipeline.configuration.config import ConfigError
from pipeline.datasets import Split
from pipeline.datasets.splits import schema
from pipeline.results.predicting import inputs_of, meaning_of

TABLE = schema(
    Split({"age": np.zeros(1, np.float32), "town": np.array(["Ulm"], object)}, np.zeros(1))
)
ROWS = schema(Split(np.zeros((1, 2), np.float32), np.zeros(1)))
PAIR = schema(Split((np.zeros((1, 2), np.uint8), {"a": np.zeros((1, 3))}), np.zeros(1)))


def test_a_frame_of_raw_rows():
    frame = pd.DataFrame({"id": [1, 2], "town": ["Ulm", None], "age": ["31", np.nan]})
    inputs = inputs_of(frame, TABLE)
    assert list(inputs) == ["age", "town"]
    assert inputs["town"].tolist() == ["Ulm", ""]
    assert inputs["age"].dtype == np.float32
    assert inputs["age"][0] == 31
    assert np.isnan(inputs["age"][1])
    assert inputs_of({"age": [3], "town": ["Bonn"]}, TABLE)["age"].tolist() == [3]


@pytest.mark.parametrize("data", [[[1, 2]], np.array([[1, 2]]), pd.DataFrame({"a": [1], "b": [2]})])
def test_an_array_of_rows(data):
    made = inputs_of(data, ROWS)
    assert made.dtype == np.float32
    assert made.tolist() == [[1, 2]]


def test_a_structure_of_arrays():
    first, second = inputs_of((np.ones((4, 2)), {"a": np.ones((4, 3)), "b": 3}), PAIR)
    assert first.dtype == np.uint8
    assert second["a"].shape == (4, 3)


@pytest.mark.parametrize(
    ("data", "form", "told"),
    [
        (pd.DataFrame({"Age": [1], "town": ["x"]}), TABLE, r"lack \['age'\].*did you mean 'Age'"),
        (np.zeros((2, 2)), TABLE, r"takes columns by name, .*received ndarray"),
        ({"age": ["old"], "town": ["x"]}, TABLE, "column 'age' must hold numbers"),
        (np.zeros((2, 3)), ROWS, r"must have the shape \(rows, 2\); received \(2, 3\)"),
        ([[1], [2, 3]], ROWS, "different lengths"),
        (np.zeros((2, 2)), PAIR, "must be 2 arrays, one after the other"),
        ((np.zeros((2, 2)), {"b": 1}), PAIR, r"lack \['a'\]"),
    ],
)
def test_data_that_the_model_does_not_take(data, form, told):
    with pytest.raises(ConfigError, match=told):
        inputs_of(data, form)


def test_predictions_in_the_words_of_the_data():
    abc = {"task": "classification", "classes": ["a", "b", "c"]}
    index = pd.Index([7, 9])
    named = meaning_of(np.eye(3)[[2, 0]], abc, None, index)
    assert named.to_dict() == {7: "c", 9: "a"}
    mask = meaning_of(np.eye(3)[np.array([[[0, 1], [2, 2]]])], abc, None, None)
    assert mask.tolist() == [[["a", "b"], ["c", "c"]]]
    binary = {"task": "classification", "classes": ["no", "yes"]}
    assert meaning_of(np.array([[0.2], [0.9]]), binary, None, None).tolist() == ["no", "yes"]
    labels = meaning_of(np.array([[0.9, 0.1, 0.6]]), abc | {"task": "multilabel"}, None, None)
    assert labels.to_dict("records") == [{"a": 1, "b": 0, "c": 1}]


def test_numbers_are_named_as_the_targets():
    profile = {"task": "regression", "targets": ["low", "high"]}
    assert meaning_of(np.array([[1.0, 2.0]]), profile, None, None)["high"].tolist() == [2.0]
    single = meaning_of(np.array([[1.5], [2.5]]), {"task": "regression"}, None, None)
    assert single.tolist() == [1.5, 2.5]
    raw = {"label": np.zeros(2)}
    assert meaning_of(raw, {"task": "custom"}, None, None) is raw
