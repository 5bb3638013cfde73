"""Some sixty small models, losses, optimizers and callbacks of many kinds, to be trained both ways.

Each is a function of a learning rate, so that two trials of it are equal but for that.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np
from keras import callbacks as kc
from keras import layers, losses, metrics, optimizers, regularizers

from pipeline.datasets import Dataset, Split
from pipeline.preprocessing import Standardization

ROWS = 48


@dataclass(frozen=True)
class Animal:
    """A kind of model.

    Attributes:
        build: Returns a compiled model for a learning rate.
        data: Name of what it is trained on, in `DATA`.
        callbacks: Makes Keras callbacks.
        fast: What of it is reused or taken at once: of `trace`, `features`, `validation`, `adam`.
        epochs: How many it is trained.
    """

    build: Callable[[float], keras.Model]
    data: str = "numbers"
    callbacks: Callable[[], list[kc.Callback]] = field(default=list)
    fast: str = "trace validation adam"
    epochs: int = 3


def _dataset(name, x, y, classes=()):
    parts = [Split(x[rows], y[rows]) for rows in np.split(np.arange(len(y)), [ROWS, ROWS + 20])]
    task = "classification" if classes else "regression"
    statistics = Standardization.fit(np.zeros((2, 1), np.float32))
    return Dataset(name, task, *parts, classes, "made", statistics)


def _data():
    random, rows = np.random.default_rng(0), ROWS + 40
    numbers = random.normal(size=(rows, 4)).astype(np.float32)
    target = (numbers @ np.array([1, -2, 0.5, 3], np.float32)).astype(np.float32)
    tokens = random.integers(1, 9, size=(rows, 5))
    images = random.normal(size=(rows, 6, 6, 2)).astype(np.float32)
    series = random.normal(size=(rows, 5, 3)).astype(np.float32)
    labels = (target > 0).astype(np.int64) + (target > 2)
    return {
        "numbers": _dataset("numbers", numbers, target),
        "positive": _dataset("positive", numbers, np.abs(target) + 0.5),
        "signs": _dataset("signs", numbers, np.sign(target).astype(np.float32)),
        "classes": _dataset("classes", numbers, labels, ("a", "b", "c")),
        "tokens": _dataset("tokens", tokens, target),
        "images": _dataset("images", images, target),
        "series": _dataset("series", series, target),
    }


DATA = _data()


def sequential(*stack, shape=(4,), out=None, **compiled):
    """Return a function of a learning rate that builds a chain of fresh layers.

    Each of the stack is a function that makes a layer.
    """

    def build(rate):
        made = [one() for one in stack] or [layers.Dense(5, activation="tanh")]
        model = keras.Sequential([keras.Input(shape), *made, out() if out else layers.Dense(1)])
        return _compiled(model, rate, **compiled)

    return build


def _compiled(model, rate, optimizer=optimizers.Adam, **compiled):
    arguments = {"loss": "mse"} | compiled
    made = {k: v() if k in ("loss", "metrics") and callable(v) else v for k, v in arguments.items()}
    model.compile(optimizer(learning_rate=rate), **made)
    return model


def functional(body, shape=(4,), **compiled):
    """Return a function of a learning rate that builds a graph."""

    def build(rate):
        inputs = keras.Input(shape)
        return _compiled(keras.Model(inputs, body(inputs)), rate, **compiled)

    return build


def softmax():
    return layers.Dense(3, activation="softmax")


def frozen(make):
    """Return a function that makes a layer that is not trained; its weights are those of a seed."""

    def layer():
        made = make()
        made.trainable = False
        return made

    return layer


def residual(inputs):
    hidden = layers.Dense(4, activation="relu")(inputs)
    return layers.Dense(1)(layers.Add()([inputs, hidden]))


def shared(inputs):
    layer = layers.Dense(4, activation="tanh")
    return layers.Dense(1)(layers.Concatenate()([layer(inputs), layer(layer(inputs))]))


def with_operations(inputs):
    hidden = layers.Dense(4)(keras.ops.tanh(inputs) * 2.0 + 0.5)
    return layers.Dense(1)(keras.ops.maximum(hidden, 0.0))


def attention(inputs):
    hidden = layers.MultiHeadAttention(2, 3)(inputs, inputs)
    hidden = layers.LayerNormalization()(layers.Add()([inputs, hidden]))
    return layers.Dense(1)(layers.GlobalAveragePooling1D()(hidden))


def nested(inputs):
    inner_inputs = keras.Input((4,))
    inner = keras.Model(inner_inputs, layers.Dense(5, activation="relu")(inner_inputs))
    return layers.Dense(1)(inner(inputs))


class Scale(layers.Layer):
    """A layer of a user's."""

    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.factor


class OwnModel(keras.Model):
    """A subclassed model."""

    def __init__(self):
        super().__init__()
        self.hidden, self.out = layers.Dense(4, activation="relu"), layers.Dense(1)

    def call(self, x):
        return self.out(self.hidden(x))


class OwnStep(keras.Model):
    """A model with a training step of its own."""

    def train_step(self, data):
        logs = super().train_step(data)
        return {**logs, "twice": logs["loss"] * 2}


def own_step(rate):
    inputs = keras.Input((4,))
    return _compiled(OwnStep(inputs, layers.Dense(1)(inputs)), rate)


def log_ratio(y_true, y_pred):
    return keras.ops.mean(keras.ops.log(1 + keras.ops.square(y_true - y_pred)), axis=-1)


def impure(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred + 0 * np.random.normal()), axis=-1)


def batch_r2(y_true, y_pred):
    rest = keras.ops.sum(keras.ops.square(y_true - y_pred))
    return 1 - rest / (1e-6 + keras.ops.sum(keras.ops.square(y_true - keras.ops.mean(y_true))))


def wrapped(rate):
    inner = optimizers.AdamW(rate, weight_decay=0.1)
    inner.exclude_from_weight_decay(var_names=["bias"])
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.Dense(1)])
    model.compile(optimizers.LossScaleOptimizer(inner, initial_scale=256.0), "mse")
    return model


def scheduled(rate):
    schedule = optimizers.schedules.CosineDecay(0.05, 20)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile(optimizers.SGD(schedule), "mse")
    return model


def adapted(rate):
    normalization = layers.Normalization()
    normalization.adapt(DATA["numbers"].train.x)
    model = keras.Sequential([keras.Input((4,)), normalization, layers.Dense(3), layers.Dense(1)])
    return _compiled(model, rate)


def partly_frozen(rate):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.Dense(1)])
    model.layers[0].kernel.trainable = False
    return _compiled(model, rate)


def _optimizer(kind, **arguments):
    return lambda learning_rate: kind(learning_rate=learning_rate, **arguments)


def _dropped():
    return [layers.Dense(5, activation="relu"), layers.Dropout(0.3)]


def _lr(epoch, rate):
    return rate * 0.5


def _stop():
    return [kc.EarlyStopping("val_loss", patience=1, restore_best_weights=True)]


def _plateau():
    return [kc.ReduceLROnPlateau("val_loss", patience=0, factor=0.5, min_delta=10.0)]


SLOW = "validation adam"
ZOO = {
    # shapes of models
    "dense": Animal(sequential()),
    "dropout": Animal(sequential(lambda: layers.Dense(5), lambda: layers.Dropout(0.3))),
    "noise": Animal(sequential(lambda: layers.GaussianNoise(0.1), lambda: layers.Dense(4))),
    "batch normalization": Animal(sequential(lambda: layers.Dense(4), layers.BatchNormalization)),
    "layer normalization": Animal(sequential(lambda: layers.Dense(4), layers.LayerNormalization)),
    "group normalization": Animal(
        sequential(lambda: layers.Dense(4), lambda: layers.GroupNormalization(2))
    ),
    "spectral normalization": Animal(
        sequential(lambda: layers.SpectralNormalization(layers.Dense(4))),
        fast="trace validation adam",
    ),
    "parametric": Animal(sequential(lambda: layers.Dense(4), layers.PReLU)),
    "residual": Animal(functional(residual)),
    "shared layers": Animal(functional(shared)),
    "operations": Animal(functional(with_operations), fast="trace features validation adam"),
    "a model in a model": Animal(functional(nested)),
    "convolution": Animal(
        sequential(lambda: layers.Conv2D(3, 3), layers.Flatten, shape=(6, 6, 2)), "images"
    ),
    "separable convolution": Animal(
        sequential(
            lambda: layers.SeparableConv2D(3, 3), layers.GlobalMaxPooling2D, shape=(6, 6, 2)
        ),
        "images",
    ),
    "augmentation": Animal(
        sequential(
            lambda: layers.RandomFlip(),
            lambda: layers.Conv2D(2, 3),
            layers.Flatten,
            shape=(6, 6, 2),
        ),
        "images",
        fast="trace validation adam",
    ),
    "lstm": Animal(sequential(lambda: layers.LSTM(4), shape=(5, 3)), "series"),
    "gru with dropout": Animal(
        sequential(lambda: layers.GRU(4, dropout=0.2), shape=(5, 3)), "series", fast="trace adam"
    ),
    "bidirectional": Animal(
        sequential(lambda: layers.Bidirectional(layers.LSTM(3)), shape=(5, 3)), "series"
    ),
    "convolution of series": Animal(
        sequential(lambda: layers.Conv1D(3, 2), layers.GlobalMaxPooling1D, shape=(5, 3)), "series"
    ),
    "attention": Animal(functional(attention, (5, 3)), "series"),
    "embedding": Animal(
        sequential(lambda: layers.Embedding(10, 4), layers.Flatten, shape=(5,)), "tokens"
    ),
    "masked embedding": Animal(
        sequential(
            lambda: layers.Embedding(10, 4, mask_zero=True), lambda: layers.LSTM(3), shape=(5,)
        ),
        "tokens",
        fast="trace features validation adam",
    ),
    "normalization that was adapted": Animal(adapted, fast="trace features validation adam"),
    "preprocessing": Animal(
        sequential(lambda: layers.Rescaling(0.5), lambda: layers.Dense(4)),
        fast="trace features validation adam",
    ),
    "frozen layers": Animal(
        sequential(
            frozen(lambda: layers.Dense(6, "tanh", kernel_initializer=keras.initializers.Ones())),
            lambda: layers.Dense(3),
        ),
        fast="trace features validation adam",
    ),
    "frozen statistics": Animal(
        sequential(
            frozen(layers.BatchNormalization), lambda: layers.Dropout(0.2), lambda: layers.Dense(3)
        ),
        fast="trace features validation adam",
    ),
    "a frozen layer behind others": Animal(
        sequential(lambda: layers.Dense(4), frozen(lambda: layers.Dense(4)))
    ),
    "a frozen kernel": Animal(partly_frozen),
    "a user's layer": Animal(sequential(Scale), fast="adam"),
    "a user's model": Animal(lambda rate: _compiled(OwnModel(), rate), fast="adam"),
    "a user's step": Animal(own_step, fast="adam"),
    "a lambda": Animal(sequential(lambda: layers.Lambda(lambda x: x * 2)), fast="trace adam"),
    # losses and metrics
    "crossentropy": Animal(
        sequential(out=softmax, loss="sparse_categorical_crossentropy", metrics=["accuracy"]),
        "classes",
    ),
    "crossentropy of logits": Animal(
        sequential(
            out=lambda: layers.Dense(3),
            loss=lambda: losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=lambda: [metrics.SparseTopKCategoricalAccuracy(2)],
        ),
        "classes",
    ),
    "ignored class": Animal(
        sequential(
            out=softmax,
            loss=lambda: losses.SparseCategoricalCrossentropy(ignore_class=1),
        ),
        "classes",
        fast="trace adam",
    ),
    "huber": Animal(sequential(loss=lambda: losses.Huber(0.3))),
    "absolute error": Animal(sequential(loss="mae", metrics=["mse", "mape"])),
    "log cosh": Animal(sequential(loss=losses.LogCosh)),
    "poisson": Animal(
        sequential(out=lambda: layers.Dense(1, "softplus"), loss="poisson"), "positive"
    ),
    "hinge": Animal(sequential(loss=losses.Hinge), "signs"),
    "a sum": Animal(sequential(loss=lambda: losses.MeanSquaredError("sum")), fast="trace adam"),
    "regularized": Animal(
        sequential(lambda: layers.Dense(4, kernel_regularizer=regularizers.L2(0.01)))
    ),
    "constrained": Animal(
        sequential(lambda: layers.Dense(4, kernel_constraint=keras.constraints.MaxNorm(0.5)))
    ),
    "activity regularized": Animal(
        sequential(lambda: layers.Dense(4, activity_regularizer="l2")), fast="trace adam"
    ),
    "counting metrics": Animal(
        sequential(
            out=lambda: layers.Dense(1, "sigmoid"),
            metrics=lambda: [metrics.RootMeanSquaredError(), metrics.R2Score()],
        )
    ),
    "a metric of a batch": Animal(sequential(metrics=[batch_r2]), fast="trace adam"),
    "a user's loss": Animal(sequential(loss=lambda: log_ratio), fast="trace adam"),
    "a loss that is not pure": Animal(sequential(loss=lambda: impure), fast="adam"),
    "weighted loss": Animal(sequential(loss_weights=[0.25])),
    # optimizers
    "momentum": Animal(
        sequential(optimizer=_optimizer(optimizers.SGD, momentum=0.9, nesterov=True)),
        fast="trace validation",
    ),
    "rmsprop": Animal(sequential(optimizer=optimizers.RMSprop), fast="trace validation"),
    "adamax": Animal(sequential(optimizer=optimizers.Adamax), fast="trace validation"),
    "nadam": Animal(sequential(optimizer=optimizers.Nadam), fast="trace validation"),
    "ftrl": Animal(sequential(optimizer=optimizers.Ftrl), fast="trace validation"),
    "lion": Animal(sequential(optimizer=optimizers.Lion), fast="trace validation"),
    "amsgrad": Animal(
        sequential(optimizer=_optimizer(optimizers.Adam, amsgrad=True)), fast="trace validation"
    ),
    "averaged weights": Animal(
        sequential(optimizer=_optimizer(optimizers.Adam, use_ema=True, ema_momentum=0.9))
    ),
    "clipped": Animal(sequential(optimizer=_optimizer(optimizers.Adam, clipnorm=0.1))),
    "accumulated": Animal(
        sequential(optimizer=_optimizer(optimizers.Adam, gradient_accumulation_steps=2))
    ),
    "decay with exceptions, wrapped": Animal(wrapped),
    "a schedule": Animal(scheduled, fast="trace validation"),
    # how it is compiled, and callbacks
    "several steps a call": Animal(sequential(steps_per_execution=4)),
    "eager": Animal(sequential(run_eagerly=True), epochs=2),
    "compiled by XLA": Animal(sequential(jit_compile=True)),
    "early stopping": Animal(sequential(), callbacks=_stop, epochs=6),
    "plateau": Animal(sequential(), callbacks=_plateau, epochs=4),
    "a schedule in a callback": Animal(
        sequential(), callbacks=lambda: [kc.LearningRateScheduler(_lr)]
    ),
    "hooks of batches": Animal(
        sequential(),
        callbacks=lambda: [kc.LambdaCallback(on_test_batch_end=lambda batch, logs: None)],
        fast="trace adam",
    ),
    "swapped averages": Animal(
        sequential(optimizer=_optimizer(optimizers.Adam, use_ema=True)),
        callbacks=lambda: [kc.SwapEMAWeights(swap_on_epoch=True)],
    ),
    "nan is an end": Animal(sequential(), callbacks=lambda: [kc.TerminateOnNaN()]),
}
