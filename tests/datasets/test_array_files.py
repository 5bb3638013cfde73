import keras
import numpy as np
import pytest

from pipeline.datasets import array_source
from pipeline.datasets.array_source import open_arrays
from pipeline.datasets.array_targets import infer_targets
from pipeline.datasets.rows import Rows
from pipeline.preprocessing import ImageScaling, NamedInputs, Standardization, TableEncoding
from tests.datasets.test_datasets import choice

SIZES = {"validation_size": 0.2, "test_size": 0.2, "seed": 0}
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 4, 4, 3), dtype=np.uint8)
LABELS = np.arange(40) % 4


@pytest.fixture
def mapped(monkeypatch):
    """However small, arrays stay in their files."""
    monkeypatch.setattr(array_source, "_IN_MEMORY", 0)


@pytest.fixture
def saved(tmp_path):
    """Saves arrays in an archive, and returns its path."""

    def save(name="waves", *, save=np.savez, **arrays):
        path = tmp_path / f"{name}.npz"
        save(path, **arrays)
        return str(path)

    return save


def splits(dataset):
    return [dataset.train, dataset.validation, dataset.test]


def test_an_archive_is_a_dataset(saved):
    path = saved(x=IMAGES, y=LABELS)
    dataset = choice("arrays", path=path, **SIZES)
    assert (dataset.name, dataset.source) == ("waves", path)
    assert (dataset.task, dataset.classes) == ("classification", ("0", "1", "2", "3"))
    assert [len(split) for split in splits(dataset)] == [24, 8, 8]
    assert dataset.train.x.dtype == np.uint8
    assert dataset.preprocessing == ImageScaling((4, 4, 3), 255.0)
    for split in splits(dataset):
        assert all(
            (IMAGES[y == LABELS] == x).all((1, 2, 3)).any()
            for x, y in zip(split.x, split.y, strict=True)
        )


def test_the_arrays_of_an_archive_are_mapped(saved, mapped):
    path = saved(x=IMAGES, y=LABELS)
    source = open_arrays(path)
    for name, array in {"x": IMAGES, "y": LABELS}.items():
        assert isinstance(source.read(name), np.memmap)
        np.testing.assert_array_equal(source.read(name), array)
    dataset = choice("arrays", path=path, **SIZES)
    assert all(isinstance(split.x, Rows) for split in splits(dataset))
    assert isinstance(dataset.training_data().x, Rows)


@pytest.mark.parametrize(
    "array",
    [np.arange(6.0), np.asfortranarray(np.arange(6).reshape(2, 3)), np.zeros((0, 2)), np.ones(())],
    ids=["numbers", "fortran", "nothing", "single"],
)
def test_arrays_of_an_archive_are_what_numpy_reads(saved, mapped, array):
    np.testing.assert_array_equal(open_arrays(saved(array=array)).read("array"), array)


def test_mapped_arrays_are_the_same_dataset(saved, monkeypatch):
    path = saved(x=IMAGES, y=LABELS)
    digest = choice("arrays", path=path, **SIZES).digest
    monkeypatch.setattr(array_source, "_IN_MEMORY", 0)
    assert choice("arrays", path=path, **SIZES).digest == digest


def test_a_compressed_archive_is_read_and_told_of(saved, mapped):
    path = saved(x=IMAGES, y=LABELS, save=np.savez_compressed)
    dataset = choice("arrays", path=path, **SIZES)
    assert isinstance(dataset.train.x, np.ndarray)
    assert any("x is compressed in" in note for note in dataset.notes)


def test_files_are_named_one_by_one(tmp_path, monkeypatch, mapped):
    monkeypatch.chdir(tmp_path)
    np.save("images.npy", IMAGES)
    np.save("labels.npy", LABELS)
    dataset = choice("arrays", x="images.npy", y="labels.npy", **SIZES)
    assert (dataset.name, dataset.source) == ("images", str(tmp_path / "images.npy"))
    assert isinstance(dataset.train.x, Rows)
    assert dataset.notes[0].startswith("train: images.npy (40, 4, 4, 3) uint8, labels.npy (40,)")


def test_a_folder_has_an_array_a_file(tmp_path):
    np.save(tmp_path / "x.npy", IMAGES)
    np.save(tmp_path / "y.npy", LABELS)
    dataset = choice("arrays", path=str(tmp_path), **SIZES)
    assert (dataset.name, len(dataset.train)) == (tmp_path.name, 24)


def test_arrays_of_a_split_are_that_split(saved):
    """`mnist.npz`, as Keras keeps it, needs no word but its path."""
    parts = {"x_train": IMAGES[..., 0], "y_train": LABELS, "x_test": IMAGES[:9, ..., 0]}
    dataset = choice("arrays", path=saved(**parts, y_test=LABELS[:9]), validation_size=0.2)
    assert [len(split) for split in splits(dataset)] == [32, 8, 9]
    np.testing.assert_array_equal(dataset.test.x, IMAGES[:9, ..., :1])
    assert dataset.input_shape == (4, 4, 1)
    given = {"x_val": IMAGES[9:12, ..., 0], "y_val": LABELS[9:12]}
    dataset = choice("arrays", path=saved(**parts, y_test=LABELS[:9], **given))
    assert [len(split) for split in splits(dataset)] == [40, 3, 9]
    np.testing.assert_array_equal(dataset.validation.y, LABELS[9:12])


def test_weights_are_found(saved):
    weights = np.linspace(0, 1, 40)
    dataset = choice("arrays", path=saved(x=IMAGES, y=LABELS, sample_weight=weights), **SIZES)
    for split in splits(dataset):
        rows = [int(np.flatnonzero((x == IMAGES).all((1, 2, 3)))[0]) for x in split.x]
        np.testing.assert_allclose(split.sample_weight, weights[rows], rtol=1e-6)


def test_several_inputs_have_names(saved):
    ages = RNG.normal(50, 9, 40)
    path = saved(image=IMAGES, age=ages, y=LABELS)
    dataset = choice("arrays", path=path, x=["image", "age"], **SIZES)
    assert set(dataset.train.x) == {"image", "age"}
    assert isinstance(dataset.preprocessing, NamedInputs)
    inputs, vector = dataset.inputs()
    assert vector.shape == (None, 4 * 4 * 3 + 1)
    encoded = keras.Model(inputs, vector).predict(dataset.train.x, verbose=0)
    assert encoded[:, :-1].max() <= 1
    assert encoded[:, -1].std() == pytest.approx(1, rel=1e-3)
    named = choice("arrays", path=path, x={"picture": "image", "age": "age"}, **SIZES)
    assert set(named.train.x) == {"picture", "age"}


def test_columns_are_a_table(saved):
    path = saved(age=np.arange(40.0), town=np.array(["Ulm", "Kiel"] * 20), y=LABELS)
    dataset = choice("arrays", path=path, x=["age", "town"], **SIZES)
    assert isinstance(dataset.preprocessing, TableEncoding)
    assert dataset.inputs()[1].shape == (None, 3)


def test_numbers_are_standardised_along_their_last_axis(saved, mapped):
    x = RNG.normal([1, 100], [1, 50], (40, 5, 2))
    dataset = choice("arrays", path=saved(x=x, y=LABELS), **SIZES)
    inputs, scaled = dataset.inputs()
    encoded = keras.Model(inputs, scaled)(np.asarray(dataset.train.x)).numpy()
    np.testing.assert_allclose(encoded.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(encoded.std((0, 1)), 1, rtol=1e-4)


def test_what_lies_in_a_file_is_measured_as_what_does_not(monkeypatch):
    x = RNG.normal(3, [1, 50, 0], (1000, 3)).astype(np.float32)
    whole = Standardization.fit(x)
    monkeypatch.setattr("pipeline.datasets.rows._BLOCK", 999)
    parts = Standardization.fit(Rows(x, np.arange(1000)))
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-6)
    np.testing.assert_allclose(parts.deviation, whole.deviation, rtol=1e-6)
    assert parts.deviation[2] == 0


@pytest.mark.parametrize(
    ("y", "task", "classes"),
    [
        (LABELS, "classification", ("0", "1", "2", "3")),
        (LABELS.reshape(-1, 1), "classification", ("0", "1", "2", "3")),
        (np.arange(40), "classification", tuple(map(str, range(40)))),
        (LABELS * 10 - 10, "classification", ("-10", "0", "10", "20")),
        (LABELS.astype(np.float32), "classification", ("0", "1", "2", "3")),
        (LABELS > 1, "classification", ("False", "True")),
        (np.array(["b", "a"])[LABELS % 2], "classification", ("a", "b")),
        (np.eye(4)[LABELS], "classification", ("0", "1", "2", "3")),
        (np.arange(80).reshape(40, 2) % 2 * 0 + 1, "multilabel", ("0", "1")),
        (np.arange(40) * 3, "regression", ()),
        (LABELS + 0.5, "regression", ()),
        (np.arange(80.0).reshape(40, 2), "regression", ()),
        (IMAGES, "custom", ()),
    ],
)
def test_the_task_is_told_by_the_targets(y, task, classes):
    told = infer_targets([y], None, None)
    assert (told.task, told.classes) == (task, classes)


def test_values_become_indices(saved):
    dataset = choice("arrays", path=saved(x=IMAGES, y=LABELS * 10 - 10), **SIZES)
    assert dataset.classes == ("-10", "0", "10", "20")
    assert sorted(set(dataset.train.y)) == [0, 1, 2, 3]


def test_classes_can_be_named(saved):
    named = ["cat", "dog", "cow", "pig", "hen"]
    dataset = choice("arrays", path=saved(x=IMAGES, y=LABELS), classes=named[:4], **SIZES)
    assert dataset.classes == tuple(named[:4])
    told = infer_targets([LABELS], None, named)  # of the last there is no example
    assert told.classes == tuple(named)
    assert np.array_equal(told.of(LABELS), LABELS)


def test_without_targets_the_task_is_custom(saved):
    dataset = choice("arrays", path=saved(x=IMAGES), y=None, **SIZES)
    assert dataset.task == "custom"
    assert dataset.train.y is None


@pytest.mark.parametrize(
    ("arrays", "arguments", "sentence"),
    [
        ({"x": IMAGES, "y": LABELS}, {"x": "z"}, r"has no array 'z'; it has \['x', 'y'\]"),
        ({"x": IMAGES, "label": LABELS}, {}, "has no array 'y'"),
        ({"x": IMAGES, "y": LABELS, "x_test": IMAGES}, {}, "has no array 'y_test'"),
        ({"x": IMAGES, "y": LABELS}, {"sample_weight": "w"}, "has no array 'w'"),
        ({"x": IMAGES, "y": LABELS[1:]}, {}, "40 rows of the inputs for 39 targets"),
        (
            {"x": IMAGES, "y": LABELS},
            {"x": []},
            r"x must be the name of an array, .* received \[\]",
        ),
        ({"x": IMAGES, "y": LABELS}, {"task": "ranking"}, "task must be one of .* 'ranking'"),
        ({"x": IMAGES, "y": LABELS}, {"classes": ["a"]}, "must name the 4 values of the targets"),
        ({"x": IMAGES}, {"y": None, "task": "regression"}, "regression needs targets"),
        ({"x": np.array(["a", "b"] * 20), "y": LABELS}, {}, "with dataset=text"),
        ({"x": np.array([{}] * 40), "y": LABELS}, {}, "the array 'x' of .* cannot be read"),
        ({"x": IMAGES, "y": LABELS}, {"test_size": 0}, "test_size must be a fraction"),
    ],
)
def test_wrong_arrays_are_one_sentence(saved, arrays, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        choice("arrays", path=saved(**arrays), **arguments)


def test_wrong_paths_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"has no arrays; name an \.npz file or a folder"):
        choice("arrays")
    np.save("x.npy", IMAGES)
    with pytest.raises(FileNotFoundError, match=r"nothing at /absent\.npz"):
        choice("arrays", path="/absent.npz")
    with pytest.raises(ValueError, match=r"no such archive \(name \.npy files with dataset\.x"):
        choice("arrays", path="x.npy")
    with pytest.raises(ValueError, match="has no array 'y'"):
        choice("arrays", x="x.npy")
