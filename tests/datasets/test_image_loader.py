"""The loader of images, as the command line calls it."""

import keras
import numpy as np
import pytest
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image

from pipeline.datasets.rows import Rows
from tests.made_images import write_image
from tests.processes import ROOT

SIZES = {"validation_size": 0.2, "test_size": 0.2, "seed": 0}


@pytest.fixture
def load(tmp_path):
    """Load `dataset=images`, with a storage of this test."""

    def load(path, **overrides):
        choice = OmegaConf.load(ROOT / "conf" / "dataset" / "images.yaml")
        given = {"path": str(path), "image_size": [4, 6], **overrides}
        storage = str(tmp_path / "storage")
        config = OmegaConf.create({"storage": storage, "dataset": OmegaConf.merge(choice, given)})
        try:
            return instantiate(config.dataset)
        except InstantiationException as error:
            raise error.__cause__ or error from None

    return load


@pytest.fixture
def colours(tmp_path):
    for number, colour in enumerate(["red", "green", "blue"]):
        (tmp_path / "colours" / colour).mkdir(parents=True)
        for copy in range(5):
            pixel = tuple(250 - copy if channel == number else copy for channel in range(3))
            Image.new("RGB", (8, 8), pixel).save(tmp_path / "colours" / colour / f"{copy}.png")
    return tmp_path / "colours"


def test_a_folder_of_images_is_a_dataset(load, colours, tmp_path):
    dataset = load(colours, **SIZES)
    assert (dataset.name, dataset.source) == ("colours", str(colours))
    assert dataset.classes == ("blue", "green", "red")
    assert dataset.input_shape == (4, 6, 3)
    assert [len(s) for s in (dataset.train, dataset.validation, dataset.test)] == [9, 3, 3]
    assert dataset.preprocessing.max_value == 255
    assert isinstance(dataset.training_data().x, Rows)
    assert dataset.train.x[:].max() == 250
    encoded = keras.Model(*dataset.inputs()).predict(dataset.train.x, verbose=0)
    assert encoded.max() == pytest.approx(250 / 255)
    assert list((tmp_path / "storage" / "images").glob("*/0.bin"))


def test_the_digest_is_that_of_the_contents(load, colours, tmp_path):
    digest = load(colours, **SIZES).digest
    colours.rename(tmp_path / "moved")
    assert load(tmp_path / "moved", **SIZES, cache=str(tmp_path / "other")).digest == digest
    assert load(tmp_path / "moved", **SIZES | {"seed": 1}).digest != digest
    write_image(tmp_path / "moved" / "red" / "1.png", (1, 2, 3))
    assert load(tmp_path / "moved", **SIZES).digest != digest


def test_a_table_of_labels(load, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(20):
        write_image(tmp_path / "skies" / f"{number}.webp", number, mode="L")
    rows = "".join(f"{n},{n / 4},{n % 2},{n % 3 and 1}\n" for n in range(20))
    (tmp_path / "labels.csv").write_text("name,cover,rain,wind\n" + rows)
    table = {"labels": "labels.csv", "file": "name"}
    cover = load("skies", **table, target="cover", task="regression")
    assert (cover.task, cover.classes) == ("regression", ())
    for split in (cover.train, cover.validation, cover.test):
        np.testing.assert_allclose(split.x[:][:, 0, 0, 0] / 4, split.y, atol=0.5)
    weather = load("skies", **table, target=["rain", "wind"])
    assert (weather.task, weather.classes) == ("multilabel", ("rain", "wind"))
    assert weather.test.y.shape == (3, 2)


def test_a_class_with_too_few_images_is_named(load, colours):
    for copy in range(2, 5):
        (colours / "red" / f"{copy}.png").unlink()
    with pytest.raises(ValueError, match=r"class 'red' has too few examples \(2\)"):
        load(colours, **SIZES)


@pytest.mark.parametrize(
    ("path", "overrides", "error", "sentence"),
    [
        ("/absent", {}, FileNotFoundError, "no folder of images at /absent"),
        (7, {}, FileNotFoundError, "no folder of images at .*/7"),
        ("/absent", {"test_size": 0}, ValueError, "test_size must be"),
    ],
)
def test_bad_input_is_named(load, path, overrides, error, sentence):
    with pytest.raises(error, match=sentence):
        load(path, **overrides)
