import numpy as np
import pytest

from pipeline.datasets import Dataset, Split
from pipeline.datasets.tasks import checked_targets, class_indices

ABC = ("a", "b", "c")
MASKS = np.random.default_rng(0).integers(0, 3, (4, 5, 5))


@pytest.mark.parametrize(
    ("y", "indices"),
    [
        (np.array([0, 2, 1]), [0, 2, 1]),
        (np.array([[0], [2], [1]], np.uint8), [0, 2, 1]),
        (np.array([0.0, 2.0, 1.0], np.float32), [0, 2, 1]),
        (np.eye(3)[[0, 2, 1]], [0, 2, 1]),
        (MASKS, MASKS.tolist()),
        (MASKS[..., np.newaxis], MASKS.tolist()),
        (np.eye(3, dtype=int)[MASKS], MASKS.tolist()),
    ],
    ids=["indices", "column", "float", "one-hot", "mask", "mask with a channel", "one-hot mask"],
)
def test_classes(y, indices):
    assert checked_targets(y, "classification", ABC) is y
    assert class_indices(y, 3).tolist() == indices


def test_names_become_indices():
    given = np.array(["c", "a"], dtype=object)
    assert checked_targets(given, "classification", ABC).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("y", "task", "told"),
    [
        (
            np.array([0, 3]),
            "classification",
            "from 0 to 2, received 0 to 3; with task='custom' a loss with ignore_class",
        ),
        (np.array([0.5, 1]), "classification", "no integers"),
        (np.array([[1, 1, 0], [0, 1, 0]]), "classification", "1 of 2 rows .* task='multilabel'"),
        (np.array(["d"], dtype=object), "classification", r"received \['d'\]"),
        (
            {"a": np.zeros(2)},
            "classification",
            r"a structure of targets \(dict\): use task='custom'",
        ),
        (None, "regression", "no targets: use task='custom'"),
        (np.array([1, np.nan]), "regression", "1 NaN or infinite .* with task='custom'"),
        (np.array(["d"], dtype=object), "regression", "must be numbers"),
        (np.array([[1, 2, 0]]), "multilabel", "values from 0 to 2"),
        (np.array([[1, 0]]), "multilabel", r"shape \(1, 2\)"),
        (np.array([1, 0]), "multilabel", r"shape \(2,\)"),
        (np.array([1, 0]), "ranking", "task must be one of classification, multilabel"),
    ],
)
def test_targets_that_their_task_does_not_allow(y, task, told):
    with pytest.raises(ValueError, match=told):
        checked_targets(y, task, ABC)


def made(y, task="classification", **arguments):
    x = np.zeros((len(y), 2), np.float32)
    split = Split(x, y)
    parts = {"train": split, "validation": split, "test": split} | arguments
    return Dataset(name="made", task=task, classes=ABC, source="made", **parts)


def test_a_dataset_of_names():
    dataset = made(np.array(["c", "a", "b"]))
    assert dataset.test.y.tolist() == [2, 0, 1]
    assert dataset.digest == made(np.array([2, 0, 1])).digest


def test_splits_that_are_not_alike():
    other = Split({"x": np.zeros(3)}, np.zeros(3, int))
    with pytest.raises(ValueError, match=r"train has x of numbers in 2 axes.*validation has x x"):
        made(np.array([0, 1, 2]), validation=other)


def test_balanced_classes_count_alike():
    from sklearn.utils.class_weight import compute_sample_weight

    y = np.array([0, 0, 0, 1, 1, 2])
    dataset = made(y, class_weight="balanced")
    assert dataset.train.sample_weight == pytest.approx(compute_sample_weight("balanced", y))
    assert dataset.validation.sample_weight is None
    both = dataset.training_data()
    assert both.sample_weight == pytest.approx(np.tile(dataset.train.sample_weight, 2))
    assert dataset.digest != made(y).digest


@pytest.mark.parametrize("name", ["b", 1])
def test_a_class_counts_more(name):
    x, y = np.zeros((3, 2), np.float32), np.eye(3)[[0, 1, 2]]
    weighted = Split(x, y, np.array([1.0, 2.0, 3.0]))
    dataset = made(y, train=weighted, class_weight={name: 5})
    assert dataset.train.sample_weight.tolist() == [1.0, 10.0, 3.0]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("equal", "must be null, balanced or a factor"),
        ({"d": 1}, "the class 'd', which is none of"),
        ({"a": -1}, "class_weight of a must be a number from 0"),
        ({3: 1}, "the class 3"),
    ],
)
def test_class_weights_that_cannot_be(wanted, told):
    with pytest.raises(ValueError, match=told):
        made(np.array([0, 1, 2]), class_weight=wanted)
