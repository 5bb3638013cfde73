"""Arrays on the disk: whole or not there, checked, and within a limit."""

import os

import numpy as np
import pytest

from pipeline.journal.array_store import ArraySpec, ArrayStore, has_same_size
from pipeline.journal.files import StorageError
from tests.processes import check_that_one_of_two_works

ROWS = 6
SPECS = [ArraySpec((ROWS, 3), np.dtype(np.float32)), ArraySpec((ROWS,), np.dtype(np.int64))]


def batches(offset=0):
    for start in range(0, ROWS, 2):
        rows = np.arange(start, start + 2)
        yield [np.stack([rows + offset] * 3, 1).astype(np.float32), rows.astype(np.int64)]


def write(files, key, offset=0):
    with files.held(key):
        files.write(key, SPECS, batches(offset))


@pytest.fixture
def files(tmp_path):
    return ArrayStore(tmp_path, 10_000)


def test_what_is_written_is_mapped(files):
    write(files, "a", offset=5)
    floats, integers = files.open("a").arrays
    assert (floats[:, 0] == np.arange(ROWS) + 5).all()
    assert (integers == np.arange(ROWS)).all()
    assert isinstance(floats, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        floats[0] = 1
    assert files.open("b") is None


def test_half_and_brain_floats(tmp_path):
    import ml_dtypes

    files = ArrayStore(tmp_path, 10_000)
    for dtype in (np.float16, ml_dtypes.bfloat16):
        key = np.dtype(dtype).name
        with files.held(key):
            files.write(key, [ArraySpec((2,), np.dtype(dtype))], [[np.array([0.5, 2], dtype)]])
        (array,) = files.open(key).arrays
        assert (array.dtype, array.tolist()) == (dtype, [0.5, 2])


@pytest.mark.parametrize("name", ["0.bin", "1.bin", "entry.json"])
@pytest.mark.parametrize("damage", [b"", b"{x", None])
def test_a_damaged_entry_is_deleted_and_computed_again(name, damage, files, tmp_path):
    write(files, "a")
    path = tmp_path / "a" / name
    path.unlink() if damage is None else path.write_bytes(damage)
    assert files.open("a") is None
    write(files, "a")
    assert files.open("a") is not None


def test_what_breaks_off_leaves_nothing(files, tmp_path):
    with pytest.raises(KeyboardInterrupt), files.held("a"):
        files.write("a", SPECS, interrupted())
    assert files.open("a") is None
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_no_folder_that_it_made(tmp_path):
    files = ArrayStore(tmp_path / "storage" / "arrays", 10_000)
    with pytest.raises(KeyboardInterrupt):
        files.made_once("a", SPECS, interrupted())
    assert list(tmp_path.iterdir()) == []


def interrupted():
    yield next(batches())
    raise KeyboardInterrupt


def test_what_is_there_is_not_made_again(files):
    first = files.made_once("a", SPECS, batches())
    again = files.made_once("a", SPECS, interrupted())
    assert again.digests == first.digests
    assert again.arrays[0].tolist() == first.arrays[0].tolist()


def test_a_check_of_sizes_reads_nothing(files, tmp_path):
    write(files, "a")
    path = tmp_path / "a" / "0.bin"
    path.write_bytes(bytes(path.stat().st_size))
    by_size = ArrayStore(tmp_path, 10_000, has_same_size)
    assert by_size.open("a").arrays[0].max() == 0
    os.truncate(path, 10)
    assert by_size.open("a") is None


def test_what_a_dead_process_left_is_cleared(files, tmp_path):
    (tmp_path / ".a.tmp").mkdir()
    (tmp_path / ".a.tmp" / "0.bin").write_bytes(b"half")
    write(files, "a")
    assert files.open("a") is not None
    assert not (tmp_path / ".a.tmp").exists()


def test_the_least_recently_used_give_way(tmp_path):
    files = ArrayStore(tmp_path, 3 * 500)
    for age, key in enumerate("abc"):
        write(files, key)
        os.utime(tmp_path / key / "entry.json", (age, age))
    entry = sum(path.stat().st_size for path in (tmp_path / "a").iterdir())
    files = ArrayStore(tmp_path, 3 * entry)
    files.open("a")  # used: now b is the oldest
    write(files, "d")
    assert sorted(path.parent.name for path in tmp_path.glob("*/entry.json")) == ["a", "c", "d"]
    assert files.fits(3 * entry)
    assert not files.fits(3 * entry + 1)


def test_a_mapped_entry_can_still_be_read_when_it_gives_way(tmp_path):
    files = ArrayStore(tmp_path, 10_000)
    write(files, "a", offset=7)
    floats, _ = files.open("a").arrays
    write(ArrayStore(tmp_path, 1), "b")
    assert files.open("a") is None
    assert floats[0, 0] == 7


def test_a_full_disk_is_one_sentence(full_disk):
    files = ArrayStore(full_disk / "features", 10**9)
    big = [ArraySpec((1 << 22,), np.dtype(np.float32))]
    with pytest.raises(StorageError, match="No space left"), files.held("a"):
        files.write("a", big, [[np.zeros(1 << 22, np.float32)]])


def compute(folder, both, computed):
    """Take an entry, or compute it, as soon as another process is about to do so too."""

    def told():
        computed.put(os.getpid())
        yield from batches(offset=5)

    both.wait(60)
    floats, _ = ArrayStore(folder, 10_000).made_once("a", SPECS, told()).arrays
    assert floats[0, 0] == 5


def test_two_processes_compute_an_entry_once(tmp_path):
    check_that_one_of_two_works(compute, tmp_path)
