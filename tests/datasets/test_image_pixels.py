"""Images are read once, whoever wants them."""

import os

import numpy as np
import pytest

from pipeline.datasets import image_pixels
from pipeline.datasets.image_decoding import decoded
from pipeline.datasets.image_form import ImageForm
from pipeline.datasets.image_pixels import read_pixels
from tests.made_images import write_noise
from tests.processes import check_that_one_of_two_works


@pytest.fixture
def folder(tmp_path):
    for number in range(4):
        write_noise(tmp_path / "images" / f"{number}.png", seed=number)
    return tmp_path / "images"


@pytest.fixture
def count(monkeypatch):
    """The numbers of files that are read, at each time."""
    counts = []

    def counting(files, *arguments, **named):
        counts.append(len(files))
        yield from decoded(files, *arguments, **named)

    monkeypatch.setattr(image_pixels, "decoded", counting)
    return counts


def read(folder, cache=None, *, size=(4, 4), color_mode="rgb", max_cache_mb=1):
    return read_pixels(
        sorted(folder.rglob("*.png")),
        folder,
        ImageForm(size, color_mode),
        cache=cache or folder.parent / "cache",
        max_cache_mb=max_cache_mb,
        tell=lambda _: None,
    )


def test_files_are_read_once_and_mapped(folder, count):
    first, again = read(folder), read(folder)
    assert count == [4]
    assert (first.shape, first.dtype) == ((4, 4, 4, 3), np.uint8)
    assert isinstance(again.array, np.memmap)
    assert first.digest == again.digest
    files = sorted(folder.iterdir())
    (expected,) = decoded(files, folder, ImageForm((4, 4), "rgb"))
    np.testing.assert_array_equal(again[:], expected)


def test_another_content_size_or_mode_is_read_anew(folder, count):
    digests = {read(folder).digest, read(folder, size=(4, 5)).digest}
    digests.add(read(folder, color_mode="grayscale").digest)
    before = (folder / "1.png").stat()
    write_noise(folder / "1.png", seed=7)
    os.utime(folder / "1.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    digests.add(read(folder).digest)
    assert count == [4, 4, 4, 4]
    assert len(digests) == 4


def test_the_same_pixels_have_the_same_digest_wherever_they_lie(folder, tmp_path):
    digest = read(folder).digest
    folder.rename(tmp_path / "moved")
    assert read(tmp_path / "moved", tmp_path / "elsewhere").digest == digest


def test_what_the_disk_lost_is_read_again(folder, count, tmp_path):
    expected = read(folder)[:]
    (stored,) = (tmp_path / "cache").glob("*/0.bin")
    os.truncate(stored, 10)
    np.testing.assert_array_equal(read(folder)[:], expected)
    assert count == [4, 4]


def test_more_than_the_limit_is_refused_before_anything_is_read(folder, count, tmp_path):
    with pytest.raises(ValueError, match="4 images of 600 x 600 pixels take 4 MB on the disk"):
        read(folder, size=(600, 600))
    assert (count, list(tmp_path.iterdir())) == ([], [folder])


def test_the_least_recently_used_gives_way(folder, count):
    for width in (300, 301, 301, 300):
        read(folder, size=(300, width), max_cache_mb=2)  # 1.08 MB each
    assert count == [4, 4, 4]


def test_files_that_cannot_be_decoded_leave_nothing(folder, tmp_path):
    (folder / "bad.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"1 of the 5 files in .* bad\.png"):
        read(folder)
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("size", [[0, 4], [4], [4, 4, 3], 4, "large", [4.0, 4], None, ["a", "b"]])
def test_an_impossible_size_is_named(size):
    with pytest.raises(ValueError, match="image_size must be a height and a width") as error:
        ImageForm(size, "rgb")
    assert str(error.value).endswith(f"received {size!r}")


def test_an_unknown_colour_mode_is_named():
    sentence = r"color_mode must be one of \['grayscale', 'rgb', 'rgba'\], received 'cmyk'"
    with pytest.raises(ValueError, match=sentence):
        ImageForm([4, 4], "cmyk")


@pytest.mark.parametrize("limit", [0, "20", None, True, 1.5])
def test_a_limit_that_is_none(folder, limit):
    with pytest.raises(ValueError, match="max_cache_mb must be an integer above 0"):
        read(folder, max_cache_mb=limit)


def read_together(folder, both, counts):
    def counting(*arguments, **named):
        counts.put(os.getpid())
        yield from decoded(*arguments, **named)

    image_pixels.decoded = counting
    both.wait(60)
    assert read(folder).shape == (4, 4, 4, 3)


def test_two_processes_that_start_at_once_read_once(folder):
    check_that_one_of_two_works(read_together, folder)
