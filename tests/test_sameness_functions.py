"""A function is its code and all that it names; what may do more than compute is unreadable."""

import functools
import io
import math
import operator
import random
import threading
import time
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from pipeline.sameness import UnreadableError, identity

FACTOR = 1.0
FACTORS = {"all": [1.0, 2.0]}
HUBER = keras.losses.Huber(1.0)
COUNTER = iter(range(10**6))
MODULE = tf


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


@pytest.mark.parametrize("name", set(PAIRS) - {"array function"})
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


def draws():
    return random.random()


def tells_the_time():
    return time.time()


def reads_a_file():
    return open("factor").read()


def changes_a_global():
    global FACTOR
    FACTOR += 1


def changes_an_attribute(x):
    x.factor = 2


def imports():
    import pipeline

    return pipeline


def names_a_module():
    return MODULE


def goes_on():
    return next(COUNTER)


def goes_on_by_a_method():
    return COUNTER.__next__()


def draws_by_keras(x):
    return keras.random.dropout(x, 0.5)


def draws_by_tensorflow(x):
    return x + tf.random.uniform([])


def drops_by_tensorflow(x):
    return tf.nn.dropout(x, 0.5)


def draws_by_numpy(x):
    return x + np.random.normal()


def makes_a_layer(x):
    return keras.layers.Dropout(0.5)(x)


def names_what_is_not_there():
    return nowhere  # noqa: F821


def enclosing(value):
    def function():
        return value

    return function


def counts_in_a_closure():
    count = 0

    def function(x):
        nonlocal count
        count += 1
        return x * count

    return function


def without_a_value():
    def function():
        return later

    if FACTOR == 0:
        later = 1
    return function


def enclosed_modules():
    import numpy as arrays
    import tensorflow as tensors

    def draws(x):
        return x + tensors.random.uniform([])

    def draws_within(x):
        return [one + arrays.random.normal() for one in x]

    def takes(x):
        return dict(tensors=tensors)

    return {"enclosed": draws, "enclosed deeply": draws_within, "enclosed whole": takes}


def defaults(x, tensors=tf):
    return x + tensors.random.uniform([])


class Callable:
    def __call__(self, x):
        return x

    def method(self, x):
        return x


@keras.saving.register_keras_serializable("tests")
class Constant(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return y_pred


OTHERS = [draws, tells_the_time, reads_a_file, changes_a_global, changes_an_attribute, imports]
OTHERS += [names_a_module, goes_on, goes_on_by_a_method, draws_by_keras, draws_by_tensorflow]
OTHERS += [drops_by_tensorflow, draws_by_numpy, makes_a_layer, names_what_is_not_there]
UNREADABLE = {function.__name__: function for function in OTHERS} | {
    **enclosed_modules(),
    "borrowed": as_if_keras(draws),
    "module as a default": defaults,
    "count in a closure": counts_in_a_closure(),
    "closure without a value": without_a_value(),
    "clock": enclosing(time.time),
    "clock itself": time.time,
    "file": enclosing(open),
    "open file": enclosing(io.StringIO("a")),
    "generator": enclosing(np.random.default_rng(0)),
    "generator's method": enclosing(np.random.default_rng(0).normal),
    "Python's generator": enclosing(random.random),
    "iterator": enclosing(iter([1, 2])),
    "layer's class": enclosing(keras.layers.Dropout),
    "generator's class": enclosing({"make": keras.random.SeedGenerator}),
    "random function": enclosing(tf.random.uniform),
    "random activation": functools.partial(keras.random.dropout, rate=0.5),
    "TensorFlow's random activation": functools.partial(tf.nn.dropout, rate=0.5),
    "compiled function": tf.function(scaled(1.0)),
    "callable": Callable(),
    "method": Callable().method,
    "user's loss": Constant(),
    "remembering": functools.lru_cache(scaled(1.0)),
    "attribute": with_attribute(threading.Lock()),
}


@pytest.mark.parametrize("function", UNREADABLE.values(), ids=UNREADABLE)
def test_what_may_do_more_than_compute_is_unreadable(function):
    with pytest.raises(UnreadableError, match=" "):
        identity(function)


@pytest.mark.parametrize("name", ["closure", "borrowed name", "global", "inner function"])
def test_users_functions_are_unreadable_where_none_is_wanted(name):
    with pytest.raises(UnreadableError, match="is not one of Keras's own"):
        identity(PAIRS[name](1.0), users_functions=False)
