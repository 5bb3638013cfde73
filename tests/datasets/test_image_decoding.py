import keras
import numpy as np
import pytest
from PIL import Image

from pipeline.datasets.image_decoding import UndecodableError, decoded
from pipeline.datasets.image_form import ImageForm
from tests.made_images import write_image, write_noise


def read(*files, size=(4, 4), color_mode="rgb"):
    """Decode files that all lie in one folder."""
    batches = decoded(files, files[0].parent, ImageForm(size, color_mode))
    return np.concatenate(list(batches))


def test_pixels_are_those_of_keras_rounded(tmp_path):
    files = [
        tmp_path / "a" / f"{number:02}.{'jpg' if number % 2 else 'png'}" for number in range(70)
    ]
    for number, file in enumerate(files):
        write_noise(file, seed=number)
    (tmp_path / "b").mkdir()
    theirs = keras.utils.image_dataset_from_directory(
        tmp_path, image_size=(7, 6), shuffle=False, verbose=False
    )
    floats = np.concatenate([x for x, _ in theirs.as_numpy_iterator()])
    received = read(*files, size=(7, 6))
    assert received.dtype == np.uint8
    np.testing.assert_array_equal(received, np.rint(floats))


def test_an_image_of_the_wanted_size_keeps_its_pixels(tmp_path):
    write_noise(tmp_path / "1.png")
    (received,) = read(tmp_path / "1.png", size=(9, 13))
    np.testing.assert_array_equal(received, np.asarray(Image.open(tmp_path / "1.png")))


@pytest.mark.parametrize("name", ["1.webp", "1.tif", "1.TIFF"])
def test_what_tensorflow_does_not_decode_pillow_does(tmp_path, name):
    write_image(tmp_path / name, (10, 20, 30), size=(16, 16))
    (received,) = read(tmp_path / name)
    assert received[2, 2].tolist() == pytest.approx([10, 20, 30], abs=3)  # webp loses something


def test_sixteen_bits_of_a_tiff_become_eight(tmp_path):
    Image.fromarray(np.full((4, 4), 0x80FF, np.uint16)).save(tmp_path / "1.tif")
    assert (read(tmp_path / "1.tif", color_mode="grayscale") == 0x80).all()


@pytest.mark.parametrize(("color_mode", "channels"), [("grayscale", 1), ("rgb", 3), ("rgba", 4)])
def test_the_colour_mode_decides_the_channels(tmp_path, color_mode, channels):
    files = [tmp_path / name for name in ("1.png", "2.tif")]
    for file in files:
        write_image(file, 100, mode="L")
    received = read(*files, color_mode=color_mode)
    assert received.shape == (2, 4, 4, channels)
    assert received[:, 0, 0, 0].tolist() == [100, 100]


def test_files_that_cannot_be_decoded_are_all_named(tmp_path):
    write_image(tmp_path / "1.png", (10, 20, 30))
    (tmp_path / "cut.png").write_bytes((tmp_path / "1.png").read_bytes()[:40])
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.webp").write_text("no image")
    with pytest.raises(UndecodableError, match="3 of the 4 files") as error:
        read(*sorted(tmp_path.iterdir()))
    assert str(error.value).endswith("remove them: cut.png, empty.jpg, text.webp")


def test_of_many_bad_files_ten_are_named(tmp_path):
    for number in range(12):
        (tmp_path / f"bad{number:02}.png").write_bytes(b"")
    with pytest.raises(UndecodableError, match=r"12 of the 12 files .*bad09.png and 2 more$"):
        read(*sorted(tmp_path.iterdir()))


def test_a_format_without_the_colour_mode_is_named(tmp_path):
    for name in ("1.bmp", "2.GIF", "3.png"):
        write_image(tmp_path / name, (0, 0, 255))
    with pytest.raises(UndecodableError, match=r"2 of the 3 .* as grayscale .* 1.bmp, 2.GIF$"):
        read(*sorted(tmp_path.iterdir()), color_mode="grayscale")
