"""Functions that may do more than compute are unreadable."""

import functools
import io
import random
import threading
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.frozen.sameness import UnreadableError, identity
from tests.frozen.test_sameness_functions import as_if_keras, scaled, with_attribute

FACTOR = 1.0
COUNTER = iter(range(10**6))
MODULE = tf


def draws():
    return random.random()


def tells_the_time():
    return time.time()


def reads_a_file():
    return open("factor").read()  # noqa: PTH123


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
    import numpy as np
    import tensorflow as tf

    def draws(x):
        return x + tf.random.uniform([])

    def draws_within(x):
        return [one + np.random.normal() for one in x]

    def takes(x):
        return {"module": tf}

    return {"enclosed": draws, "enclosed deeply": draws_within, "enclosed whole": takes}


def defaults(x, tf=tf):
    return x + tf.random.uniform([])


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
