"""Which models give the same validation in batches of any size, measured."""

import inspect

import keras
import numpy as np
import pytest
from keras import layers, ops

from pipeline.frozen.mixing import mixes_examples
from pipeline.training.additive import _ALONG_AXES, _OPERATIONS, is_additive
from tests.frozen.test_constant_layers import APART, MIXING, keeps_apart
from tests.training.test_additive import ROWS, SIZES, adds_up

COMPILED = {"loss": "mse", "metrics": ["mae"]}


def graph(shape, called, **compiled):
    """Return a compiled model of what is called."""
    inputs = keras.Input(shape)
    model = keras.Model(inputs, called(inputs))
    model.compile(**COMPILED | compiled)
    return model


@pytest.mark.parametrize("name", MIXING)
def test_a_model_that_mixes_examples_is_not_known(name):
    assert not is_additive(graph(*MIXING[name]))


@pytest.mark.parametrize("name", APART)
def test_what_is_known_keeps_examples_apart(name):
    shape, called = APART[name]
    model = graph(shape, called)
    assert keeps_apart(model, shape)
    assert is_additive(model) == all(
        isinstance(one, keras.Layer) or type(one).__name__ in _OPERATIONS | _ALONG_AXES
        for one in model._operations
    )


ARGUMENTS = {"Cast": ("float32",), "Clip": (0.2, 0.8)}


@pytest.mark.parametrize("name", sorted(_OPERATIONS))
def test_operations_of_the_list_look_at_one_number_after_the_other(name):
    modules = (keras.src.ops.numpy, keras.src.ops.nn, keras.src.ops.core, keras.src.ops.math)
    (kind,) = {vars(module)[name] for module in modules if name in vars(module)}
    operation = kind(*ARGUMENTS.get(name, ()))
    parameters = list(inspect.signature(operation.call).parameters.values())
    several = sum(one.default is one.empty for one in parameters)
    x = np.random.default_rng(0).uniform(0.1, 0.9, (4, 3)).astype(np.float32)
    x = x > 0.5 if name.startswith("Logical") else x
    together = np.asarray(operation(*[x] * several))
    for row, column in np.ndindex(x.shape):
        one = np.asarray(operation(*[x[row, column]] * several))
        np.testing.assert_allclose(one, together[row, column], rtol=1e-6)


REDUCED = {
    "All": lambda x: ops.all(x > 0.5, axis=-1),
    "Any": lambda x: ops.any(x > 0.5, axis=-1),
    "Concatenate": lambda x: ops.concatenate([x, x], axis=1),
    "ExpandDims": lambda x: ops.expand_dims(x, 1),
    "LogSoftmax": ops.log_softmax,
    "Max": lambda x: ops.max(x, axis=1),
    "Mean": lambda x: ops.mean(x, axis=-1, keepdims=True),
    "Min": lambda x: ops.min(x, axis=1),
    "Softmax": ops.softmax,
    "Sum": lambda x: ops.sum(x, axis=(1,)),
}


@pytest.mark.parametrize("name", sorted(_ALONG_AXES))
def test_operations_along_other_axes_than_the_first_keep_examples_apart(name):
    model = graph((4,), REDUCED[name])
    assert keeps_apart(model, (4,))
    assert not any(map(mixes_examples, model._operations))


class UsersModel(keras.Sequential):
    pass


class UsersLayer(layers.Layer):
    def call(self, x):
        return x - ops.mean(x, axis=0)


def less_the_mean(x, training=None):
    return x - ops.mean(x, axis=0)


def with_call(x):
    layer = layers.Dense(2)
    layer.call = less_the_mean
    return layer(x)


def two_outputs(x):
    return {"one": layers.Dense(1, name="one")(x), "two": layers.Dense(1, name="two")(x)}


def spread(x):
    pairs = ops.reshape(x, (-1, 1, 4)) + x  # of all examples with all
    return layers.GlobalAveragePooling1D()(pairs)


def masked(x):
    return layers.Masking(0.0)(x)


def inner(*of):
    return keras.Sequential([keras.Input((4,)), *of])


REGULARIZED = {"kernel_regularizer": "l2"}
ACTIVITY = {"activity_regularizer": "l2"}
MODELS = {
    "dense": (True, (4,), lambda x: layers.Dense(2, "softmax")(x)),
    "regularized": (True, (4,), lambda x: layers.Dense(2, **REGULARIZED)(x)),
    "activity": (False, (4,), lambda x: layers.Dense(2, **ACTIVITY)(layers.Dense(2)(x))),
    "normalized": (True, (4,), lambda x: layers.Dense(1)(layers.BatchNormalization()(x))),
    "dropped": (True, (4,), lambda x: layers.Dense(1)(layers.Dropout(0.5)(x))),
    "inner": (True, (4,), lambda x: inner(layers.Dense(3), layers.Dense(2))(x)),
    "inner that mixes": (False, (4,), lambda x: inner(layers.UnitNormalization(0))(x)),
    "rank": (False, (4,), lambda x: layers.Reshape(())(layers.Dense(1)(x))),
    "recurrent": (True, (4, 3), lambda x: layers.Dense(1)(layers.LSTM(2)(x))),
    "recurrent dropping": (False, (4, 3), lambda x: layers.LSTM(2, dropout=0.5)(x)),
    "masked inside": (True, (4, 3), lambda x: layers.Dense(1)(layers.GRU(2)(masked(x)))),
    "masked outputs": (False, (4, 3), lambda x: layers.Dense(1)(masked(x))),
    "masked words": (False, (4,), lambda x: layers.Embedding(9, 2, mask_zero=True)(x)),
    "spread": (False, (4,), spread),
    "user's activation": (False, (4,), lambda x: layers.Dense(2, less_the_mean)(x)),
    "user's function": (False, (4,), lambda x: layers.Activation(less_the_mean)(x)),
    "user's lambda": (False, (4,), lambda x: layers.Lambda(less_the_mean)(x)),
    "user's layer": (False, (4,), lambda x: UsersLayer()(x)),
    "user's call": (False, (4,), with_call),
    "activation of all": (False, (4,), lambda x: layers.Activation(ops.flip)(x)),
    "operations": (True, (4,), lambda x: layers.Dense(1)(ops.log(ops.square(x) + 1) * 0.5)),
}


UNKNOWN = {"activity"}  # Keras divides what such a regularizer gives by the size of the batch


def numbers(shape):
    x = np.random.default_rng(0).integers(0, 3, (ROWS, *shape)).astype(np.float32)
    return x + np.arange(ROWS, dtype=np.float32).reshape(ROWS, *[1] * len(shape)) // 5


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_known_if_its_validation_adds_up(name):
    known, shape, called = MODELS[name]
    model = graph(shape, called)
    x, y = numbers(shape), np.linspace(0, 1, ROWS, dtype=np.float32)[:, None]
    if len(model.output_shape) == 3:
        y = np.tile(y[:, None], (1, *model.output_shape[1:]))
    before = [np.asarray(variable) for variable in model.variables]
    same = adds_up(model, x, y[:, 0] if name == "rank" else y)
    after = [np.asarray(variable) for variable in model.variables]
    same = same and all(map(np.array_equal, before, after))
    assert same is (known or name in UNKNOWN)
    assert is_additive(model) is known


def test_several_outputs_are_not_known():
    """Keras reports the loss of each as the mean of all batches, however small the last one is."""
    losses = {"loss": {"one": "mse", "two": "mae"}, "metrics": {"one": ["mae"], "two": ["mse"]}}
    model = graph((4,), two_outputs, **losses)
    x, y = numbers((4,)), {name: numbers((1,)) ** 3 for name in ("one", "two")}
    parted, whole = (
        model.evaluate(x, y, batch_size=size, verbose=0, return_dict=True) for size in (3, ROWS)
    )
    differing = {name for name in whole if parted[name] != pytest.approx(whole[name], rel=1e-3)}
    assert differing == {"one_loss", "two_loss"}
    assert not is_additive(model)


def stateful(batch_size):
    inputs = keras.Input(batch_shape=(batch_size, 4, 3))
    model = keras.Model(inputs, layers.LSTM(2, stateful=batch_size is not None)(inputs))
    model.compile(**COMPILED)
    return model


def test_a_model_of_one_batch_size_is_not_known():
    assert is_additive(stateful(None))
    assert not is_additive(stateful(2))


def test_a_model_of_the_users_own_is_not_known():
    model = UsersModel([keras.Input((4,)), layers.Dense(1)])
    model.compile(**COMPILED)
    assert not is_additive(model)


@pytest.mark.parametrize("name", ["test_step", "compute_loss", "call", "evaluate", "test_function"])
def test_a_model_with_a_method_of_its_own_is_not_known(name):
    model = graph((4,), layers.Dense(1))
    assert is_additive(model)
    setattr(model, name, less_the_mean)
    assert not is_additive(model)


def test_half_precision_for_all_is_not_known(monkeypatch):
    model = graph((4,), layers.Dense(1))
    monkeypatch.setattr(keras.config, "floatx", lambda: "float16")
    assert not is_additive(model)


def test_keras_evaluates_as_its_test_step_does():
    model = graph((4,), lambda x: layers.Dense(2, activation="relu")(x))
    x, y = numbers((4,)), numbers((2,))
    assert is_additive(model)
    results = [model.evaluate(x, y, batch_size=size, verbose=0) for size in SIZES]
    np.testing.assert_allclose(results, [results[0]] * len(SIZES), rtol=1e-5)
