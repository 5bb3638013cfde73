import numpy as np
import pandas as pd
import pytest

from pipeline.datasets.group_split import read_groups, split_groups

SIZES = {"validation_size": 0.2, "test_size": 0.1}


def shares(split_of):
    return np.bincount(split_of, minlength=3) / len(split_of)


def test_groups_are_told_by_their_text():
    assert read_groups(pd.Series(["b", "a", "b ", "b"])).tolist() == [1, 0, 2, 1]
    assert read_groups(pd.Series([7.0, 3.0, 7.0])).tolist() == [1, 0, 1]


def test_rows_without_a_group_are_named():
    with pytest.raises(ValueError, match="1 of 2 rows have no value in the group column 'g'"):
        read_groups(pd.Series(["a", ""], name="g"))


@pytest.mark.parametrize("seed", [0, 1, -1, 2**70])
def test_no_group_is_in_two_splits_and_each_split_is_of_its_size(seed):
    rng = np.random.default_rng(5)
    groups = rng.permutation(np.repeat(np.arange(60), rng.integers(1, 30, 60)))
    split_of = split_groups(groups, SIZES, seed)
    assert all(len(set(split_of[groups == group])) == 1 for group in range(60))
    largest = np.bincount(groups).max() / len(groups)
    np.testing.assert_allclose(shares(split_of), [0.7, 0.2, 0.1], atol=largest)


def test_the_seed_decides():
    groups = np.repeat(np.arange(50), 4)
    made = {seed: split_groups(groups, SIZES, seed).tolist() for seed in range(4)}
    assert len({tuple(split) for split in made.values()}) == 4
    assert split_groups(groups, SIZES, 0).tolist() == made[0]


def test_every_group_is_tested_by_some_seed():
    groups = np.repeat(np.arange(10), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    tested = {g for seed in range(60) for g in groups[split_groups(groups, SIZES, seed) == 2]}
    assert tested >= set(range(6))


@pytest.mark.parametrize("seed", range(5))
def test_each_class_has_about_its_share_in_every_split(seed):
    """Each patient is ill or not, and one of ten is: without regard to that a test has none."""
    groups = np.repeat(np.arange(100), 5)
    ill = np.repeat(np.arange(100) % 10 == 0, 5).astype(int)
    split_of = split_groups(groups, SIZES, seed, ill)
    np.testing.assert_allclose(shares(split_of), [0.7, 0.2, 0.1], atol=0.02)
    assert np.bincount(split_of[ill == 1], minlength=3).tolist() == [35, 10, 5]


def test_rows_of_a_group_of_several_classes_stay_together():
    groups = np.repeat(np.arange(30), 4)
    classes = np.tile([0, 0, 1, 2], 30)
    split_of = split_groups(groups, SIZES, 0, classes)
    assert np.bincount(split_of).tolist() == [84, 24, 12]


def test_as_many_groups_as_splits():
    for seed in range(20):
        assert sorted(split_groups(np.array([0, 0, 0, 1, 2]), SIZES, seed)[[0, 3, 4]]) == [0, 1, 2]


def test_too_few_groups_are_named():
    with pytest.raises(ValueError, match="there are 2 groups for 3 splits, and each needs at"):
        split_groups(np.array([0, 1, 1, 1]), SIZES, 0)
