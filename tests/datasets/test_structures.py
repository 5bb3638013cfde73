import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from pipeline.datasets import Split
from pipeline.datasets.rows import Rows, blocks
from pipeline.datasets.splits import content_digest, join, part, schema
from pipeline.datasets.structures import as_arrays, leaves, mapped


@pytest.mark.parametrize(
    ("given", "expected", "dtype"),
    [
        (np.zeros((2, 3), np.uint8), np.zeros((2, 3)), np.uint8),
        (np.array([1.5, 2.5]), [1.5, 2.5], np.float32),
        (np.array([1.5, 2.5], np.float16), [1.5, 2.5], np.float16),
        (np.array([True, False]), [True, False], np.bool_),
        (pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]}), [[1, 0.5], [2, 1.5]], np.float32),
        (pd.Series([3, 4], index=[7, 9]), [3, 4], np.int64),
        (pd.Series(["x", "y"]), ["x", "y"], object),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]], np.int64),
        (["red", "blue"], ["red", "blue"], object),
        (np.array(["red", "blue"]), ["red", "blue"], object),
        ((1, 2), [1, 2], np.int64),
        (keras.ops.convert_to_tensor([1.0, 2.0]), [1.0, 2.0], np.float32),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_taken_for_an_array(given, expected, dtype):
    made = as_arrays(given, "x")
    assert made.dtype == dtype
    assert made.tolist() == np.asarray(expected).tolist()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (pd.DataFrame({"a": [1], "town": ["Ulm"]}), r"no numbers, \['town'\]: .*to_numpy"),
        (pd.DataFrame({"a": pd.array([1, None], "Int64")}), "no numbers, .*'a'"),
        ([[1, 2], [3]], "rows have different lengths: pad them"),
        (tf.ragged.constant([[1, 2], [3]]), r"RaggedTensor: write x\.to_tensor\(\)"),
        (np.array([1, None], dtype=object), "objects, one of them 1 of type int: only texts"),
        (np.array(["2020-01-01"], "datetime64[D]"), "dtype datetime64"),
        ("text", r"x is of type builtins\.str; allowed"),
        (3, r"x is of type builtins\.int"),
        (iter([1, 2]), "list_iterator; allowed"),
    ],
)
def test_what_is_refused_is_told_in_a_sentence(given, told):
    with pytest.raises(ValueError, match=told):
        as_arrays(given, "x")


def test_a_sparse_matrix_is_told_what_to_write():
    from scipy.sparse import csr_matrix

    with pytest.raises(ValueError, match=r"write x\.toarray\(\)"):
        as_arrays(csr_matrix(np.eye(2)), "x")


def test_structures_keep_their_form():
    given = {"image": np.zeros((4, 2, 2)), "rest": [np.ones((4, 1)), (np.arange(4), np.arange(4))]}
    made = as_arrays(given, "x")
    assert [name for name, _ in leaves(made)] == ["image", "rest/0", "rest/1/0", "rest/1/1"]
    doubled = mapped(lambda array: array * 2, made)
    assert isinstance(doubled["rest"], list)
    assert isinstance(doubled["rest"][1], tuple)
    assert doubled["rest"][1][0].tolist() == [0, 2, 4, 6]


def test_rows_of_all_that_a_split_has():
    x = {"a": np.arange(6), "b": np.arange(12).reshape(6, 2)}
    split = Split(x, [np.arange(6), np.arange(6) * 10], np.arange(6) / 2)
    chosen = part(split, np.array([4, 1]))
    assert chosen.x["b"].tolist() == [[8, 9], [2, 3]]
    assert [y.tolist() for y in chosen.y] == [[4, 1], [40, 10]]
    assert chosen.sample_weight.tolist() == [2.0, 0.5]
    assert len(split.first(3)) == 3
    both = join(chosen, Split(x, split.y))
    assert both.sample_weight.tolist() == [2.0, 0.5, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"x": np.zeros((3, 2)), "y": np.zeros(2)}, "3 rows of the inputs for 2 targets"),
        ({"x": {"a": np.zeros(3), "b": np.zeros(2)}}, "2 rows of column 'b' for 3 rows of 'a'"),
        (
            {"x": np.zeros((3, 2)), "y": np.zeros(3), "sample_weight": np.ones(4)},
            "4 sample weights for 3 targets",
        ),
        (
            {"x": [np.zeros((2, 2)) for _ in range(3)], "y": np.zeros(3)},
            r"a list of arrays is one of inputs: write numpy\.stack",
        ),
        ({"x": np.zeros((2, 2)), "sample_weight": np.array([1, np.nan])}, "the sample weights"),
        ({"x": (np.zeros((2, 1)), np.full((2, 1), np.inf))}, "the inputs '1' have 2 NaN"),
        ({"x": {}}, "at least one array"),
        ({"x": np.float32(3)}, "x is of type"),
    ],
)
def test_a_split_that_cannot_be(arguments, told):
    with pytest.raises(ValueError, match=told):
        Split(**arguments)


def test_the_digest_tells_structures_weights_and_dtypes_apart():
    x, y = np.arange(4, dtype=np.float32), np.arange(4)
    splits = [
        Split(x, y),
        Split({"x": x}, y),
        Split((x,), y),
        Split(x, {"y": y}),
        Split(x),
        Split(x, y, np.ones(4)),
        Split(x.astype(np.uint8), y),
    ]
    assert len({content_digest([split]) for split in splits}) == len(splits)


def test_the_schema_of_several_inputs():
    split = Split({"image": np.zeros((2, 4, 4), np.uint8), "meta": np.zeros((2, 3))}, np.zeros(2))
    told = schema(split)["mlflow_tensorspec"]
    assert '"name": "image"' in told["features"]
    assert '"dtype": "uint8", "shape": [-1, 4, 4]' in told["features"]


@pytest.fixture
def in_a_file(tmp_path):
    array = np.arange(60, dtype=np.uint8).reshape(20, 3)
    np.save(tmp_path / "x.npy", array)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


def test_rows_of_a_file_are_views(in_a_file):
    split = part(Split(in_a_file, np.arange(20)), np.array([7, 3, 11]))
    assert isinstance(split.x, Rows)
    again = part(split, np.array([2, 0]))
    assert again.x.array is split.x.array
    assert np.asarray(again.x).tolist() == [[33, 34, 35], [21, 22, 23]]
    both = join(again, split)
    assert isinstance(both.x, Rows)
    assert both.x[:].tolist() == [*again.x[:].tolist(), *split.x[:].tolist()]
    assert (both.x.shape, both.x.dtype, len(both)) == ((5, 3), np.uint8, 5)


def test_rows_of_a_file_have_the_digest_of_the_same_in_memory(in_a_file):
    rows = part(Split(in_a_file, np.arange(20)), np.arange(5, 15))
    assert content_digest([rows]) == content_digest([Split(rows.x[:].copy(), rows.y)])
    assert np.array_equal(np.concatenate(list(blocks(rows.x))), rows.x)
