"""Labels of images in a table."""

import numpy as np
import pytest

from pipeline.datasets.image_table import by_table
from tests.made_images import write_image

NAMES = ["a.png", "b.jpg", "deep/c.webp", "d.tiff"]


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        write_image(tmp_path / "images" / name, 0, mode="L")
    return tmp_path / "images"


def read(folder, text, *, suffix="csv", **arguments):
    table = folder.parent / f"labels.{suffix}"
    table.write_text(text)
    defaults = {"file": "file", "target": "kind", "label_separator": None, "task": None}
    return by_table(folder, table, **(defaults | arguments))


def column(values, header="file,kind", names=NAMES):
    return "\n".join([header, *(f"{n},{v}" for n, v in zip(names, values, strict=True))])


def names_of(found, folder):
    return [file.relative_to(folder).as_posix() for file in found.files]


def test_classes_in_the_tables_order(folder):
    found = read(folder, column(["cat", "dog", "cat", "eel"][::-1], names=NAMES[::-1]))
    assert names_of(found, folder) == NAMES[::-1]
    assert (found.task, found.classes) == ("classification", ("cat", "dog", "eel"))
    assert (found.y.tolist(), found.y.dtype) == ([2, 0, 1, 0], np.int64)


def test_names_without_endings_and_tabs(folder):
    text = column(["cat", "dog"], names=["a", "deep/c"]).replace(",", "\t")
    found = read(folder, text, suffix="tsv")
    assert names_of(found, folder) == ["a.png", "deep/c.webp"]


def test_numbers(folder):
    found = read(folder, column([1.5, 2, -3, 4]))
    assert (found.task, found.classes, found.targets) == ("regression", (), ())
    assert (found.y.tolist(), found.y.dtype) == ([1.5, 2, -3, 4], np.float32)


def test_several_numbers(folder):
    text = column(["1,10", "2,20", "3,30", "4,40"], header="file,x,y")
    found = read(folder, text, target=["x", "y"])
    assert (found.task, found.targets) == ("regression", ("x", "y"))
    assert found.y.tolist() == [[1, 10], [2, 20], [3, 30], [4, 40]]


def test_a_column_for_each_label(folder):
    text = column(["1,0", "0,0", "1,1", "0,1"], header="file,red,round")
    found = read(folder, text, target=["red", "round"])
    assert (found.task, found.classes) == ("multilabel", ("red", "round"))
    assert found.y.tolist() == [[1, 0], [0, 0], [1, 1], [0, 1]]
    found = read(folder, text, target=["red", "round"], task="regression")
    assert (found.task, found.targets) == ("regression", ("red", "round"))


def test_labels_in_one_column(folder):
    text = column(["red|round", "", "round", "red | tall"])
    found = read(folder, text, label_separator="|")
    assert (found.task, found.classes) == ("multilabel", ("red", "round", "tall"))
    assert found.y.tolist() == [[1, 1, 0], [0, 0, 0], [0, 1, 0], [1, 0, 1]]


def test_what_the_table_does_not_name_is_left_out_and_told(folder):
    (folder / "notes.txt").write_text("no image")
    found = read(folder, column(["cat", "dog"], names=NAMES[:2]))
    assert len(found.files) == 2
    assert found.notes == (
        f"2 images of {folder} left out, not in labels.csv: d.tiff, deep/c.webp",
        f"1 file of {folder} left out, none of .bmp, .gif, .jpeg, .jpg, .png, .tif, .tiff, .webp: "
        "notes.txt",
    )


@pytest.mark.parametrize(
    ("text", "arguments", "sentence"),
    [
        ("name,kind\na,b", {}, r"has no columns \['file'\]; it has \['name', 'kind'\]"),
        ("file,kinds\na,b", {}, r"no columns \['kind'\]; did you mean 'kinds'\?"),
        ("file,kind\n", {}, "a header and no rows"),
        ("", {}, "is not a table of text"),
        ("file,kind\na,x\nz.png,y\nq,x", {}, r"of the 3 rows .*, 2 name none: z.png, q$"),
        ("file,kind\na,x\na.png,y", {}, "2 name one that another row names too: a, a.png$"),
        ("file,kind\na,x\nb,", {}, "have no value in the target column 'kind'"),
        ("file,kind\na,x\nb,y", {"task": "regression"}, "must hold numbers for a regression"),
        ("file,kind\na,x\nb,y", {"label_separator": ""}, "label_separator is a text"),
        ("file,kind\na,x\nb,y", {"label_separator": "|", "task": "regression"}, "the task is reg"),
        (
            "file,x,y\na,1,2\nb,3,4",
            {"target": ["x", "y"], "task": "classification"},
            r"has one target, received \['x', 'y'\]: give one of them",
        ),
    ],
)
def test_tables_that_cannot_be_used(folder, text, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        read(folder, text, **arguments)


def test_a_name_of_several_images(folder):
    write_image(folder / "a.bmp", 0, mode="L")
    with pytest.raises(ValueError, match=r"1 name several: a$"):
        read(folder, column(["x", "y"], names=["a", "b"]))


def test_a_missing_table(folder):
    with pytest.raises(FileNotFoundError, match=r"there is none at .*/absent.csv"):
        by_table(
            folder,
            folder / "absent.csv",
            file="file",
            target="kind",
            label_separator=None,
            task=None,
        )
