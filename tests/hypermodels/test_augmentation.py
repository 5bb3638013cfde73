"""Images that are changed at random in training, and only there."""

import keras
import keras_tuner
import numpy as np
import pytest

from pipeline.datasets import Dataset, Split
from pipeline.hypermodels import CNN, Transfer
from pipeline.preprocessing import ImageScaling, Standardization

ALL = ["flip", "rotation", "zoom", "contrast"]
MOST = {"flip": "horizontal_and_vertical", "rotation": 0.2, "zoom": 0.3, "contrast": 0.3}


def make_dataset(preprocessing=None):
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    split = Split(x, np.arange(6) % 2)
    scaling = preprocessing or ImageScaling((8, 8, 3), 255.0)
    return Dataset("noise", "classification", *[split] * 3, ("a", "b"), "test", scaling)


@pytest.fixture(scope="module")
def dataset():
    return make_dataset()


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A file with a tiny network."""
    path = tmp_path_factory.mktemp("network") / "tiny.keras"
    inputs = keras.Input((8, 8, 3))
    keras.Model(inputs, keras.layers.Conv2D(4, 3, name="conv")(inputs)).save(path)
    return str(path)


def make(hypermodel, dataset, network, **arguments):
    if hypermodel is Transfer:
        arguments |= {"backbone": network, "weights": None, "preprocessing": "unit"}
    return hypermodel(dataset=dataset, **arguments)


def hyperparameters(**values):
    found = keras_tuner.HyperParameters()
    found.values = values
    return found


def random_layers(model):
    return [layer for layer in model.layers if type(layer).__name__.startswith("Random")]


@pytest.mark.parametrize("hypermodel", [CNN, Transfer])
def test_how_much_of_each_is_searched_and_the_least_is_none(hypermodel, dataset, network):
    space = keras_tuner.HyperParameters()
    model = make(hypermodel, dataset, network, augmentation=ALL).build(space)
    assert random_layers(model) == []
    plain = keras_tuner.HyperParameters()
    make(hypermodel, dataset, network).build(plain)
    assert space.values.keys() - plain.values.keys() == set(ALL)


@pytest.mark.parametrize("hypermodel", [CNN, Transfer])
def test_images_are_changed_in_training_and_not_at_inference(hypermodel, dataset, network):
    keras.utils.set_random_seed(0)
    made = make(hypermodel, dataset, network, augmentation=ALL)
    model = made.build(hyperparameters(**MOST))
    changes = random_layers(model)
    assert [type(layer).__name__ for layer in changes] == [f"Random{n.title()}" for n in ALL]
    inputs = model.inputs[0]
    changed = keras.Model(inputs, changes[-1].output)
    images = dataset.train.x / np.float32(255)
    np.testing.assert_allclose(changed(dataset.train.x, training=False), images, rtol=1e-6)
    first, second = (np.asarray(changed(dataset.train.x, training=True)) for _ in range(2))
    assert not np.allclose(first, images)
    assert not np.allclose(first, second)
    assert (first.min() >= 0) & (first.max() <= 1)


def test_flips_alone(dataset, network):
    model = make(CNN, dataset, network, augmentation=["flip"]).build(
        hyperparameters(flip="horizontal")
    )
    flipped = keras.Model(model.inputs[0], random_layers(model)[0].output)
    images = dataset.train.x / np.float32(255)
    changed = np.asarray(flipped(dataset.train.x, training=True))
    for image, received in zip(images, changed, strict=True):
        either = [np.abs(received - one).max() for one in (image, image[:, ::-1])]
        assert min(either) < 1e-6


@pytest.mark.parametrize("kinds", ["flip", ["flips"], 1, [1]])
def test_an_unknown_kind(dataset, network, kinds):
    with pytest.raises(ValueError, match="must be a list of flip, rotation, zoom, contrast"):
        make(CNN, dataset, network, augmentation=kinds)


def test_images_in_another_unit(network):
    scaled = Standardization(np.zeros((8, 8, 3), np.float32), np.ones((8, 8, 3), np.float32))
    with pytest.raises(ValueError, match="ImageScaling brings to 0 to 1; the dataset noise"):
        make(CNN, make_dataset(scaled), network, augmentation=["flip"])
