"""Adam's steps in one pass are those of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipeline.training.fused_adam import fused

X = np.random.default_rng(0).normal(size=(64, 20)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")


def trained(optimizer, *, embedding=False, epochs=5, **compiled):
    """Train a network; return its weights and the optimizer's variables."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((20,))
    hidden = inputs
    if embedding:
        rows = keras.layers.Embedding(5, 3)(keras.ops.cast(inputs > 0, "int32"))
        hidden = keras.layers.Flatten()(rows)
    hidden = keras.layers.Dense(16, activation="relu")(hidden)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(hidden))
    model.compile(optimizer, "sparse_categorical_crossentropy", **compiled)
    model.fit(X, Y, batch_size=16, epochs=epochs, shuffle=False, verbose=0)
    return [variable.numpy() for variable in (*model.weights, *model.optimizer.variables)]


OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(1e-2),
    "other constants": lambda: keras.optimizers.Adam(1e-2, 0.5, 0.9, 1e-3),
    "weight decay": lambda: keras.optimizers.AdamW(1e-2, weight_decay=0.1),
    "clipped": lambda: keras.optimizers.Adam(1e-2, global_clipnorm=0.1),
    "averaged": lambda: keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.5),
    "accumulated": lambda: keras.optimizers.Adam(1e-2, gradient_accumulation_steps=2),
    "scheduled": lambda: keras.optimizers.Adam(
        keras.optimizers.schedules.ExponentialDecay(1e-1, 5, 0.5)
    ),
    "scaled": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(1e-2)),
}


@pytest.mark.sampled(every=5)
@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_the_same_but_for_rounding(make, eager):
    of = {"run_eagerly": eager, "epochs": 2 if eager else 5}  # slow steps and fast ones
    plain = trained(make(), **of)
    optimizer = make()
    with fused(optimizer):
        ours = trained(optimizer, **of)
    for one, other in zip(plain, ours, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)


def operations(optimizer):
    """Return the kinds of operations in the trace of a step."""
    variable = keras.Variable(np.ones((3, 2), "float32"))
    optimizer.build([variable])
    step = tf.function(lambda: optimizer.apply([tf.ones((3, 2))]))
    with fused(optimizer):
        graph = step.get_concrete_function().graph
    return {operation.type for operation in graph.get_operations()}


@pytest.mark.parametrize("make", [keras.optimizers.Adam, keras.optimizers.AdamW])
def test_one_operation(make):
    assert "ResourceApplyAdam" in operations(make())


class Slower(keras.optimizers.Adam):
    """An Adam that steps in a way of its own."""

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient, variable, learning_rate / 2)


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.optimizers.Adam(amsgrad=True),
        keras.optimizers.Nadam,
        keras.optimizers.SGD,
        Slower,
    ],
)
def test_others_are_left_alone(make):
    assert "ResourceApplyAdam" not in operations(make())


def test_sparse_gradients_are_left_to_keras():
    plain = trained(keras.optimizers.Adam(1e-2), embedding=True)
    with fused(optimizer := keras.optimizers.Adam(1e-2)):
        ours = trained(optimizer, embedding=True)
    for one, other in zip(plain, ours, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)


def test_a_distributed_model_is_left_to_keras():
    devices = tf.distribute.MirroredStrategy(["/cpu:0"])
    with devices.scope():
        plain = trained(keras.optimizers.Adam(1e-2))
    with devices.scope(), fused(optimizer := keras.optimizers.Adam(1e-2)):
        ours = trained(optimizer)
    for one, other in zip(plain, ours, strict=True):
        np.testing.assert_array_equal(one, other)


def test_nothing_is_left_on_the_optimizer():
    optimizer = keras.optimizers.Adam()
    before = set(vars(optimizer))
    with pytest.raises(ZeroDivisionError), fused(optimizer):
        raise ZeroDivisionError
    assert set(vars(optimizer)) == before
    with fused(None):
        pass
