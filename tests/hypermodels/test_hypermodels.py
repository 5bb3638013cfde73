import gc
import pickle
import subprocess
import sys
import weakref

import keras
import keras_tuner
import numpy as np
import pytest
from omegaconf import OmegaConf

from pipeline.datasets import Dataset
from pipeline.datasets.splits import Split
from pipeline.hypermodels import CNN, MLP, Sequence, Text, Transfer, backbones
from pipeline.preprocessing import ImageScaling, Standardization
from tests.processes import ROOT

CONF = ROOT / "conf" / "model"
TASKS = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}
HYPERMODELS = {
    "cnn": CNN,
    "mlp": MLP,
    "sequence": Sequence,
    "text": Text,
    "transfer": Transfer,
}
SHAPES = {MLP: (5,), CNN: (8, 8, 1), Transfer: (8, 8, 3)}
SEED_HEAD = {
    "dense_units_1": keras_tuner.engine.hyperparameters.Int("dense_units_1", 32, 512, step=32),
    "dense_units_2": keras_tuner.engine.hyperparameters.Int("dense_units_2", 32, 512, step=32),
    "dropout_rate1": keras_tuner.engine.hyperparameters.Float("dropout_rate1", 0.1, 0.5, step=0.1),
    "dropout_rate2": keras_tuner.engine.hyperparameters.Float("dropout_rate2", 0.1, 0.5, step=0.1),
    "learning_rate": keras_tuner.engine.hyperparameters.Float(
        "learning_rate", 1e-4, 1e-2, sampling="log"
    ),
}


def make_dataset(shape=(8, 8, 1), task="binary", scale=1.0, rows=48):
    """Random examples whose target depends on their mean."""
    random = np.random.default_rng(0)
    x = random.uniform(0, 16, (rows, *shape)).astype(np.float32)
    x *= np.linspace(0.2, 1, rows, dtype=np.float32).reshape(-1, *[1] * len(shape))
    classes = TASKS[task]
    mean = x.reshape(rows, -1).mean(axis=1)
    y = (mean * scale).astype(np.float32)
    if classes:
        y = (mean.argsort().argsort() * len(classes) // rows).astype(np.int64)
    images = len(shape) == 3
    split = Split(x, y)
    return Dataset(
        name="tiny",
        task="classification" if classes else "regression",
        train=split,
        validation=split,
        test=split,
        classes=classes,
        source="test",
        preprocessing=ImageScaling(shape, 16.0) if images else Standardization.fit(x),
    )


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A file with a tiny network for 8 x 8 RGB images."""
    path = tmp_path_factory.mktemp("network") / "tiny.keras"
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(4, 3, name="conv")(inputs)
    features = keras.layers.BatchNormalization(name="norm")(features)
    keras.Model(inputs, keras.layers.Flatten(name="flat")(features)).save(path)
    return str(path)


def make(hypermodel, network, task="binary", **arguments):
    if hypermodel is Transfer:
        defaults = {"backbone": network, "weights": None, "preprocessing": "tf"}
        arguments = defaults | arguments
    return hypermodel(dataset=make_dataset(SHAPES[hypermodel], task), **arguments)


def space_of(hypermodel):
    hp = keras_tuner.HyperParameters()
    hypermodel.build(hp)
    return {item.name: item.get_config() for item in hp.space}


def build(hypermodel, **values):
    hp = keras_tuner.HyperParameters()
    hp.values.update(values)
    return hypermodel.build(hp)


@pytest.mark.sampled("MLP-binary", "CNN-multiclass", "Transfer-regression")
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("hypermodel", [MLP, CNN, Transfer])
def test_trains_and_reloads(hypermodel, task, network, tmp_path):
    dataset = make_dataset(SHAPES[hypermodel], task)
    model = build(make(hypermodel, network, task), learning_rate=0.01)
    data = dataset.validation
    history = model.fit(data.x, data.y, validation_data=(data.x, data.y), epochs=1, verbose=0)
    names = {"loss", "accuracy"} if dataset.classes else {"loss", "mae", "r2"}
    assert set(history.history) == names | {f"val_{name}" for name in names}
    assert np.isfinite(list(history.history.values())).all()
    assert model.output.shape == (None, len(dataset.classes) or 1)
    predictions = np.asarray(model(data.x, training=False))  # untraced, as the next
    if dataset.classes:
        np.testing.assert_allclose(predictions.sum(axis=1), 1, rtol=1e-5)
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(reloaded(data.x, training=False), predictions, rtol=1e-5)


@pytest.mark.parametrize("preprocessing", backbones.PREPROCESSINGS)
def test_reloads_in_another_process_without_our_code(network, tmp_path, preprocessing):
    hypermodel = Transfer(
        dataset=make_dataset((6, 6, 1)),
        backbone=network,
        weights=None,
        image_size=[8, 8],
        preprocessing=preprocessing,
    )
    model = build(hypermodel)
    model.optimizer.build(model.trainable_variables)  # else Keras cannot reload the optimizer
    x = make_dataset((6, 6, 1)).test.x
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    expected = np.asarray(model(x, training=False))  # untraced, as the next
    np.testing.assert_allclose(reloaded(x, training=False), expected, rtol=1e-5)
    if preprocessing != "caffe":  # the one with more than plain layers; a process takes seconds
        return
    np.save(tmp_path / "x.npy", x)
    program = """
import keras, numpy as np, sys
model = keras.models.load_model("model.keras")
np.save("predictions.npy", model(np.load("x.npy"), training=False))
assert "pipeline" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    np.testing.assert_allclose(np.load(tmp_path / "predictions.npy"), expected, rtol=1e-5)


@pytest.mark.sampled("1000000.0")
@pytest.mark.parametrize("scale", [1e-6, pytest.param(1.0, marks=pytest.mark.thorough), 1e6])
def test_regression_learns_targets_of_any_scale(scale):
    keras.utils.set_random_seed(0)
    dataset = make_dataset((5,), "regression", scale)
    model = build(MLP(dataset=dataset), learning_rate=0.01, units=64)
    history = model.fit(dataset.train.x, dataset.train.y, epochs=20, batch_size=8, verbose=0)
    assert history.history["r2"][-1] > 0.8


def test_regression_of_one_value_is_finite():
    dataset = make_dataset((5,), "regression", scale=0.0)
    model = build(MLP(dataset=dataset))
    history = model.fit(dataset.train.x, dataset.train.y, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_mlp_space():
    space = space_of(MLP(dataset=make_dataset()))
    assert list(space) == ["layers", "units", "activation", "dropout", "learning_rate"]
    model = build(MLP(dataset=make_dataset()), layers=3, units=32, activation="tanh", dropout=0.5)
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [32, 32, 32, 2]
    assert [layer.activation.__name__ for layer in dense] == ["tanh"] * 3 + ["softmax"]
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.5] * 3


def test_cnn_space():
    space = space_of(CNN(dataset=make_dataset()))
    assert list(space) == [
        "blocks",
        "filters",
        "kernel_size",
        "dense_units",
        "dropout",
        "learning_rate",
    ]
    model = build(CNN(dataset=make_dataset()), blocks=3, filters=16, kernel_size=5)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [16, 32, 64]
    assert {layer.kernel_size for layer in convolutions} == {(5, 5)}


@pytest.mark.parametrize("shape", [(1, 1, 1), (8, 8, 1), (7, 9, 2), (32, 32, 3), (224, 160, 3)])
@pytest.mark.parametrize("blocks", [1, 3])
def test_cnn_serves_images_of_any_size(shape, blocks):
    model = build(CNN(dataset=make_dataset(shape, rows=4)), blocks=blocks, filters=16)
    flat = next(layer for layer in model.layers if isinstance(layer, keras.layers.Flatten))
    assert flat.output.shape[1] <= 4 * 4 * 16 * 2 ** (blocks - 1)
    assert model.predict_on_batch(np.zeros((1, *shape))).shape == (1, 2)


@pytest.mark.parametrize("hypermodel", [MLP, CNN, Transfer])
def test_learning_rate_reaches_the_optimizer(hypermodel, network):
    model = build(make(hypermodel, network), learning_rate=0.00321)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.00321)


@pytest.mark.parametrize("hypermodel", [MLP, CNN, Transfer])
def test_output_is_float32_under_mixed_precision(hypermodel, network):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build(make(hypermodel, network))
        assert model.output.dtype == "float32"
        dense = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
        assert dense.compute_dtype == "bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")


def test_transfer_space_is_the_seeds(network):
    space = space_of(make(Transfer, network))
    assert space == {name: item.get_config() for name, item in SEED_HEAD.items()}


def seed_model(base_model, layer, num_classes, hp):
    """Build the model of the document this project started from, as written there."""
    base_model.trainable = False
    x = keras.layers.Flatten()(base_model.get_layer(layer).output)
    x = keras.layers.Dense(units=hp["dense_units_1"], activation="relu")(x)
    x = keras.layers.BatchNormalization(name="batch_norm_1")(x)
    x = keras.layers.Dropout(rate=hp["dropout_rate1"])(x)
    x = keras.layers.Dense(units=hp["dense_units_2"], activation="relu")(x)
    x = keras.layers.BatchNormalization(name="batch_norm_2")(x)
    x = keras.layers.Dropout(rate=hp["dropout_rate2"])(x)
    x = keras.layers.Dense(num_classes, activation="softmax")(x)
    return keras.models.Model(inputs=base_model.input, outputs=x)


@pytest.mark.thorough
def test_inception_cut_at_mixed5_is_the_seeds_model(tmp_path):
    shape = (75, 75, 3)
    base_model = keras.applications.InceptionV3(include_top=False, weights=None, input_shape=shape)
    base_model.save_weights(tmp_path / "base.weights.h5")
    hypermodel = Transfer(
        dataset=make_dataset(shape, "multiclass", rows=6),
        backbone="InceptionV3",
        weights=str(tmp_path / "base.weights.h5"),
        cut_layer="mixed5",
    )
    values = {"dense_units_1": 96, "dense_units_2": 64, "dropout_rate1": 0.2, "dropout_rate2": 0.4}
    ours, theirs = build(hypermodel, **values), seed_model(base_model, "mixed5", 3, values)

    head = ours.layers[ours.layers.index(ours.get_layer("backbone")) + 1 :]
    layers = [*ours.get_layer("backbone").layers, *head]
    assert [(type(layer), layer.output.shape) for layer in layers] == [
        (type(layer), layer.output.shape) for layer in theirs.layers
    ]
    assert [layer.rate for layer in head if isinstance(layer, keras.layers.Dropout)] == [0.2, 0.4]
    assert [w.shape for w in ours.trainable_weights] == [w.shape for w in theirs.trainable_weights]

    for weight, value in zip(ours.trainable_weights, theirs.trainable_weights, strict=True):
        weight.assign(value)
    x = make_dataset(shape, rows=6).test.x
    preprocessed = keras.applications.inception_v3.preprocess_input(x / 16 * 255)
    predictions = [model(of, training=False) for model, of in ((ours, x), (theirs, preprocessed))]
    np.testing.assert_allclose(*predictions, rtol=1e-3, atol=1e-5)


def test_frozen_part_never_changes_and_is_shared(network):
    hypermodel = make(Transfer, network)
    dataset = make_dataset((8, 8, 3))
    first = build(hypermodel, dense_units_1=64)
    before = [weight.copy() for weight in first.get_layer("backbone").get_weights()]
    first.run_eagerly = True  # for two steps, faster than a trace
    first.fit(dataset.train.x, dataset.train.y, epochs=1, verbose=0)
    keras.utils.clear_session()  # as before every trial
    second = build(hypermodel, dense_units_1=32)
    second.run_eagerly = True
    second.fit(dataset.train.x, dataset.train.y, epochs=1, verbose=0)
    for model in (first, second):
        assert len(model.trainable_weights) == 10
        after = model.get_layer("backbone").get_weights()
        for old, new in zip(before, after, strict=True):
            np.testing.assert_array_equal(old, new)
    kernels = [model.get_layer("backbone").get_layer("conv").kernel for model in (first, second)]
    assert kernels[0] is kernels[1]


def test_a_trials_model_is_freed_although_the_backbone_lives_on(network):
    hypermodel = make(Transfer, network)
    model = build(hypermodel)
    head = weakref.ref(model.layers[-1])
    del model
    gc.collect()
    assert head() is None


def test_backbone_follows_the_precision_policy():
    dataset = make_dataset((32, 32, 3))
    hypermodel = Transfer(dataset=dataset, backbone="MobileNet", weights=None, pooling="avg")
    expected = build(hypermodel).get_layer("backbone").get_weights()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        backbone = build(hypermodel).get_layer("backbone")
    finally:
        keras.config.set_dtype_policy("float32")
    assert backbone.get_layer("conv1").compute_dtype == "bfloat16"
    for ours, theirs in zip(backbone.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("pooling", [None, "avg", "max"])
def test_pooling(network, pooling):
    hypermodel = make(Transfer, network, cut_layer="norm", pooling=pooling)
    model = build(hypermodel)
    names = {None: "Flatten", "avg": "GlobalAveragePooling2D", "max": "GlobalMaxPooling2D"}
    after = model.layers[model.layers.index(model.get_layer("backbone")) + 1]
    assert type(after).__name__ == names[pooling]
    assert after.output.shape == (None, 4 if pooling else 6 * 6 * 4)


def test_grey_and_small_images_are_fitted_to_the_backbone(network):
    dataset = make_dataset((4, 6, 1))
    arguments = {"backbone": network, "weights": None, "cut_layer": "conv"}
    hypermodel = Transfer(dataset=dataset, image_size=[8, 8], preprocessing="unit", **arguments)
    features = build(hypermodel).get_layer("backbone")
    images = keras.Model(*dataset.inputs()).predict_on_batch(dataset.test.x)
    resized = keras.ops.image.resize(images, (8, 8))
    expected = features.predict_on_batch(np.repeat(resized, 3, axis=-1))
    model = build(hypermodel)
    inner = keras.Model(model.input, model.layers[-8].output)
    np.testing.assert_allclose(
        inner.predict_on_batch(dataset.test.x), expected.reshape(len(expected), -1), rtol=1e-5
    )


def test_can_be_sent_to_another_process(network):
    hypermodel = make(Transfer, network)
    copy = pickle.loads(pickle.dumps(hypermodel))
    for ours, theirs in zip(
        build(copy).get_layer("backbone").get_weights(),
        build(hypermodel).get_layer("backbone").get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


ERRORS = {
    "no dataset": (MLP, {"dataset": 3}, "dataset must be a pipeline.datasets.Dataset, received 3"),
    "no images for the CNN": (
        CNN,
        {"shape": (5,)},
        "CNN needs images (height, width, channels), and the examples of the dataset tiny have "
        "the shape (5,): use model=mlp",
    ),
    "no images for transfer": (Transfer, {"shape": (5,)}, "Transfer needs images"),
    "backbone of a wrong type": (Transfer, {"backbone": 3}, "backbone must be text, received 3"),
    "weights of a wrong type": (Transfer, {"weights": 3}, "weights must be text or null"),
    "layer of a wrong type": (Transfer, {"cut_layer": 5}, "cut_layer must be text or null"),
    "seed of a wrong type": (Transfer, {"seed": "a"}, "seed must be an integer, received 'a'"),
    "unknown layer": (
        Transfer,
        {"cut_layer": "konv"},
        "no layer 'konv': set cut_layer to null for its last, 'flat', or use conv",
    ),
    "unknown pooling": (
        Transfer,
        {"pooling": "mean"},
        "pooling must be null or one of avg, max; received 'mean'",
    ),
    "pooling of vectors": (
        Transfer,
        {"pooling": "avg"},
        "pooling avg needs features of shape (height, width, channels), and the cut layer gives "
        "(144,): set pooling to null",
    ),
    "unknown preprocessing": (
        Transfer,
        {"preprocessing": "imagenet"},
        "preprocessing must be null or one of tf, torch, caffe, raw, unit; received 'imagenet'",
    ),
    "no preprocessing for a file": (Transfer, {"preprocessing": None}, "must be given for "),
    "channels": (
        Transfer,
        {"shape": (8, 8, 4)},
        "takes images of 1 or 3 channels, and those of the dataset tiny have 4",
    ),
    "size is no pair": (
        Transfer,
        {"image_size": [8]},
        "image_size must be null or [height,width] in pixels, each at least 1; received [8]",
    ),
    "size is text": (Transfer, {"image_size": "88"}, "received '88'"),
    "size is 0": (Transfer, {"image_size": [0, 8]}, "received [0, 8]"),
    "size is a number": (Transfer, {"image_size": 8}, "received 8"),
    "size of the file": (Transfer, {"image_size": [9, 8]}, "set image_size to [8,8]"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_one_sentence(case, network):
    hypermodel, changes, message = ERRORS[case]
    arguments = {"dataset": make_dataset(changes.get("shape", SHAPES[hypermodel]))}
    if hypermodel is Transfer:
        arguments |= {"backbone": network, "weights": None, "preprocessing": "tf"}
    arguments |= {name: value for name, value in changes.items() if name != "shape"}
    with pytest.raises((ValueError, TypeError)) as caught:
        hypermodel(**arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_grey_backbone_has_no_imagenet_statistics(tmp_path):
    inputs = keras.Input((8, 8, 1))
    path = tmp_path / "grey.keras"
    keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs)).save(path)
    arguments = {"dataset": make_dataset(), "backbone": str(path), "weights": None}
    with pytest.raises(ValueError, match=r"caffe is for backbones of 3 channels, and .* has 1"):
        Transfer(preprocessing="caffe", **arguments)
    assert build(Transfer(preprocessing="tf", **arguments)).output.shape == (None, 2)


@pytest.mark.parametrize("file", sorted(CONF.glob("*.yaml")), ids=lambda path: path.stem)
def test_configuration_names_every_argument(file):
    config = OmegaConf.load(file)
    hypermodel = HYPERMODELS[file.stem]
    assert config.pop("_target_") == f"pipeline.hypermodels.{hypermodel.__name__}"
    arguments = set(hypermodel.__init__.__annotations__) - {"dataset", "return"}
    assert set(config) == arguments
