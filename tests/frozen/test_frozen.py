"""Which part of a model no training changes."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from pipeline.frozen.part import NotReusableError, find_frozen_part
from tests.frozen_models import SHAPE, backbone, compiled

X = np.random.default_rng(0).random((4, 8)).astype(np.float32)


@pytest.fixture(autouse=True)
def _session():
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)


def frozen(layer, **attributes):
    layer.trainable = False
    for name, value in attributes.items():
        setattr(layer, name, value)
    return layer


def chain(*some):
    """Return a model of layers one after the other, on 8 numbers."""
    inputs = keras.Input((8,))
    outputs = inputs
    for layer in some:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


def assert_split(model, x, *, shapes):
    """Check that both parts together are the model, and what the features are."""
    part = find_frozen_part(model)
    assert [tuple(tensor.shape[1:]) for tensor in part.extractor.outputs] == shapes
    features = part.extractor(x)
    for training in (False, True):
        expected, received = model(x, training=training), part.head(features, training=training)
        pairs = zip(keras.tree.flatten(expected), keras.tree.flatten(received), strict=True)
        for one, other in pairs:
            np.testing.assert_array_equal(one, other)
    trained = {id(variable) for variable in part.head.trainable_variables}
    assert trained == {id(variable) for variable in model.trainable_variables}
    return part


def test_a_chain_is_cut_before_the_first_layer_that_is_trained():
    model = chain(frozen(layers.Dense(5)), layers.Activation("relu"), layers.Dense(3))
    part = assert_split(model, X, shapes=[(5,)])
    assert len(part.weights) == 2


def test_a_sequential_model():
    model = keras.Sequential([keras.Input((8,)), frozen(layers.Dense(5)), layers.Dense(3)])
    assert_split(model, X, shapes=[(5,)])


def test_a_sequential_backbone_as_one_layer():
    network = frozen(keras.Sequential([layers.Dense(5), layers.BatchNormalization()]))
    assert_split(chain(network, layers.Dense(3)), X, shapes=[(5,)])


def test_several_boundaries_and_inputs():
    one, other = keras.Input((8,), name="one"), keras.Input((4,), name="other")
    low = frozen(layers.Dense(5))(one)
    high = frozen(layers.Dense(6))(low)
    hidden = layers.Concatenate()([layers.Dense(2)(low), layers.Dense(2)(high)])
    outputs = layers.Dense(1)(layers.Concatenate()([hidden, layers.Dense(2)(other)]))
    model = keras.Model({"one": one, "other": other}, {"a": outputs, "b": layers.Dense(2)(hidden)})
    x = {"one": X, "other": X[:, :4]}
    # An input that goes straight to trained layers is one of the features.
    assert_split(model, x, shapes=[(5,), (6,), (4,)])


def test_an_input_that_is_a_feature_keeps_its_place(tmp_path):
    """As beside a frozen network for images, where numbers go to what is trained."""
    image, number = keras.Input((8,)), keras.Input((3,))
    hidden = layers.Concatenate()([frozen(layers.Dense(5))(image), layers.Dense(2)(number)])
    model = keras.Model([image, number], layers.Dense(1)(hidden))
    x = [X, X[:, :3]]
    part = assert_split(model, x, shapes=[(3,), (5,)])
    for one, given in ((model, x), (part.head, part.extractor(x))):
        one.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(loaded(given), one(given))


def test_operations_and_preprocessing_belong_to_it():
    inputs = keras.Input((8,))
    scaled = (inputs - np.arange(8, dtype=np.float32)) / 3.0
    outputs = layers.Dense(2)(
        ops.concatenate([scaled, layers.Normalization(mean=0.0, variance=2.0)(inputs)], axis=-1)
    )
    part = assert_split(keras.Model(inputs, outputs), X, shapes=[(16,)])
    assert len(part.weights) == 0


@pytest.mark.parametrize(("name", "nested"), [("MobileNetV2", True), ("MobileNetV2", False)])
def test_a_whole_backbone(name, nested):
    network = frozen(backbone(name))
    inputs = keras.Input(SHAPE)
    model = (
        compiled(inputs, network(inputs))
        if nested
        else compiled(network.inputs, network.outputs[0])
    )
    part = find_frozen_part(model)
    assert len(part.weights) == len(network.weights)


@pytest.mark.parametrize("model", [
    lambda: chain(layers.Dense(3)),
    lambda: chain(layers.Dropout(0.1), layers.Dense(3)),
    lambda: chain(layers.Lambda(lambda x: x), layers.Dense(3)),
])  # fmt: skip
def test_a_model_without_frozen_layers_has_none(model):
    assert find_frozen_part(model()) is None


STATISTICS = layers.BatchNormalization


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        (lambda: [layers.Dense(4)], r"layer 'dense' \(Dense\) is trained"),
        (lambda: [layers.Dropout(0.1)], r"'dropout' \(Dropout\) is random in training"),
        (lambda: [layers.GaussianNoise(0.1)], r"\(GaussianNoise\) is random in training"),
        (lambda: [frozen(chain(layers.Dropout(0.5)))], r"\(Dropout\) is random in training"),
        (lambda: [STATISTICS(scale=False, center=False)], "learns statistics in training"),
        (lambda: [layers.Lambda(lambda x: x)], "not one of Keras's own"),
        (lambda: [layers.ActivityRegularization(0.1)], "adds to the loss"),
    ],
)
def test_what_is_not_deterministic_ends_it_and_is_named(before, sentence):
    with pytest.raises(NotReusableError, match=sentence):
        find_frozen_part(chain(*before(), frozen(layers.Dense(5)), layers.Dense(3)))


def test_frozen_batch_normalization_belongs_to_it_and_that_which_learns_does_not():
    statistics = frozen(layers.BatchNormalization())
    assert_split(chain(statistics, layers.Dense(3)), X, shapes=[(8,)])
    part = assert_split(
        chain(frozen(layers.Dense(5)), layers.BatchNormalization(scale=False, center=False),
              layers.Dense(3)),
        X,
        shapes=[(5,)],
    )  # fmt: skip
    assert len(part.weights) == 2


def test_what_could_drop_and_does_not_belongs_to_it():
    ones = dict.fromkeys(["kernel_initializer", "recurrent_initializer"], "ones")

    def part(dropout):  # with a random generator that is seeded anew
        recurrent = frozen(layers.LSTM(3, dropout=dropout, **ones))
        return find_frozen_part(chain(layers.Reshape((4, 2)), recurrent, layers.Dense(3)))

    assert part(0.0).digest == part(0.0).digest
    with pytest.raises(NotReusableError, match=r"\(LSTMCell\) is random in training"):
        part(0.5)


def test_augmentation_before_a_backbone_ends_it():
    inputs = keras.Input(SHAPE)
    flipped = layers.RandomFlip()(layers.Rescaling(1 / 255)(inputs))
    with pytest.raises(NotReusableError, match=r"\(RandomFlip\) is random in training"):
        find_frozen_part(compiled(inputs, frozen(backbone("MobileNetV2"))(flipped)))


def test_dropout_in_a_backbone_is_active_in_training_whatever_the_call_says():
    """Keras 3 gives `training` of the outermost call to all layers of a functional model."""
    network = frozen(chain(layers.Dense(50), layers.Dropout(0.5)))
    inputs = keras.Input((8,))
    model = keras.Model(inputs, network(inputs, training=False))
    assert (model(X, training=True).numpy() == 0).mean() > 0.2


def test_a_mask_is_not_lost():
    inputs = keras.Input((5,), dtype="int32")
    words = frozen(layers.Embedding(10, 4, mask_zero=True))(inputs)
    with pytest.raises(NotReusableError, match="mask"):
        find_frozen_part(keras.Model(inputs, layers.Dense(2)(layers.LSTM(3)(words))))


def test_an_output_of_frozen_layers_alone():
    inputs = keras.Input((8,))
    hidden = frozen(layers.Dense(5))(inputs)
    with pytest.raises(NotReusableError, match="an output of the model"):
        find_frozen_part(keras.Model(inputs, [hidden, layers.Dense(2)(hidden)]))


@pytest.mark.parametrize("of", ["model", "layer"])
def test_a_class_of_its_own(of):
    class Own(keras.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)

    inputs = keras.Input((8,))
    hidden = frozen(layers.Dense(5))(inputs)
    if of == "model":
        model = Own(inputs, layers.Dense(2)(hidden))
    else:
        model = keras.Model(inputs, layers.Dense(2)(frozen(Own(inputs, hidden))(inputs)))
    with pytest.raises(NotReusableError, match="Own"):
        find_frozen_part(model)


def digest(*some):
    keras.backend.clear_session()  # as before every trial: layers have the same names again
    return find_frozen_part(chain(*some, layers.Dense(3))).digest


def test_the_digest_stands_for_configuration_and_weights():
    layer = frozen(layers.Dense(5, name="first"))
    same = digest(layer)
    assert digest(layer) == same
    copy = frozen(layers.Dense(5, name="another"))
    copy.build((None, 8))
    copy.set_weights(layer.get_weights())
    assert digest(copy) == same
    copy.activation = keras.activations.relu
    assert digest(copy) != same
    layer.kernel.assign(layer.kernel + 1e-3)
    assert digest(layer) != same


def test_the_digest_stands_for_what_is_set_for_all_of_keras(monkeypatch):
    layer = frozen(layers.Normalization(mean=0.0, variance=0.0))
    before = digest(layer)
    assert digest(layer) == before
    monkeypatch.setattr(keras.config, "epsilon", lambda: 1.0)
    assert digest(layer) != before


def test_the_digest_stands_for_constants_of_operations():
    def of(value):
        keras.backend.clear_session()
        inputs = keras.Input((8,))
        scaled = inputs * np.full(8, value, np.float32)
        return find_frozen_part(keras.Model(inputs, layers.Dense(2)(scaled))).digest

    assert of(1.0) == of(1.0)
    assert of(1.0) != of(2.0)


def test_the_digest_stands_for_the_precision():
    def of(dtype):
        layer = frozen(layers.Dense(5, dtype=dtype, name="first"))
        layer.build((None, 8))
        layer.set_weights([np.ones((8, 5)), np.ones(5)])
        return digest(layer)

    assert of("float32") == of("float32")
    assert of("float32") != of("mixed_bfloat16")
