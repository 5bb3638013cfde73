"""Arrays come back from their files, and damage is told."""

import math
import re

import ml_dtypes
import numpy as np
import pytest

from pipeline.journal.arrays import check_arrays, read_arrays, write_arrays
from pipeline.journal.files import DamagedFileError, StorageError

ARRAYS = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.array(7),
    np.array([], np.int8),
    np.array([1.5, -2], ml_dtypes.bfloat16),
    np.array(0.5, ml_dtypes.float8_e4m3fn),
    np.array([(1, 2.5)], [("a", np.int32), ("b", np.float64)]),
]


def test_arrays_come_back(tmp_path):
    path = tmp_path / "deeper" / "a.npz"
    write_arrays(path, {"score": math.inf, "text": "é", "none": None}, ARRAYS)
    check_arrays(path)
    head, arrays = read_arrays(path)
    assert head == {"score": math.inf, "text": "é", "none": None}
    for mine, theirs in zip(arrays, ARRAYS, strict=True):
        np.testing.assert_array_equal(mine, theirs)
        assert (mine.dtype, mine.shape) == (theirs.dtype, theirs.shape)
    assert [file.name for file in path.parent.iterdir()] == ["a.npz"]


def test_a_full_disk_is_told_and_harms_nothing(full_disk):
    path = full_disk / "a.npz"
    write_arrays(path, {}, ARRAYS)
    sentence = f"{path} cannot be written: No space left on device"
    with pytest.raises(StorageError, match=f"^{re.escape(sentence)}$"):
        write_arrays(path, {}, [np.zeros(1_000_000)])
    np.testing.assert_array_equal(read_arrays(path)[1][0], ARRAYS[0])
    assert list(full_disk.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"a\.npz cannot be written: "):
        write_arrays(tmp_path / "file" / "a.npz", {}, [])


DAMAGES = {
    "missing": None,
    "empty": lambda _: b"",
    "garbage": lambda _: b"garbage" * 99,
    "cut off": lambda content: content[:-10],
    "a byte changed": lambda content: content[:200] + b"\xff" + content[201:],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damage_is_told(damage, tmp_path):
    path = tmp_path / "a.npz"
    write_arrays(path, {}, [np.random.default_rng(0).random(500)])
    content = path.read_bytes()
    path.unlink() if damage is None else path.write_bytes(damage(content))
    reason = "it is missing" if damage is None else ".+"
    for reading in (read_arrays, check_arrays):
        with pytest.raises(DamagedFileError, match=rf"a.npz cannot be read \({reason}\)$"):
            reading(path)


def test_another_archive_is_damage(tmp_path):
    np.savez(tmp_path / "a.npz", np.zeros(3))
    for reading in (read_arrays, check_arrays):
        with pytest.raises(DamagedFileError):
            reading(tmp_path / "a.npz")
