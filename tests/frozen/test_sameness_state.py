"""Whatever an object holds counts, whether or not its configuration tells it."""

import functools

import keras
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from pipeline.frozen.sameness import identity


def model(change=lambda model, value: None, value=0, **compiled):
    """Return a small model, changed before it is compiled."""
    inputs = keras.Input((4,), name="given")
    hidden = layers.Dense(3, name="hidden")(inputs)
    made = keras.Model(inputs, layers.Dense(1, name="out")(hidden), name="made")
    change(made, value)
    made.compile(**({"optimizer": "adam", "loss": "mse", "metrics": ["mae"]} | compiled))
    return made


def with_layer(change):
    """Return what makes a model of which a layer is changed by a value."""
    return lambda value: model(lambda made, value: change(made.layers[1], value), value)


def with_attribute(name, *values, of=lambda layer: layer):
    return with_layer(lambda layer, value: setattr(of(layer), name, values[value]))


def with_model(name, *values):
    def make(value):
        made = model()
        setattr(made, name, values[value])
        return made

    return make


def compiled(**arguments):
    """Return what makes a model that is compiled with one of two values each."""

    def make(value):
        chosen = {name: values[value] for name, values in arguments.items()}
        return model(**{name: one() if callable(one) else one for name, one in chosen.items()})

    return make


def half_precision(make):
    def made(value):
        keras.config.set_dtype_policy("mixed_float16")
        return make(value)

    return made


def kernel(layer):
    return layer.kernel


def scaled(factor):
    return lambda x, *_: x * factor


def graph(build):
    """Return what makes a model whose outputs a function makes of its inputs and a value."""

    def make(value):
        inputs = keras.Input((4,), name="given")
        return keras.Model(inputs, build(inputs, value), name="made")

    return make


def in_order(x, value):
    both = [layers.Dense(4, name="one"), layers.ReLU(name="two")]
    for layer in both[:: (1, -1)[value]]:
        x = layer(x)
    return x


def shared(x, value):
    one, another = (layers.Dense(4, kernel_initializer="ones") for _ in range(2))
    return layers.Add()([one(x), (one, another)[value](ops.relu(x))])


def masked(x, value):
    mask = ops.ones((1, 4), dtype="bool") if value else None
    return layers.Softmax(name="softmax")(x, mask=mask)


def rematerialized(x, value):
    with keras.RematScope(mode=("full", "activations")[value]):
        return layers.Dense(2, name="dense")(x)


def adapted(kind, *data, **arguments):
    def make(value):
        layer = kind(**arguments)
        layer.adapt(np.array(data[value]))
        return layer

    return make


def with_vocabulary(kind, *words, **arguments):
    def make(value):
        layer = kind(**arguments)
        layer.set_vocabulary(words[value])
        return layer

    return make


def changed(kind, method, **arguments):
    """Return what makes a built layer that a method changes by a value."""

    def make(value):
        layer = kind(**arguments)
        layer.build((None, 4))
        getattr(layer, method)((1, 2)[value])
        return layer

    return make


def quantized(value):
    layer = layers.Dense(2, kernel_initializer="ones")
    layer.build((None, 4))
    layer.quantize(("int8", "float8")[value])
    return layer


def mapped(value):
    """Return a layer whose policy is found by its name."""
    bfloat16 = keras.DTypePolicy("bfloat16")
    policies = keras.dtype_policies.DTypePolicyMap("float32", {"here": bfloat16})
    layer = layers.Activation("tanh", dtype=policies, name=("here", "there")[value])
    layer.build((None, 4))
    return layer


def named_inputs(value):
    names = (("a", "b"), ("b", "a"))[value]
    inputs = [keras.Input((2,), name=name) for name in names]
    return keras.Model(inputs, layers.Subtract()(inputs))


def registered(value):
    def penalty(y_true, y_pred):
        return ops.mean(y_pred, axis=-1) * (1.0, 2.0)[value]

    keras.saving.get_custom_objects()["penalty"] = penalty
    return [model(loss="penalty"), model(metrics={"out": ["penalty"]})]


def excluding(value):
    optimizer = keras.optimizers.AdamW()
    optimizer.exclude_from_weight_decay(var_names=[("kernel", "bias")[value]])
    made = model(optimizer=optimizer)
    optimizer.build(made.trainable_variables)
    return made


ADAM = keras.optimizers.Adam
SCHEDULE = keras.optimizers.schedules.ExponentialDecay
LOSS = keras.losses.Huber
METRIC = keras.metrics.AUC
PAIRS = {
    "layer's attribute": with_attribute("use_bias", True, False),
    "layer's own attribute": with_attribute("user", 1, 2),
    "layer's activation": with_attribute("activation", ops.relu, ops.tanh),
    "layer's autocast": with_attribute("autocast", True, False),
    "layer's call": with_attribute("call", scaled(1.0), scaled(2.0)),
    "layer's build": with_attribute("build", scaled(1.0), scaled(2.0)),
    "layer's input specification": with_attribute(
        "input_spec", None, layers.InputSpec(axes={-1: 4})
    ),
    "layer's mask": with_attribute("supports_masking", True, False),
    "layer's policy": with_attribute("dtype_policy", "float32", "mixed_bfloat16"),
    "layer's regularizer": with_attribute("activity_regularizer", None, keras.regularizers.L2(0.1)),
    "layer's training": with_attribute("trainable", True, False),
    "layer's arguments": with_attribute("_call_has_training_arg", True, False),
    "variable's training": with_attribute("trainable", True, False, of=kernel),
    "variable's regularizer": with_attribute("regularizer", None, scaled(1.0), of=kernel),
    "variable's constraint": with_attribute("constraint", None, scaled(1.0), of=kernel),
    "variable's overwriting": with_attribute("overwrite_with_gradient", False, True, of=kernel),
    "variable's averages": with_attribute("_aggregation", "none", "mean", of=kernel),
    "model's attribute": with_model("user", [1], [2]),
    "model's training": with_model("trainable", True, False),
    "model's step": with_model("train_step", scaled(1.0), scaled(2.0)),
    "model's train function": with_model("train_function", scaled(1.0), scaled(2.0)),
    "model's test function": with_model("test_function", None, scaled(2.0)),
    "model's loss": with_model("compute_loss", scaled(1.0), scaled(2.0)),
    "eager": compiled(run_eagerly=(False, True)),
    "XLA": compiled(jit_compile=(False, True)),
    "loss": compiled(loss=("mse", "mae")),
    "loss's attribute": compiled(loss=(lambda: LOSS(1.0), lambda: LOSS(2.0))),
    "losses": compiled(loss=({"out": "mse"}, ["mse"])),
    "weights of losses": compiled(loss_weights=(1.0, 2.0)),
    "metrics": compiled(metrics=(["mae"], ["mae", "mse"])),
    "metric's attribute": compiled(metrics=(lambda: [METRIC(10)], lambda: [METRIC(20)])),
    "weighted metrics": compiled(metrics=(["mae"], None), weighted_metrics=(None, ["mae"])),
    "registered under a name": registered,
    "scaled loss": half_precision(compiled(auto_scale_loss=(True, False))),
    "optimizer": compiled(optimizer=("adam", "sgd")),
    "learning rate": compiled(optimizer=(lambda: ADAM(0.1), lambda: ADAM(0.2))),
    "callable rate": compiled(
        optimizer=(lambda: ADAM(scaled(0.1)), lambda: ADAM(scaled(0.2))),
    ),
    "schedule": compiled(
        optimizer=(lambda: ADAM(SCHEDULE(0.1, 9, 0.5)), lambda: ADAM(SCHEDULE(0.1, 9, 0.4)))
    ),
    "averages": compiled(optimizer=(lambda: ADAM(), lambda: ADAM(use_ema=True))),
    "accumulation": compiled(
        optimizer=[functools.partial(ADAM, gradient_accumulation_steps=n) for n in (2, 3)]
    ),
    "what decays": excluding,
    "order": graph(in_order),
    "shared": graph(shared),
    "mask": graph(masked),
    "argument": graph(lambda x, value: layers.Dropout(0.5, seed=1)(x, training=bool(value))),
    "array": graph(lambda x, value: x + np.array([1.0, 2.0, 3.0, 4.0 + value])),
    "tensor": graph(lambda x, value: ops.add(x, tf.constant([1.0, 2.0, 3.0, 4.0 + value]))),
    "part": graph(lambda x, value: x[:, value : value + 2]),
    "rematerialized": graph(rematerialized),
    "names of inputs": named_inputs,
    "policy by name": mapped,
    "quantized": quantized,
    "low rank": changed(layers.Dense, "enable_lora", units=2, kernel_initializer="ones"),
    "words": adapted(layers.StringLookup, ["a", "b"], ["a", "c"]),
    "words given": with_vocabulary(layers.StringLookup, ["a", "b"], ["b", "a"]),
    "numbers": adapted(layers.IntegerLookup, [1, 2], [1, 3]),
    "numbers given": with_vocabulary(layers.IntegerLookup, [1, 2], [2, 1]),
    "texts": adapted(layers.TextVectorization, ["a b"], ["a c"]),
    "texts given": with_vocabulary(layers.TextVectorization, ["a", "b"], ["b", "a"]),
    "bins": adapted(layers.Discretization, [1.0, 2, 3], [1.0, 2, 4], num_bins=2),
    "mean": adapted(layers.Normalization, [[1.0], [2.0]], [[1.0], [3.0]]),
    "array's values": lambda value: np.array([1, 2 + value]),
    "array's shape": lambda value: np.zeros([(2, 3), (3, 2)][value]),
    "array's type": lambda value: np.zeros(2, ["float32", "int32"][value]),
    "small type": lambda value: np.zeros(
        2, [ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2][value]
    ),
    "fields": lambda value: np.zeros(2, [("ab"[value], "i4")]),
    "words of an array": lambda value: np.array(["a", "bc"[value]], dtype=object),
    "order of a list": lambda value: [[1, 2], [2, 1]][value],
    "order of a dictionary": lambda value: [{"a": 1, "b": 2}, {"b": 2, "a": 1}][value],
    "list or tuple": lambda value: [[1], (1,)][value],
    "number or truth": lambda value: [1, True][value],
    "zero": lambda value: [0.0, -0.0][value],
    "set": lambda value: {"a", "bc"[value]},
    "sharing": lambda value: [[one := [1], one], [[1], [1]]][value],
    "quantizer": lambda value: keras.quantizers.AbsMaxQuantizer(axis=value),
    "policy": lambda value: keras.DTypePolicy(("mixed_float16", "float16")[value]),
    "quantized policy": lambda value: keras.dtype_policies.get(
        ("int8_from_float32", "float8_from_float32")[value]
    ),
    "slice": lambda value: slice(None, value),
}


@pytest.fixture(autouse=True)
def as_before():
    """Take back what is set for all of Keras."""
    yield
    keras.config.set_dtype_policy("float32")
    keras.saving.get_custom_objects().pop("penalty", None)


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("make", PAIRS.values(), ids=PAIRS)
def test_what_differs_is_not_the_same(make):
    def told(value):
        keras.utils.set_random_seed(0)
        return identity(make(value), names=False)

    first = told(0)
    assert first != told(1)
    assert first == told(0)
