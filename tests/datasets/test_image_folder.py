import numpy as np
import pytest
from PIL import Image

from pipeline.datasets.image_folder import left_out, read_images


def write(path, value, *, size=(6, 4), mode="RGB"):
    """Write an image of one colour, `size` being its width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value).save(path)


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "cat" / "1.png", (10, 20, 30))
    write(tmp_path / "cat" / "deep" / "2.jpg", (0, 0, 0), size=(9, 9))
    write(tmp_path / "dog" / "1.bmp", (255, 255, 255))
    write(tmp_path / "dog" / "2.GIF", (0, 0, 255))
    (tmp_path / "dog" / "notes.txt").write_text("no image")
    (tmp_path / ".cache").mkdir()
    return tmp_path


def test_images_are_read_resized_with_their_classes(folder):
    x, y, classes = read_images(folder, image_size=[5, 7], color_mode="rgb")
    assert (x.shape, x.dtype) == ((4, 5, 7, 3), np.float32)
    assert (y.tolist(), y.dtype, classes) == ([0, 0, 1, 1], np.int64, ("cat", "dog"))
    assert x[:, 2, 3].tolist() == [[10, 20, 30], [0, 0, 0], [255, 255, 255], [0, 0, 255]]


def test_files_that_are_left_out_are_named(folder):
    write(folder / "loose.png", (0, 0, 0))
    (folder / "README.md").write_text("of the folder")
    for number in range(12):
        (folder / "cat" / f"{number:02}.webp").touch()
    (folder / "cat" / ".hidden.webp").touch()
    assert left_out(folder) == [
        f"1 image of {folder} left out, in no class's folder: loose.png",
        f"13 files of {folder} left out, none of .png, .jpg, .jpeg, .bmp, .gif: "
        f"{', '.join(f'cat/{number:02}.webp' for number in range(10))} and 3 more",
    ]


@pytest.mark.parametrize(("color_mode", "channels"), [("grayscale", 1), ("rgb", 3), ("rgba", 4)])
def test_the_colour_mode_decides_the_channels(tmp_path, color_mode, channels):
    for name in ("a", "b"):
        write(tmp_path / name / "1.png", 100, mode="L")
    x, _, _ = read_images(tmp_path, image_size=(4, 4), color_mode=color_mode)
    assert x.shape == (2, 4, 4, channels)
    assert x[0, 0, 0, 0] == 100


def test_files_that_cannot_be_decoded_are_all_named(folder):
    whole = (folder / "cat" / "1.png").read_bytes()
    (folder / "cat" / "cut.png").write_bytes(whole[:40])
    (folder / "dog" / "empty.jpg").write_bytes(b"")
    (folder / "dog" / "text.png").write_text("no image")
    with pytest.raises(ValueError, match="3 of the 7 files") as error:
        read_images(folder, image_size=(4, 4), color_mode="rgb")
    assert str(error.value).endswith("remove them: cat/cut.png, dog/empty.jpg, dog/text.png")


def test_of_many_bad_files_ten_are_named(folder):
    for number in range(12):
        (folder / "dog" / f"bad{number:02}.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"12 of the 16 files .*dog/bad09.png and 2 more$"):
        read_images(folder, image_size=(4, 4), color_mode="rgb")


def test_a_format_without_the_colour_mode_is_named(folder):
    with pytest.raises(ValueError, match=r"2 of the 4 .* as grayscale .* dog/1.bmp, dog/2.GIF$"):
        read_images(folder, image_size=(4, 4), color_mode="grayscale")


@pytest.mark.parametrize("size", [[0, 4], [4], [4, 4, 3], 4, "large", [4.0, 4], None, ["a", "b"]])
def test_an_impossible_size_is_named(folder, size):
    with pytest.raises(ValueError, match="image_size must be a height and a width") as error:
        read_images(folder, image_size=size, color_mode="rgb")
    assert str(error.value).endswith(f"received {size!r}")


def test_an_unknown_colour_mode_is_named(folder):
    sentence = r"color_mode must be one of \['grayscale', 'rgb', 'rgba'\], received 'cmyk'"
    with pytest.raises(ValueError, match=sentence):
        read_images(folder, image_size=(4, 4), color_mode="cmyk")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder of images at .*/absent$"):
        read_images(tmp_path / "absent", image_size=(4, 4), color_mode="rgb")


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "at least two classes, found none$"),
        (["1.png"], "at least two classes, found none$"),
        (["cat/1.png"], "at least two classes, found only 'cat'$"),
        ([".hidden/1.png", "cat/1.png"], "found only 'cat'$"),
        (["cat/1.png", "dog/1.txt", "eel/1.webp"], r"found none in \['dog', 'eel'\]$"),
        (["cat/1.txt", "dog/1.txt"], "No images found in directory"),
    ],
)
def test_a_folder_without_classes_of_images_is_named(tmp_path, files, sentence):
    for file in files:
        if file.endswith(".png"):
            write(tmp_path / file, 0, mode="L")
        else:
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).touch()
    with pytest.raises(ValueError, match=sentence):
        read_images(tmp_path, image_size=(4, 4), color_mode="rgb")
