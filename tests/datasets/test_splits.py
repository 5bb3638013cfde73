import json

import numpy as np
import pytest

from pipeline.datasets.splits import Partition, Split, content_digest, join, schema, take

SIZES = {"validation_size": 0.2, "test_size": 0.1}


def numbered(counts):
    """Return examples whose input is their number, with `counts[i]` examples of class i."""
    y = np.repeat(np.arange(len(counts)), counts)
    y = np.random.default_rng(5).permutation(y)
    return np.arange(len(y), dtype=np.float32)[:, np.newaxis], y


@pytest.mark.parametrize("classes", [(), ("a", "b", "c")], ids=["regression", "classification"])
def test_splits_are_disjoint_and_together_everything(classes):
    x, y = numbered([50, 30, 20])
    parts = Partition(SIZES, seed=0).apply(x, y, classes=classes)
    assert [len(part) for part in parts] == [70, 20, 10]
    rows = np.concatenate([part.x[:, 0] for part in parts])
    assert sorted(rows) == list(range(100))
    assert np.array_equal(y[rows.astype(int)], np.concatenate([part.y for part in parts]))


def test_each_class_has_its_share_in_every_split():
    x, y = numbered([500, 300, 7])
    parts = Partition(SIZES, seed=0).apply(x, y, classes=("a", "b", "c"))
    counts = [np.bincount(part.y, minlength=3).tolist() for part in parts]
    assert counts == [[350, 210, 5], [100, 60, 1], [50, 30, 1]]


def test_the_seed_decides_the_splits():
    x, y = numbered([50, 50])
    tests = {
        seed: Partition(SIZES, seed=seed).apply(x, y, classes=("a", "b"))[2].x[:, 0].tolist()
        for seed in (0, 1, -1, 2**70)
    }
    assert len({tuple(rows) for rows in tests.values()}) == 4
    again = Partition(SIZES, seed=0).apply(x, y, classes=("a", "b"))[2]
    assert again.x[:, 0].tolist() == tests[0]


def test_rows_keep_their_order_inside_a_split():
    x, y = numbered([50, 50])
    for part in Partition(SIZES, seed=3).apply(x, y, classes=("a", "b")):
        assert (np.diff(part.x[:, 0]) > 0).all()


def test_a_table_is_parted_column_by_column():
    x = {"n": np.arange(10, dtype=np.float32), "t": np.array(list("abcdefghij"), dtype=object)}
    train, rest = Partition({"test_size": 0.3}, 0).apply(x, np.zeros(10), classes=())
    joined = join(train, rest)
    assert sorted(joined.x["t"]) == list("abcdefghij")
    assert all("abcdefghij"[int(n)] == t for n, t in zip(*joined.x.values(), strict=True))
    assert take(x, np.array([2, 0]))["t"].tolist() == ["c", "a"]


@pytest.mark.parametrize(
    ("sizes", "seed", "sentence"),
    [
        ({"test_size": 0}, 0, "test_size must be a fraction between 0 and 1, received 0"),
        ({"test_size": 1.0}, 0, "test_size must be a fraction between 0 and 1, received 1.0"),
        ({"validation_size": -0.1}, 0, "validation_size must be a fraction .* received -0.1"),
        ({"test_size": "half"}, 0, "test_size must be a fraction .* received 'half'"),
        ({"test_size": True}, 0, "test_size must be a fraction .* received True"),
        ({"test_size": float("nan")}, 0, "test_size must be a fraction .* received nan"),
        (
            {"validation_size": 0.5, "test_size": 0.5},
            0,
            "the sum of validation_size=0.5 and test_size=0.5 must be below 1",
        ),
        (SIZES, 0.5, "seed must be an integer, received 0.5"),
        (SIZES, "zero", "seed must be an integer, received 'zero'"),
        (SIZES, None, "seed must be an integer, received None"),
    ],
)
def test_impossible_partitions_are_named(sizes, seed, sentence):
    with pytest.raises(ValueError, match=sentence):
        Partition(sizes, seed)


@pytest.mark.parametrize(
    ("counts", "classes", "sizes", "sentence"),
    [
        ([20, 2], ("a", "b"), SIZES, r"class 'b' has too few examples \(2\) to part with .*=0.1"),
        ([20, 0], ("a", "b"), SIZES, r"class 'b' has too few examples \(0\)"),
        ([2], (), SIZES, r"the dataset has too few examples \(2\)"),
        (
            [20, 4],
            ("a", "b"),
            {"validation_size": 0.45, "test_size": 0.45},
            "'b' .* each of the 3 splits needs at least one",
        ),
    ],
)
def test_too_few_examples_are_named(counts, classes, sizes, sentence):
    x, y = numbered(counts)
    with pytest.raises(ValueError, match=sentence):
        Partition(sizes, seed=0).apply(x, y, classes=classes)


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        ([[0, np.nan], [1, np.inf]], r"2 NaN or infinite values in 2 of 2 examples.*columns \[1\]"),
        ([[[np.nan]], [[0]]], r"1 NaN or infinite values in 1 of 2 examples: all"),
        ([[0.0]], "1 rows of the inputs for 2 targets"),
        ({"a": [0, np.inf]}, "column 'a' has 1 infinite values"),
        ({"a": [0, 1], "b": [1]}, "1 rows of column 'b' for 2 targets"),
    ],
)
def test_unusable_inputs_are_named(x, sentence):
    if isinstance(x, dict):
        x = {name: np.array(column, dtype=np.float32) for name, column in x.items()}
    else:
        x = np.array(x, dtype=np.float32)
    with pytest.raises(ValueError, match=sentence):
        Split(x, np.zeros(2))


def test_the_digest_changes_with_any_content():
    def digest(a=1.0, text="u", y=0, dtype=np.float32, name="a", fact="f"):
        x = {name: np.array([a, np.nan], dtype=dtype), "t": np.array([text, ""], dtype=object)}
        return content_digest([Split(x, np.array([y, 1]))], fact)

    changes = [
        {},
        {"a": 2.0},
        {"text": "v"},
        {"y": 1},
        {"dtype": np.float16},
        {"name": "b"},
        {"fact": "g"},
    ]
    assert len({digest(**change) for change in changes}) == len(changes)
    assert digest() == digest()


def test_the_digest_does_not_depend_on_memory_layout():
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    splits = [Split(x, np.arange(3)), Split(np.asfortranarray(x), np.arange(3))]
    assert content_digest(splits[:1]) == content_digest(splits[1:])


def test_the_schema_is_one_that_mlflow_reads():
    from mlflow.data.schema import TensorDatasetSchema
    from mlflow.types import Schema

    images = schema(Split(np.zeros((2, 4, 4, 1), np.float32), np.zeros(2, np.int64)))
    assert TensorDatasetSchema.from_dict(images).to_dict() == images
    table = schema(
        Split({"n": np.zeros(2, np.float32), "t": np.array(["", "a"], object)}, np.zeros(2))
    )
    read = Schema.from_json(json.dumps(table["mlflow_colspec"]))
    assert [(column.name, column.type.name) for column in read.inputs] == [
        ("n", "float"),
        ("t", "string"),
    ]
