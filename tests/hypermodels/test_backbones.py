import random
import socket

import keras
import numpy as np
import pytest

from pipeline.hypermodels import backbones
from tests.warm import elsewhere

APPLICATIONS = sorted(name for name in dir(keras.applications) if name[0].isupper())
SIZE = (32, 32)


@pytest.fixture(scope="module")
def mobilenet():
    return backbones.load("MobileNet", weights=None, image_size=SIZE, seed=0)


@pytest.fixture
def tiny(tmp_path):
    """Save a tiny network, as a user's backbone file."""

    def save(name="tiny.keras", shape=(8, 8, 3), inputs=1):
        images = [keras.Input(shape) for _ in range(inputs)]
        features = images[0] if len(shape) == 1 else keras.layers.Conv2D(2, 3, name="conv")(*images)
        keras.Model(images, features).save(tmp_path / name)
        return str(tmp_path / name)

    return save


def load(backbone, weights=None, image_size=SIZE, seed=0):
    return backbones.load(backbone, weights=weights, image_size=image_size, seed=seed)


@pytest.mark.parametrize("backbone", APPLICATIONS)
def test_preprocessing_is_that_of_keras(backbone):
    module_name = getattr(keras.applications, backbone).__module__.rpartition(".")[2]
    module = getattr(keras.applications, module_name)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 4, 5, 3)).astype(np.float32)
    inputs = keras.Input((4, 5, 3))
    preprocessing = backbones.preprocessing_of(backbone)
    outputs = backbones.preprocess(keras.layers.Rescaling(1 / 255)(inputs), preprocessing)
    ours = keras.Model(inputs, outputs).predict_on_batch(pixels)
    theirs = module.preprocess_input(pixels.copy())
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-4)


def test_unit_preprocessing_leaves_images_as_they_are():
    inputs = keras.Input((4, 5, 3))
    assert backbones.preprocess(inputs, "unit") is inputs


@pytest.mark.parametrize("backbone", ["mine.keras", "folder/mine.h5"])
def test_preprocessing_of_a_file_must_be_given(backbone):
    with pytest.raises(ValueError, match=f"must be given for {backbone}: tf .* torch .* unit"):
        backbones.preprocessing_of(backbone)


def random_weights_after_other_layers():
    random.seed(99)
    keras.utils.set_random_seed(99)
    keras.layers.Conv2D(2, 3)
    return float(sum(abs(weight).sum() for weight in load("MobileNet").get_weights()))


def test_random_weights_are_the_same_in_every_process(mobilenet):
    ours = float(sum(abs(weight).sum() for weight in mobilenet.get_weights()))
    assert elsewhere(random_weights_after_other_layers) == ours
    other = load("MobileNet", seed=1)
    assert float(sum(abs(weight).sum() for weight in other.get_weights())) != ours


def test_loading_leaves_the_callers_random_numbers_and_policy_alone():
    keras.utils.set_random_seed(5)
    expected = random.random(), np.random.rand()
    keras.utils.set_random_seed(5)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = load("MobileNet")
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        assert model.layers[1].compute_dtype == "bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert (random.random(), np.random.rand()) == expected


def test_automatic_layer_names_do_not_depend_on_what_was_built_before():
    first = [layer.name for layer in load("VGG16").layers]
    keras.layers.InputLayer(SIZE)
    assert [layer.name for layer in load("VGG16").layers] == first


def test_everything_is_frozen(mobilenet):
    assert mobilenet.trainable_weights == []
    assert backbones.cut(mobilenet, "conv_pw_1_relu").trainable_weights == []


def test_cut_ends_at_the_layer(mobilenet):
    part = backbones.cut(mobilenet, "conv_pw_1_relu")
    assert (part.name, part.layers[-1].name) == ("backbone", "conv_pw_1_relu")
    assert part.output.shape == (None, 16, 16, 64)
    assert backbones.cut(mobilenet, None).output.shape == (None, 1, 1, 1024)


@pytest.mark.sampled(".weights.h5")
@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights.h5"])
def test_weights_from_a_file(mobilenet, tmp_path, suffix):
    path = tmp_path / f"mobilenet{suffix}"
    mobilenet.save_weights(path) if suffix == ".weights.h5" else mobilenet.save(path)
    model = load("MobileNet", str(path), seed=7)
    for ours, theirs in zip(model.get_weights(), mobilenet.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["tiny.keras", "tiny.h5"])
def test_backbone_from_a_file_has_its_own_weights(tiny, tmp_path, name):
    path = tiny(name)
    expected = keras.models.load_model(path, compile=False).get_weights()
    model = load(path, image_size=(8, 8))
    np.testing.assert_array_equal(model.get_weights()[0], expected[0])
    changed = tmp_path / "changed.weights.h5"
    model.set_weights([weight + 1 for weight in expected])
    model.save_weights(changed)
    model = load(path, str(changed), image_size=(8, 8))
    np.testing.assert_array_equal(model.get_weights()[0], expected[0] + 1)


ERRORS = {
    "unknown class": (
        {"backbone": "inceptionv3"},
        "keras.applications has no backbone 'inceptionv3': use InceptionV3, ",
    ),
    "hopeless class": ({"backbone": "?"}, "'?': use ConvNeXtBase, ConvNeXtLarge, "),
    "small images": (
        {"backbone": "InceptionV3", "image_size": (8, 9)},
        "InceptionV3 takes images of at least 75x75 pixels, received 8x9: "
        "set image_size, for example to [75,75]",
    ),
    "missing backbone": (
        {"backbone": "no/such.keras"},
        "backbone must be an existing file, received 'no/such.keras'",
    ),
    "missing weights": (
        {"backbone": "MobileNet", "weights": "no/such.h5"},
        "weights must be imagenet, null or an existing file, received 'no/such.h5'",
    ),
    "imagenet for a file": (
        {"backbone": "{tiny}", "weights": "imagenet"},
        "weights must be null or a path if the backbone is a file, received imagenet",
    ),
    "size of a file": (
        {"backbone": "{tiny}"},
        "takes images of 8x8 pixels, received 32x32: set image_size to [8,8]",
    ),
    "no Keras file": ({"backbone": "{text}.keras"}, "text.keras is no Keras model to load: "),
    "no HDF5 file": ({"backbone": "{text}.h5"}, "text.h5 is no Keras model to load: "),
    "no images": (
        {"backbone": "{vector}"},
        "must have one input, of images (height, width, channels); ",
    ),
    "two inputs": ({"backbone": "{two}"}, "two.keras has inputs of shape [(8,), (8,)]"),
    "weights of another": (
        {"backbone": "MobileNet", "weights": "{tiny}"},
        "tiny.keras do not fit MobileNet without its classifier: ",
    ),
    "no weights at all": (
        {"backbone": "MobileNet", "weights": "{text}.h5"},
        "text.h5 do not fit MobileNet without its classifier: ",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_one_sentence(case, tiny, tmp_path):
    arguments, message = ERRORS[case]
    for suffix in (".keras", ".h5"):
        (tmp_path / f"text{suffix}").write_text("text")
    paths = {
        "tiny": tiny(),
        "vector": tiny("vector.keras", (8,)),
        "two": tiny("two.keras", (8,), inputs=2),
        "text": str(tmp_path / "text"),
    }
    arguments = {
        name: value.format(**paths) if isinstance(value, str) else value
        for name, value in arguments.items()
    }
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        load(**arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_layer_names_those_that_are_meant(mobilenet):
    with pytest.raises(ValueError, match=r"no layer 'conv_pw_1_rel': .* or use conv_pw_1_relu, "):
        backbones.cut(mobilenet, "conv_pw_1_rel")
    last = "set cut_layer to null for its last, 'conv_pw_13_relu'"
    with pytest.raises(ValueError, match=f"'§': {last}, or use input_layer, conv1, .*, …, .*_relu"):
        backbones.cut(mobilenet, "§")


def test_imagenet_without_a_network_says_what_to_do(monkeypatch):
    def unreachable(*arguments, **options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    with pytest.raises(ConnectionError, match=r"weights of MobileNet have .* set weights to null"):
        load("MobileNet", "imagenet", image_size=(128, 128))
