"""Training on the features of frozen layers gives what plain Keras gives with the whole model."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from pipeline.datasets import Dataset, Split
from pipeline.datasets.batches import Examples
from pipeline.frozen.part import NotReusableError
from pipeline.preprocessing import Standardization
from pipeline.training import feature_check
from tests.training import test_exact_training as exact

WEIGHTS = np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, 6)
DENSE = {"body": [layers.Dense(6)]}


def frozen(layer, x):
    """Return a layer with fixed weights that are not trained, called."""
    result = layer(x)
    layer.set_weights([WEIGHTS, np.ones(6, np.float32)][: len(layer.weights)])
    layer.trainable = False
    return result


def head(inputs, features, rate=0.05):
    model = keras.Model(inputs, layers.Dense(1)(layers.Dropout(0.2)(features)))
    model.compile(keras.optimizers.Adam(rate), "mse")
    return model


def scaled(factor):
    def relu(x):  # named as Keras's own
        return keras.ops.relu(x) * factor

    return relu


def with_activation_layer(value):
    inputs = keras.Input((4,))
    hidden = frozen(layers.Dense(6), inputs)
    return head(inputs, layers.Activation(scaled((1.0, 0.01)[value]))(hidden))


def with_activation(value):
    inputs = keras.Input((4,))
    return head(inputs, frozen(layers.Dense(6, activation=scaled((1.0, 0.01)[value])), inputs))


def with_borrowed_name(value):
    activation = scaled((1.0, 0.01)[value])
    activation.__module__, activation.__qualname__ = "keras.src.activations.activations", "relu"
    inputs = keras.Input((4,))
    return head(inputs, frozen(layers.Dense(6, activation=activation), inputs))


FUNCTIONS = [
    pytest.param(with_activation_layer, False, marks=pytest.mark.thorough),
    (with_activation, False),
    (with_borrowed_name, True),
    pytest.param(with_activation_layer, True, marks=pytest.mark.thorough),
    pytest.param(with_activation, True, marks=pytest.mark.thorough),
    pytest.param(with_borrowed_name, False, marks=pytest.mark.thorough),
]


@pytest.mark.sampled("with_activation-False")
@pytest.mark.parametrize(("build", "on_disk"), FUNCTIONS)
def test_features_are_not_those_of_another_function(build, on_disk, tmp_path):
    refusals = []
    for _ in range(1 + on_disk):
        features = exact.make_features(tmp_path if on_disk else None, refusals)
        result, expected = exact.after_another(build, features=features)
        exact.assert_as_keras(result, expected)
    if build is not with_activation_layer:  # there, the layer before the function still is reused
        assert "which may do anything in training" in refusals[0]


NUMBERS = np.random.default_rng(0).normal(size=(2, 80, 4)).astype(np.float32)
INPUTS = {
    "words": {"word": np.array(["a", "b", "c", "d"] * 20, dtype=object)},
    "texts": {
        "word": np.array(["b c d a", *"abcd" * 7, "a", "b", "c d b a", *"abcd" * 12], object)
    },
    "pairs": dict(zip("ab", NUMBERS, strict=True)),
}


@pytest.fixture
def inputs(request, monkeypatch):
    """A dataset of inputs in a dictionary, with a number each."""
    x, y = INPUTS[request.param], np.array([1.0, 5.0, 9.0, 2.0] * 20, np.float32)
    parts = [
        Split({name: values[rows] for name, values in x.items()}, y[rows])
        for rows in (slice(0, 40), slice(40, 60), slice(60, 80))
    ]
    preprocessing = Standardization.fit(np.zeros((2, 1), np.float32))
    dataset = Dataset("made", "regression", *parts, (), "made", preprocessing)
    monkeypatch.setattr(exact, "DATASET", dataset)


def looked_up(value):
    inputs = {"word": keras.Input((), name="word", dtype="string")}
    lookup = layers.StringLookup(output_mode="one_hot")
    lookup.set_vocabulary((["a", "b", "c", "d"], ["c"])[value])
    return head(inputs, layers.Rescaling(1.0)(lookup(inputs["word"])))


def adapted(value):
    inputs = {"word": keras.Input((), name="word", dtype="string")}
    text = layers.TextVectorization(output_mode="multi_hot", max_tokens=6)
    text.adapt((["a b c d", "a b"], ["c", "c"])[value])
    return head(inputs, layers.Rescaling(1.0)(text(inputs["word"])))


def standardized(value):
    def shifted(texts):
        return keras.ops.convert_to_tensor(texts) if value else texts

    def upper(texts):
        import tensorflow as tf

        return tf.strings.upper(texts)

    inputs = {"word": keras.Input((), name="word", dtype="string")}
    text = layers.TextVectorization(
        output_mode="multi_hot",
        vocabulary=["A", "B", "c"],
        standardize=upper if value else shifted,
    )
    return head(inputs, layers.Rescaling(1.0)(text(inputs["word"])))


@pytest.mark.sampled("words-adapted")
@pytest.mark.parametrize(
    "build", [looked_up, adapted, pytest.param(standardized, marks=pytest.mark.thorough)]
)
@pytest.mark.parametrize("inputs", ["words"], indirect=True)
def test_features_are_not_those_of_another_vocabulary(build, inputs):
    exact.assert_as_keras(*exact.after_another(build, features=exact.make_features()))


def sparse(value):
    inputs = {"word": keras.Input((1,), name="word", dtype="string")}
    lookup = layers.StringLookup(vocabulary=["a", "b"], output_mode="multi_hot", sparse=True)
    model = keras.Model(inputs, layers.Dense(1)(lookup(inputs["word"])))
    model.compile(keras.optimizers.Adam((0.05, 0.01)[value]), "mse")
    return model


def swapped(value):
    """Return a model whose inputs Keras finds in a dictionary by their names."""
    names = (("a", "b"), ("b", "a"))[value]
    inputs = [keras.Input((4,), name=name) for name in names]
    return head(inputs, layers.Subtract()([inputs[0], layers.Rescaling(3.0)(inputs[1])]))


def as_long_as_the_longest(value):
    inputs = {"word": keras.Input((1,), name="word", dtype="string")}
    texts = layers.TextVectorization(vocabulary=["a", "b", "c", "d"])(inputs["word"])
    vectors = keras.initializers.RandomUniform(seed=1)
    hidden = layers.Embedding(6, 3, embeddings_initializer=vectors, trainable=False)(texts)
    return head(inputs, layers.GlobalAveragePooling1D()(layers.Rescaling(value + 1.0)(hidden)))


@pytest.mark.sampled("swapped-pairs")
@pytest.mark.parametrize(
    ("build", "inputs"),
    [
        pytest.param(sparse, "words", marks=pytest.mark.thorough),
        (swapped, "pairs"),
        (as_long_as_the_longest, "texts"),
    ],
    indirect=["inputs"],
)
def test_features_are_not_those_of_another_form(build, inputs):
    exact.assert_as_keras(*exact.after_another(build, features=exact.make_features()))


def spectral(value):
    inputs = keras.Input((4,))
    layer = layers.SpectralNormalization(layers.Dense(6), power_iterations=2)
    hidden = layer(inputs)
    layer.trainable = False
    return head(inputs, hidden)


def test_a_layer_that_changes_in_training_is_no_constant_although_it_is_frozen():
    refusals = []
    result, expected = exact.after_another(spectral, features=exact.make_features(None, refusals))
    exact.assert_as_keras(result, expected)
    assert any("SpectralNormalization" in reason for reason in refusals)


def backbone(value=0):
    inputs = keras.Input((4,))
    return head(inputs, frozen(layers.Dense(6, activation="tanh", name="backbone"), inputs))


class Unfreeze(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.model.get_layer("backbone").trainable = True


class Replace(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.model.get_layer("backbone").set_weights([WEIGHTS * 3, np.zeros(6, np.float32)])


class ReplaceLater(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            self.model.get_layer("backbone").set_weights([WEIGHTS * 3, np.zeros(6, np.float32)])


@pytest.mark.parametrize(
    "callback", [pytest.param(Replace, marks=pytest.mark.thorough), ReplaceLater]
)
def test_a_callback_that_changes_frozen_weights_is_heeded(callback):
    refusals = []
    features = exact.make_features(None, refusals)
    trainer = exact.make_trainer(features=features, callbacks=lambda: [callback()])
    result = exact.train(trainer, {"build": backbone})
    _, expected = exact.plain({"build": backbone}, callbacks=[callback()])
    exact.assert_as_keras(result, expected)
    assert refusals == [f"a callback ({callback.__name__}) changes them"]


@pytest.mark.sampled("True")
@pytest.mark.parametrize("reuse", [True, False])
def test_what_a_callback_unfreezes_is_trained(reuse):
    features = exact.make_features() if reuse else None
    trainer = exact.make_trainer(features=features, callbacks=lambda: [Unfreeze()])
    result = exact.train(trainer, {"build": backbone})
    model, expected = exact.plain({"build": backbone}, callbacks=[Unfreeze()])
    assert not np.allclose(model.get_layer("backbone").get_weights()[0], WEIGHTS)
    exact.assert_as_keras(result, expected)


def test_features_are_reused_while_nothing_changes_them():
    refusals = []
    features = exact.make_features(None, refusals)
    plain_callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None)
    trainer = exact.make_trainer(features=features, callbacks=lambda: [plain_callback])
    result = exact.train(trainer, {"build": backbone})
    assert result.weights.frozen is not None
    assert refusals == []
    exact.assert_as_keras(result, exact.plain({"build": backbone})[1])


def test_the_first_batch_finds_a_layer_that_is_wrongly_thought_constant(monkeypatch):
    from pipeline.frozen import part as frozen_part

    monkeypatch.setattr(frozen_part, "is_constant", lambda layer: True)
    refusals = []
    result, expected = exact.after_another(spectral, features=exact.make_features(None, refusals))
    exact.assert_as_keras(result, expected)
    assert len(refusals) == 1
    assert "'spectral_normalization" in refusals[0]
    assert "gives something else in training" in refusals[0]


def test_the_first_batch_finds_features_of_another_model():
    features = exact.make_features()
    trainer = exact.make_trainer(features=features)
    model = backbone()
    fitting = trainer._preparation.fitting(model, exact.DATASET.train)
    wrong = Examples(fitting.train.x * 1.5, fitting.train.y)
    with pytest.raises(NotReusableError, match="what follows layer 'backbone'"):
        feature_check.check_first_batch(
            replace(fitting, train=wrong), exact.DATASET.train, half_precision=False
        )


class Verbose(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        assert self.params["verbose"] == 0


def test_callbacks_have_all_parameters_that_keras_gives_them():
    trainer = exact.make_trainer(features=exact.make_features(), callbacks=lambda: [Verbose()])
    assert exact.train(trainer, {"build": backbone}).weights.frozen is not None
