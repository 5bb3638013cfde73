import keras
import numpy as np
import pytest

from pipeline.datasets.image_folder import by_folder
from tests.made_images import write_image


@pytest.fixture
def folder(tmp_path):
    write_image(tmp_path / "cat" / "1.png", (10, 20, 30))
    write_image(tmp_path / "cat" / "deep" / "2.jpg", (0, 0, 0), size=(9, 9))
    write_image(tmp_path / "cat" / "deep-er" / "0.jpg", (0, 0, 0), size=(9, 9))
    write_image(tmp_path / "dog" / "1.bmp", (255, 255, 255))
    write_image(tmp_path / "dog" / "2.GIF", (0, 0, 255))
    (tmp_path / "dog" / "notes.txt").write_text("no image")
    (tmp_path / ".cache").mkdir()
    return tmp_path


def test_files_have_their_classes_in_the_order_of_keras(folder):
    found = by_folder(folder)
    assert [str(file.relative_to(folder)) for file in found.files] == [
        *("cat/1.png", "cat/deep/2.jpg", "cat/deep-er/0.jpg", "dog/1.bmp", "dog/2.GIF")
    ]
    assert (found.y.tolist(), found.y.dtype) == ([0, 0, 0, 1, 1], np.int64)
    assert (found.task, found.classes) == ("classification", ("cat", "dog"))
    theirs = keras.utils.image_dataset_from_directory(folder, shuffle=False, verbose=False)
    assert list(map(str, found.files)) == theirs.file_paths


def test_webp_and_tiff_are_images_too(folder):
    write_image(folder / "cat" / "3.webp", 0, mode="L")
    write_image(folder / "dog" / "3.TIFF", 0, mode="L")
    assert {file.name for file in by_folder(folder).files} >= {"3.webp", "3.TIFF"}


def test_hidden_files_and_folders_are_nobodys_images(folder):
    for name in ("cat/._1.png", "cat/.ipynb_checkpoints/1-checkpoint.png", "cat/.notes"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("no image")
    assert len(by_folder(folder).files) == 5
    assert "notes.txt" in by_folder(folder).notes[0]
    assert len(by_folder(folder).notes) == 1


def test_files_that_are_left_out_are_named(folder):
    write_image(folder / "loose.png", (0, 0, 0))
    (folder / "README.md").write_text("of the folder")
    for number in range(12):
        (folder / "cat" / f"{number:02}.heic").touch()
    assert by_folder(folder).notes == (
        f"1 image of {folder} left out, in no class's folder: loose.png",
        f"13 files of {folder} left out, none of .bmp, .gif, .jpeg, .jpg, .png, .tif, .tiff, "
        f".webp: {', '.join(f'cat/{number:02}.heic' for number in range(10))} and 3 more",
    )


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "at least two classes, found none; or name a table"),
        (["1.png"], "at least two classes, found none;"),
        (["cat/1.png"], "at least two classes, found only 'cat';"),
        ([".hidden/1.png", "cat/1.png"], "found only 'cat';"),
        (["cat/1.png", "dog/1.txt", "eel/1.heic"], r"found none in \['dog', 'eel'\]$"),
        (["cat/1.txt", "dog/1.txt"], r"found none in \['cat', 'dog'\]$"),
    ],
)
def test_a_folder_without_classes_of_images_is_named(tmp_path, files, sentence):
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    with pytest.raises(ValueError, match=sentence):
        by_folder(tmp_path)
