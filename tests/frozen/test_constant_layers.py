"""Which of Keras's layers give the same for the same example in every step, measured."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from pipeline.frozen.constant_layers import (
    _CONSTANT,
    _ONLY_AT_INFERENCE,
    is_constant,
    is_constant_at_inference,
)
from pipeline.frozen.mixing import mixes_examples
from tests import keras_layers
from tests.keras_layers import Case

NOT_MEASURED = {
    "InputLayer": "gives what a model is given",
    "Lambda": "is what its function is",
    "MaxNumBoundingBoxes": "is given boxes, which no model is",
}
MORE_THAN_IT_GIVES = {
    "ActivityRegularization": "adds to the loss",
    "AugMix": "is made of layers that change images at inference too",
    "RandAugment": "is made of such too",
    "RandomColorJitter": "is made of such too",
}


def parts(layer):
    """Return a layer and all that it is made of, as each is asked for apart."""
    return [layer, *layer._flatten_layers(include_self=False)]


def arrays(outputs):
    def array(one):
        if isinstance(one, tf.sparse.SparseTensor):
            one = tf.sparse.to_dense(one)
        return one.to_tensor() if isinstance(one, tf.RaggedTensor) else one

    return [np.asarray(array(one)) for one in keras.tree.flatten(outputs)]


def equal(some, others):
    """Whether outputs are the same but for the last digits."""
    pairs = list(zip(some, others, strict=True))
    if any(one.shape != other.shape for one, other in pairs):
        return False
    return all(
        np.array_equal(one, other)
        if one.dtype.kind == "O"
        else np.allclose(one, other, rtol=1e-4, atol=1e-6, equal_nan=True)
        for one, other in pairs
    )


def measured(layer, case):
    """Whether a frozen layer gives the same in all batches, and changes nothing.

    Returns:
        Whether it does in all modes, and whether it does at inference.
    """
    keras.utils.set_random_seed(0)  # whose weights are near 0 decides on the last digits
    layer = keras_layers.callable_(layer)
    layer(*case.inputs())
    layer.trainable = False
    before = [np.asarray(variable) for variable in layer.variables]
    inputs = case.inputs(seed=1)
    expected = arrays(layer(*inputs, training=False))

    def same(rows, mode):
        some = keras.tree.map_structure(lambda one: one[rows], inputs)
        received = arrays(layer(*some, training=mode))
        return equal([one[rows] for one in expected], received)

    every = list(range(keras_layers.ROWS))
    batches = [every, every[::-1], *([row] for row in every)]

    def unchanged():
        return equal(before, [np.asarray(one) for one in layer.variables])

    at_inference = all(same(rows, False) for rows in batches) and unchanged()
    in_training = at_inference and all(same(rows, True) for rows in batches)
    return in_training and same(every, False) and unchanged(), at_inference


def test_every_layer_is_placed():
    placed = keras_layers.CASES.keys() | keras_layers.NOT_MADE.keys()
    assert placed == keras_layers.exported().keys()


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("name", sorted(keras_layers.CASES.keys() - NOT_MEASURED.keys()))
def test_the_lists_are_what_was_measured(name):
    case = keras_layers.CASES[name]
    whole = parts(keras_layers.made(name))
    known = all(map(is_constant, whole)), all(map(is_constant_at_inference, whole))
    found = measured(keras_layers.made(name), case)
    if name in MORE_THAN_IT_GIVES:
        assert found[1]
        assert known == (False, False)
    else:
        assert known == found


@pytest.mark.parametrize("name", ["Lambda", "MaxNumBoundingBoxes"])
def test_what_was_not_measured_is_not_in_the_lists(name):
    assert not is_constant_at_inference(keras_layers.made(name))


def with_call(layer):
    layer.call = lambda x, training=None: less_the_mean(x)
    return layer


def less_the_mean(x):
    return x - keras.ops.mean(x, axis=0)


TEXTS, WORDS, NUMBERS = Case((1,), "words"), Case((3,), "words"), Case((4,))
SEQUENCE, PAIR = Case((4, 3)), Case([(4, 3), (4, 3)])
SOUND = Case((64,))
VOCABULARY = ["a", "b", "c"]
MULTI_HOT = {"vocabulary": VOCABULARY, "output_mode": "multi_hot"}


def texts(**arguments):
    return TEXTS, lambda: layers.TextVectorization(vocabulary=VOCABULARY, **arguments)


def sound(**arguments):
    sizes = {"fft_length": 16, "sequence_stride": 8, "num_mel_bins": 4}
    return SOUND, lambda: layers.MelSpectrogram(**sizes, **arguments)


VARIANTS = {
    "texts as long as the longest": texts(),
    "texts of a length": texts(output_sequence_length=3),
    "texts as sets": texts(output_mode="multi_hot"),
    "texts as counts": texts(output_mode="count"),
    "ragged texts": texts(ragged=True),
    "letters": texts(split="character"),
    "loudness": sound(),
    "power": sound(power_to_db=False),
    "sets of words": (WORDS, lambda: layers.StringLookup(None, **MULTI_HOT)),
    "sparse sets": (WORDS, lambda: layers.StringLookup(None, sparse=True, **MULTI_HOT)),
    "renormalization": (NUMBERS, lambda: layers.BatchNormalization(renorm=True)),
    "synchronized": (NUMBERS, lambda: layers.BatchNormalization(synchronized=True)),
    "nothing dropped": (NUMBERS, lambda: layers.Dropout(0)),
    "no noise": (NUMBERS, lambda: layers.GaussianNoise(0)),
    "dropping": (SEQUENCE, lambda: layers.LSTM(2, dropout=0.5)),
    "dropping states": (SEQUENCE, lambda: layers.GRU(2, recurrent_dropout=0.5)),
    "dropping attention": (PAIR, lambda: layers.Attention(dropout=0.5)),
    "dropping inside": (SEQUENCE, lambda: layers.TimeDistributed(layers.Dropout(0.5))),
    "dropping both ways": (SEQUENCE, lambda: layers.Bidirectional(layers.LSTM(2, dropout=0.5))),
    "dropping in a chain": (SEQUENCE, lambda: layers.Pipeline([layers.Dropout(0.5)])),
    "dropping in a model": (NUMBERS, lambda: keras.Sequential([layers.Dropout(0.5)])),
    "a model": (NUMBERS, lambda: keras.Sequential([layers.Dense(2, "softmax")])),
    "sequences": (SEQUENCE, lambda: layers.LSTM(2, return_sequences=True, go_backwards=True)),
    "states": (SEQUENCE, lambda: layers.GRU(2, return_state=True, unroll=True)),
    "gate": (PAIR, lambda: layers.Attention(use_scale=True, score_mode="concat")),
    "user's activation": (NUMBERS, lambda: layers.Activation(less_the_mean)),
    "user's activation inside": (NUMBERS, lambda: layers.Dense(2, activation=less_the_mean)),
    "user's call": (NUMBERS, lambda: with_call(layers.Dense(4))),
    "random activation": (
        NUMBERS,
        lambda: layers.Activation(functools.partial(keras.random.dropout, rate=0.5)),
    ),
    "operation as activation": (NUMBERS, lambda: layers.Dense(2, activation=keras.ops.relu)),
    "layer as activation": (NUMBERS, lambda: layers.Dense(2, activation=layers.LeakyReLU())),
}


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("name", VARIANTS)
def test_other_arguments_are_what_was_measured(name):
    case, make = VARIANTS[name]
    whole = parts(make())
    known = all(map(is_constant, whole)), all(map(is_constant_at_inference, whole))
    assert known == measured(make(), case)


def attending(axes):
    return lambda x: layers.MultiHeadAttention(1, 2, attention_axes=axes)(x, x)


def spread(x):
    return x + keras.ops.reshape(x, (-1, 1, 4))


LISTED = _CONSTANT | _ONLY_AT_INFERENCE
ops = keras.ops
MIXING = {
    "softmax": ((4,), layers.Softmax(axis=0)),
    "softmax from behind": ((4,), layers.Softmax(axis=-2)),
    "softmax of all": ((4,), layers.Softmax(axis=None)),
    "softmax of several": ((4,), layers.Softmax(axis=(0, 1))),
    "softmax of numbers": ((), layers.Softmax()),
    "activation of numbers": ((), layers.Activation("softmax")),
    "operation of numbers": ((), layers.Activation(keras.ops.softmax)),
    "inner softmax": ((3, 4), layers.TimeDistributed(layers.Softmax(axis=0))),
    "normalization": ((4,), layers.LayerNormalization(axis=0, scale=False, center=False)),
    "unit": ((4,), layers.UnitNormalization(axis=0)),
    "attention": ((2, 3, 4), attending((0, 1))),
    "equation": ((3, 4), layers.EinsumDense("abc,cd->bad", (None, 2))),
    "sum of an equation": ((3, 4), layers.EinsumDense("abc,cd->bd", (3, 2))),
    "numbers as a set": ((), layers.CategoryEncoding(4)),
    "words as a set": ((), layers.IntegerLookup(None, vocabulary=[1, 2], output_mode="multi_hot")),
    "sum up to each": ((4,), lambda x: ops.cumsum(x, axis=0)),
    "sum from behind": ((4,), lambda x: ops.cumsum(x, axis=-2)),
    "flipped": ((4,), ops.flip),
    "squeezed": ((1,), ops.squeeze),
    "rolled": ((4,), lambda x: ops.roll(x, 1)),
    "sorted": ((4,), lambda x: ops.sort(x, axis=0)),
    "mean of all": ((4,), lambda x: x - ops.mean(x)),
    "mean of a batch": ((4,), lambda x: x - ops.mean(x, axis=0, keepdims=True)),
    "softmax as an operation": ((4,), lambda x: ops.softmax(x, axis=None)),
    "transposed": ((4,), lambda x: ops.matmul(ops.transpose(x), x)),
    "swapped": ((4,), lambda x: ops.swapaxes(x, 0, 1)),
    "moved": ((4,), lambda x: ops.moveaxis(x, 0, 1)),
    "spread": ((4,), spread),
    "of more dimensions": ((4,), lambda x: x + np.ones((5, 1, 4), np.float32)),
}
APART = {
    "softmax": ((4,), layers.Softmax()),
    "softmax of images": ((3, 4), layers.Softmax(axis=-2)),
    "normalization": ((4,), layers.Normalization(axis=None, mean=0.5, variance=2.0)),
    "inner softmax": ((3, 4), layers.TimeDistributed(layers.Softmax())),
    "attention": ((2, 3, 4), attending((1, 2))),
    "equation": ((3, 4), layers.EinsumDense("abc,cd->abd", (3, 2))),
    "long equation": ((3, 4), layers.EinsumDense("...x,xy->...y", 2)),
    "words": ((), layers.IntegerLookup(None, vocabulary=[1, 2], output_mode="one_hot")),
    "sum up to each": ((4,), lambda x: ops.cumsum(x, axis=1)),
    "expanded": ((4,), lambda x: ops.squeeze(ops.expand_dims(x, -2), 1)),
    "one of several": ((4,), lambda x: ops.one_hot(ops.argmax(x, axis=-1), 4)),
    "transposed": ((3, 4), lambda x: ops.transpose(x, (0, 2, 1))),
    "flipped": ((4,), lambda x: x[:, ::-1]),
    "scaled": ((4,), lambda x: x * np.ones((1, 4), np.float32)),
    "of another rank": ((4,), lambda x: layers.Add()([x, layers.Reshape((1, 4))(x)])),
}


def keeps_apart(model, shape):
    """Whether a model gives the same for examples in batches of other sizes."""
    x = np.random.default_rng(0).integers(0, 3, (6, *shape)).astype(np.float32)
    x += np.arange(6).reshape(6, *[1] * len(shape)) / 4
    sizes = [5] if shape == (1,) else [2]  # Keras warns of a softmax of one number
    try:
        together, *apart = (np.asarray(model(some)) for some in (x, *np.split(x, sizes)))
        return np.allclose(together, np.concatenate(apart), atol=1e-5)
    except (ValueError, tf.errors.InvalidArgumentError):
        return False  # what comes of them has no axis of examples


def mixed(shape, called):
    """Return a model of what is called, and whether any part of it is known to mix examples."""
    inputs = keras.Input(shape)
    model = keras.Model(inputs, called(inputs))
    parts = [*model._operations, *model._flatten_layers(include_self=False)]
    return model, any(map(mixes_examples, parts))


@pytest.mark.parametrize("name", MIXING)
def test_what_mixes_examples_is_known(name):
    model, known = mixed(*MIXING[name])
    assert not keeps_apart(model, MIXING[name][0])
    assert known


@pytest.mark.parametrize("name", APART)
def test_what_keeps_examples_apart_is_known(name):
    model, known = mixed(*APART[name])
    assert keeps_apart(model, APART[name][0])
    assert not known


@pytest.mark.parametrize("name", sorted(keras_layers.CASES.keys() & LISTED - NOT_MEASURED.keys()))
def test_no_layer_of_the_lists_is_thought_to_mix_examples(name):
    case, layer = keras_layers.CASES[name], keras_layers.made(name)
    types = {"floats": "float32", "images": "float32", "counts": "int32", "words": "string"}
    inputs = keras.tree.map_structure(
        lambda one: keras.Input(one.shape[1:], dtype=types[case.given]), case.inputs()
    )
    keras_layers.callable_(layer)(*inputs)
    assert not any(map(mixes_examples, parts(layer)))
