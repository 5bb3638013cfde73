"""What no attribute shows: other methods in a class, state that is hidden, other processes."""

import collections
import contextlib
import functools
import gc
import threading
import types
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from pipeline.frozen.sameness import UnreadableError, identity, settings, users_code
from tests.warm import elsewhere


def dense():
    keras.utils.set_random_seed(0)
    return layers.Dense(2)


def holding(value):
    layer = dense()
    layer.held = value
    return layer


class Users(layers.Dense):
    pass


class Held:
    pass


class Count(int):
    pass


def borrowed():
    """Return a class that says that it is Keras's."""
    kind = type("Dense", (layers.Dense,), {"call": lambda self, x: x})
    kind.__module__, kind.__qualname__ = layers.Dense.__module__, layers.Dense.__qualname__
    return kind


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def table():
    values = tf.lookup.KeyValueTensorInitializer(["a"], [1])
    return tf.lookup.StaticHashTable(values, 0)


def never_reset():
    metric = keras.metrics.Mean()
    metric.reset_state = len
    return metric


def with_random_operation():
    images = keras.Input((8, 8, 3))
    return keras.Model(images, keras.ops.image.elastic_transform(images))


UNREADABLE = {
    "random operation": with_random_operation,
    "metric that goes on": never_reset,
    "user's layer": lambda: Users(2),
    "borrowed class": lambda: borrowed()(2),
    "class of a type": lambda: types.new_class("Dense", (layers.Dense,))(2),
    "object": Held,
    "class": lambda: Held,
    "Keras's class": lambda: layers.Dense,
    "module": lambda: tf,
    "lock": threading.Lock,
    "generator": lambda: (one for one in [1]),
    "random numbers": lambda: np.random.default_rng(0),
    "older random numbers": lambda: np.random.RandomState(0),
    "table": table,
    "dataset": lambda: tf.data.Dataset.range(3),
    "iterator": lambda: iter([1]),
    "TensorFlow's variable": lambda: tf.Variable(1.0),
    "TensorFlow's module": tf.Module,
    "ragged tensor": lambda: tf.ragged.constant([[1], [1, 2]]),
    "tensor without a value": lambda: keras.Input((4,)),
    "queue": lambda: collections.deque([1]),
    "default": lambda: collections.defaultdict(list),
    "reference": lambda: weakref.ref(Held),
    "number with a class": lambda: Count(1),
    "set of objects": lambda: {Held()},
    "objects in an array": lambda: np.array([Held()], dtype=object),
    "masked array": lambda: np.ma.array([1, 2], mask=[0, 1]),
    "memory": lambda: memoryview(b"a"),
    "property": lambda: property(len),
    "partial": lambda: functools.partial(Held),
    "too deep": lambda: nested(5000),
}


@pytest.mark.parametrize("make", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_for_certain_is_unreadable(make):
    with pytest.raises(UnreadableError, match=" "):
        identity(make())


def test_users_classes_are_not_kept():
    kinds = [type("Users", (Held,), {}) for _ in range(2)]
    references = [weakref.ref(kind) for kind in kinds]
    for kind in kinds:
        with pytest.raises(UnreadableError):
            identity(kind())
    del kinds, kind
    gc.collect()
    assert [reference() for reference in references] == [None, None]


@pytest.mark.parametrize("name", ["object", "lock", "random numbers", "table", "dataset"])
def test_what_holds_it_is_unreadable_too(name):
    identity(holding([1]))
    with pytest.raises(UnreadableError):
        identity(holding([UNREADABLE[name]()]))


def test_what_goes_in_circles_is_read_once():
    def circle(value):
        layer, others = dense(), [value]
        others.append({"all": others, "call": functools.partial(other_call, others)})
        vars(layer).update(itself=layer, others=others)
        return layer

    assert identity(circle(1), names=False) == identity(circle(1), names=False)
    assert identity(circle(1), names=False) != identity(circle(2), names=False)


def other_call(self, inputs, training=None):
    return inputs * 2


def other_wrapped(kind):
    return functools.wraps(kind.call)(lambda self, inputs, training=None: inputs * 2)


PATCHES = {
    "method": lambda: ("call", other_call),
    "method with its name": lambda: ("call", other_wrapped(layers.Dense)),
    "Keras's method": lambda: ("call", layers.EinsumDense.call),
    "base's method": lambda: ("compute_mask", other_call),
    "partial": lambda: ("call", functools.partialmethod(other_call, training=True)),
    "property": lambda: ("compute_dtype", property(lambda self: "float16")),
    "class method": lambda: ("from_config", classmethod(other_call)),
    "static method": lambda: ("call", staticmethod(other_call)),
    "callable": lambda: ("call", functools.partial(other_call, None)),
    "constant": lambda: ("rank", 3),
}


@pytest.mark.parametrize("kind", [layers.Dense, keras.Layer])
@pytest.mark.parametrize("patch", PATCHES.values(), ids=PATCHES)
def test_a_method_that_was_patched_onto_a_class_counts(patch, kind, monkeypatch):
    before = identity(dense(), names=False)
    name, value = patch()
    monkeypatch.setattr(kind, name, value, raising=False)
    with contextlib.suppress(UnreadableError):
        assert identity(dense(), names=False) != before
    monkeypatch.undo()
    assert identity(dense(), names=False) == before


CALLBACKS = {
    "Keras's": (False, lambda: keras.callbacks.EarlyStopping()),
    "user's": (True, lambda: keras.callbacks.LambdaCallback(on_epoch_end=other_call)),
    "borrowed name": (
        True,
        lambda: keras.callbacks.LambdaCallback(on_epoch_end=other_wrapped(layers.Dense)),
    ),
    "partial": (
        True,
        lambda: keras.callbacks.LambdaCallback(on_epoch_end=functools.partial(other_call, None)),
    ),
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_a_callback_may_run_code_of_the_users(name):
    users, make = CALLBACKS[name]
    assert users_code(make()) is users


def test_a_function_that_was_patched_into_keras_counts(monkeypatch):
    before = identity(layers.Activation(keras.activations.tanh), names=False)
    patched = functools.wraps(keras.activations.tanh)(lambda x: x * 2)
    monkeypatch.setattr(keras.src.activations.activations, "tanh", patched)
    assert identity(layers.Activation(patched), names=False) != before


SETTINGS = {
    "floatx": lambda: keras.config.set_floatx("float64"),
    "epsilon": lambda: keras.config.set_epsilon(1e-3),
    "format": lambda: keras.config.set_image_data_format("channels_first"),
    "policy": lambda: keras.config.set_dtype_policy("mixed_bfloat16"),
    "attention": keras.config.disable_flash_attention,
}


@pytest.fixture
def as_before():
    config = keras.config
    held = config.floatx(), config.epsilon(), config.image_data_format()
    yield
    config.set_floatx(held[0])
    config.set_epsilon(held[1])
    config.set_image_data_format(held[2])
    config.set_dtype_policy("float32")
    config.enable_flash_attention()


@pytest.mark.parametrize("change", SETTINGS.values(), ids=SETTINGS)
def test_what_is_set_for_all_of_keras_counts(change, as_before):
    before = identity(settings())
    change()
    assert identity(settings()) != before


@pytest.mark.parametrize("apart", [False, True])
def test_values_that_are_kept_apart_do_not_count(apart):
    def told(*values):
        layer = layers.Dense(2, name="dense")
        layer.build((None, 2))
        layer.set_weights([np.full((2, 2), values[0]), np.full(2, values[1])])
        return identity(layer, values_apart=layer.weights if apart else [])

    assert (told(1, 2) == told(1, 3)) is apart
    assert (told(1, 2) == told(2, 2)) is apart


def test_seeds_are_in_variables():
    def told(seed, apart):
        layer = layers.Dropout(0.5, seed=7)
        layer.seed_generator.state.assign([seed, 0])
        return identity(layer, values_apart=layer.variables if apart else [], names=False)

    assert told(1, apart=True) == told(2, apart=True)
    assert told(1, apart=False) != told(2, apart=False)


def test_names_count_unless_they_do_not():
    one, other = layers.ReLU(name="one"), layers.ReLU(name="other")
    assert identity(one) != identity(other)
    assert identity(one, names=False) == identity(other, names=False)


def of_all_kinds():
    """Return objects of which Python or Keras order or number parts in each process anew."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    words = layers.StringLookup(vocabulary=["a", "b"])
    outputs = layers.Dense(1, activation="gelu")(layers.Dropout(0.5)(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.AdamW(), "mse", metrics=["mae", keras.metrics.AUC()])
    function = functools.partial(other_call, names=frozenset("abc"))
    return [model, words, {"b", "a", "c"}, function, np.array(["a"], dtype=object)]


def identity_of_all_kinds():
    return identity(of_all_kinds(), names=False)


def test_an_object_is_the_same_in_another_process():
    assert elsewhere(identity_of_all_kinds) == identity_of_all_kinds()
