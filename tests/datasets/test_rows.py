"""Rows of arrays that lie in files."""

import numpy as np
import pytest

from benchmarks.process_memory import resident_megabytes
from pipeline.datasets import Dataset, Split
from pipeline.datasets.rows import Rows, append, blocks, is_in_a_file, read, select
from pipeline.datasets.splits import Partition, content_digest, in_memory, join


def mapped(path, values):
    array = np.memmap(path, values.dtype, "w+", shape=values.shape)
    array[:] = values
    return array


@pytest.fixture
def array(tmp_path):
    return mapped(tmp_path / "x", np.arange(40, dtype=np.uint8).reshape(20, 2))


def test_rows_are_read_in_their_order(array):
    rows = select(select(array, np.array([5, 3, 8, 1])), np.array([2, 0, 1]))
    assert isinstance(rows, Rows)
    assert (len(rows), rows.shape, rows.dtype, rows.ndim) == (3, (3, 2), np.uint8, 2)
    assert np.asarray(rows).tolist() == [[16, 17], [10, 11], [6, 7]]
    assert rows[0].tolist() == [16, 17]
    assert rows[1:].tolist() == rows[[1, 2]].tolist() == [[10, 11], [6, 7]]
    assert np.asarray(rows, np.float32).dtype == np.float32


def test_what_is_read_is_no_view_of_the_file(array):
    copies = [read(array, slice(0, 2)), Rows(array, np.arange(20))[:2], next(blocks(array))]
    array[:] = 99
    assert [copy[1].tolist() for copy in copies] == [[2, 3]] * 3


def test_rows_of_one_file_stay_there_when_they_are_joined(array):
    first, second = (select(array, np.array(rows)) for rows in ([1, 2], [0]))
    assert append(first, second)[:].tolist() == [[2, 3], [4, 5], [0, 1]]
    assert is_in_a_file(append(first, second))
    assert append(first, np.array([[7, 7]], np.uint8))[2].tolist() == [7, 7]


def test_a_partition_copies_nothing(array):
    sizes = Partition({"validation_size": 0.2, "test_size": 0.2}, seed=0)
    parts = sizes.apply(array, np.arange(20) % 2, classes=("a", "b"))
    assert all(isinstance(part.x, Rows) and part.x.array is array for part in parts)
    together = join(*parts[:2])
    assert together.x.array is array
    for part in (*parts, together):
        assert (part.x[:][:, 0] // 2 % 2).tolist() == part.y.tolist()


def test_the_digest_of_a_file_stands_for_its_contents(array):
    def digest(x):
        return content_digest([Split(x, np.arange(len(x)))])

    known = Rows(array, np.arange(20), "of the file")
    assert digest(known) == digest(Rows(np.zeros_like(array), np.arange(20), "of the file"))
    assert digest(known) != digest(Rows(array, np.arange(20), "of another"))
    assert digest(select(known, np.array([0, 1]))) != digest(select(known, np.array([1, 0])))
    assert digest(Rows(array, np.arange(20))) == digest(array) == digest(np.array(array))


def test_a_users_code_is_given_arrays(array):
    split = Split(select(array, np.array([1, 2])), np.array([0, 1]))
    assert type(in_memory(split).x) is np.ndarray
    assert in_memory(split).x.tolist() == [[2, 3], [4, 5]]
    plain = Split(np.zeros((2, 1), np.float32), np.zeros(2))
    assert in_memory(plain) is plain


def test_a_file_that_was_read_is_no_memory_of_the_process(tmp_path):
    size = 64_000_000
    big = np.memmap(tmp_path / "big", np.uint8, "w+", shape=(1000, size // 1000))
    big.flush()
    big = np.memmap(tmp_path / "big", np.uint8, "r", shape=big.shape)
    rows = Rows(big, np.random.default_rng(0).permutation(1000))
    before = resident_megabytes()
    split = Split(rows, np.arange(1000) % 2)
    dataset = Dataset("big", "classification", split, split, split, ("a", "b"), "test")
    for start in range(0, 1000, 50):
        assert rows[start : start + 50].shape == (50, size // 1000)
    assert len(dataset.digest) == 16
    assert resident_megabytes() - before < 0.5 * size / 1e6
