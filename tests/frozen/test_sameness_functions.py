"""A function is its code and all that it names; what may do more than compute is unreadable."""

import functools
import math
import operator
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from pipeline.frozen.sameness import UnreadableError, identity

FACTOR = 1.0
FACTORS = {"all": [1.0, 2.0]}
HUBER = keras.losses.Huber(1.0)


def with_globals(function, **names):
    """Return a copy of a function that finds other values under global names."""
    made = types.FunctionType(
        function.__code__,
        function.__globals__ | names,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    made.__qualname__, made.__module__ = function.__qualname__, function.__module__
    return made


def scaled(factor):
    def function(x):
        return ops.relu(x) * factor

    return function


def with_default(factor):
    def function(x, factor=factor):
        return x * factor

    return function


def with_keyword(factor):
    def function(x, *, factor=factor):
        return x * factor

    return function


def with_attribute(factor):
    def function(x):
        return x * function.factor

    function.factor = factor
    return function


def with_private_attribute(factor):
    def function(x):
        return x * function._factor

    function._factor = factor
    return function


def named(name):
    def function(x):
        return x

    function.__name__ = name  # as its metric is in the logs
    return function


def with_inner(factor):
    def inner(x):
        return x * factor

    def function(x):
        return [inner(one) for one in x]

    return function


def as_if_keras(function):
    """Let a function say that it is Keras's `relu`, as `functools.wraps` does."""
    return functools.wraps(keras.activations.relu)(with_globals(function))


def of_global(x):
    return x * FACTOR


def of_global_data(x):
    return x * FACTORS["all"][1]


def of_global_loss(y, p):
    return HUBER(y, p)


def of_global_function(x):
    return helper(x)


def helper(x):
    return x * FACTOR


def huber(delta):
    return with_globals(of_global_loss, HUBER=keras.losses.Huber(delta))


def ufunc(factor):
    return np.frompyfunc(lambda x: x * factor, 1, 1)


PAIRS = {
    "closure": scaled,
    "default": with_default,
    "keyword": with_keyword,
    "attribute": with_attribute,
    "private attribute": with_private_attribute,
    "name": lambda value: named(("mae", "rmse")[int(value) - 1]),
    "inner function": with_inner,
    "partial": lambda value: functools.partial(keras.activations.relu, negative_slope=value),
    "function in data": lambda value: {"all": [scaled(value)]},
    "global": lambda value: with_globals(of_global, FACTOR=value),
    "global data": lambda value: with_globals(of_global_data, FACTORS={"all": [0, value]}),
    "global loss": huber,
    "global function": lambda value: with_globals(of_global_function, helper=scaled(value)),
    "borrowed name": lambda value: as_if_keras(scaled(value)),
    "global of a borrowed name": lambda value: with_globals(as_if_keras(of_global), FACTOR=value),
    "helper of a borrowed name": lambda value: with_globals(
        of_global_function, helper=as_if_keras(scaled(value))
    ),
    "method": lambda value: keras.losses.Huber(value).call,
    "method of data": lambda value: [value].count,
    "array function": ufunc,
}


@pytest.mark.parametrize("make", PAIRS.values(), ids=PAIRS)
def test_another_function_is_not_the_same(make):
    try:
        assert identity(make(1.0)) != identity(make(2.0))
    except UnreadableError:
        return
    assert identity(make(1.0)) == identity(make(1.0))


@pytest.mark.parametrize("name", sorted(set(PAIRS) - {"array function"}))
def test_an_equal_function_is_the_same(name):
    assert identity(PAIRS[name](1.0)) == identity(PAIRS[name](1.0))


def test_where_code_was_written_makes_no_difference():
    sources = ["def function(x):\n    return x * 2", "\n\ndef function(x):\n    return x * 2"]
    functions = []
    for name, source in zip("ab", sources, strict=True):
        names = {}
        exec(compile(source, f"/{name}.py", "exec"), names)
        functions.append(names["function"])
    assert identity(functions[0]) == identity(functions[1])


def mathematics(y_true, y_pred):
    error = tf.square(tf.cast(y_true, tf.float32) - y_pred) + keras.config.epsilon()
    weight = ops.where(error > math.sqrt(2), 1.0, max(0.5, len("ab")))
    return tf.reduce_mean(ops.abs(error) * weight * tf.nn.softmax(y_pred), axis=-1)


def own_loss(y_true, y_pred):
    return keras.losses.Huber(0.5)(y_true, y_pred) + keras.losses.mean_squared_error(y_true, y_pred)


def enclosed_module():
    from keras import ops as operations

    def function(x):
        return operations.relu(x)

    return function


READABLE = {
    "mathematics": mathematics,
    "loss": own_loss,
    "module": enclosed_module(),
    "activation": keras.activations.gelu,
    "tensorflow": tf.nn.relu,
    "operator": operator.mul,
    "partial": functools.partial(tf.nn.leaky_relu, alpha=0.1),
    "array function": np.sqrt,
}


@pytest.mark.parametrize("function", READABLE.values(), ids=READABLE)
def test_mathematics_is_readable(function):
    assert identity(function) == identity(function)


@pytest.mark.parametrize("name", ["closure", "borrowed name", "global", "inner function"])
def test_users_functions_are_unreadable_where_none_is_wanted(name):
    with pytest.raises(UnreadableError, match="is not one of Keras's own"):
        identity(PAIRS[name](1.0), users_functions=False)
