"""What the trainer gives is what plain Keras gives, where the fast ways would not."""

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from pipeline.datasets import Dataset, Split
from pipeline.datasets.batches import Examples
from pipeline.frozen.features import Features
from pipeline.journal.array_store import ArrayStore
from pipeline.preprocessing import Standardization
from pipeline.training.trainer import Execution, Trainer

BATCH = 8
ROWS = 80  # ten steps an epoch


def regression(rows=ROWS, others=32):
    random = np.random.default_rng(0)
    x = random.normal(size=(rows + 2 * others, 4)).astype(np.float32)
    y = (x @ np.array([1.0, -2.0, 0.5, 3.0], np.float32) + 100).astype(np.float32)
    numbers = np.split(np.arange(len(y)), [rows, rows + others])
    parts = [Split(x[part], y[part]) for part in numbers]
    return Dataset("made", "regression", *parts, (), "made", Standardization.fit(parts[0].x))


DATASET = regression()


class Built(keras_tuner.HyperModel):
    """Builds what the hyperparameter `build` makes of the others."""

    def build(self, hp):
        values = dict(hp.values)
        return values.pop("build")(**values)


def make_trainer(**arguments):
    objective = keras_tuner.Objective("val_loss", "min")
    return Trainer(Built(), DATASET, objective, **({"batch_size": BATCH} | arguments))


def train(trainer, values, *, seed=1, epochs=3):
    """Train, and return the result and the logs by epoch."""
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values = values
    return trainer.train(Execution(hyperparameters, seed, 0, epochs), lambda epoch, logs: None)


def plain(values, *, seed=1, epochs=3, callbacks=()):
    """Let plain Keras train the same, with the same order of examples, epoch by epoch."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    values = dict(values)
    model = values.pop("build")(**values)
    examples = Examples.of(DATASET.train)
    epoch_variable = tf.Variable(0, dtype=tf.int64)

    class Epochs(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            epoch_variable.assign(epoch)

    history = model.fit(
        examples.shuffled_once(BATCH, epoch_variable, seed=seed),
        epochs=epochs,
        shuffle=False,
        verbose=0,
        validation_data=(DATASET.validation.x, DATASET.validation.y),
        validation_batch_size=BATCH,
        callbacks=[Epochs(), *callbacks],
    )
    names = history.history
    return model, [{name: names[name][epoch] for name in names} for epoch in range(epochs)]


def assert_as_keras(result, expected, rel=1e-4):
    for received, wanted in zip(result.logs.values(), expected, strict=True):
        assert received == pytest.approx(wanted, rel=rel, abs=1e-5)


def dense(*, loss="mse", optimizer=None, change=lambda model: None, body=(), **compiled):
    inputs = keras.Input((4,))
    hidden = inputs
    for layer in body or [layers.Dense(6, activation="tanh")]:
        hidden = layer(hidden)
    model = keras.Model(inputs, layers.Dense(1)(hidden))
    change(model)
    model.compile(optimizer or keras.optimizers.Adam(0.05), loss, **compiled)
    return model


def after_another(build, **arguments):
    """Return what the second of two trials that differ in `value` gives, and what Keras gives."""
    trainer = make_trainer(**arguments)
    train(trainer, {"build": build, "value": 0})
    return train(trainer, {"build": build, "value": 1}), plain({"build": build, "value": 1})[1]


def excluded(value):
    optimizer = keras.optimizers.AdamW(0.05, weight_decay=0.9)
    if value:
        optimizer.exclude_from_weight_decay(var_names=["kernel", "bias"])
    return dense(optimizer=keras.optimizers.LossScaleOptimizer(optimizer))


def regularized(value):
    def change(model):
        model.layers[1].kernel.regularizer = keras.regularizers.L2((0.001, 1.0)[value])

    return dense(change=change)


def partly_trained(value):
    def change(model):
        model.layers[1].kernel.trainable = not value

    return dense(change=change)


def constrained(value):
    def change(model):
        model.layers[1].kernel.constraint = keras.constraints.MaxNorm((9.0, 0.1)[value])

    return dense(change=change)


def replaced_attribute(value):
    optimizer = keras.optimizers.SGD(0.001, momentum=0.5)
    optimizer.momentum = (0.5, 0.9)[value]
    return dense(optimizer=optimizer)


def replaced_method(value):
    optimizer = keras.optimizers.SGD(0.001)
    step = optimizer.update_step
    if value:
        optimizer.update_step = lambda g, v, rate: step(g * 0.1, v, rate)
    return dense(optimizer=optimizer)


def replaced_loss_method(value):
    loss = keras.losses.MeanSquaredError()
    call = loss.call
    loss.call = lambda y, p: call(y, p) * (1.0, 0.01)[value]
    return dense(loss=loss)


def replaced_metric_method(value):
    metric = keras.metrics.MeanAbsoluteError(name="mae")
    result = metric.result
    metric.result = lambda: result() * (1.0, 7.0)[value]
    return dense(metrics=[metric])


def with_alpha(value):
    def loss(y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1) * (1.0, 0.01)[value]

    return dense(loss=loss)


DROPPED = {
    "Huber's delta": lambda value: dense(loss=keras.losses.Huber((100.0, 0.001)[value])),
    "the axis of a loss": lambda value: dense(loss=keras.losses.CosineSimilarity((-1, 0)[value])),
    "the axis of a metric": lambda value: dense(
        metrics=[keras.metrics.CosineSimilarity(name="similarity", axis=(-1, 0)[value])]
    ),
    "what a wrapped optimizer lets decay": excluded,
    "a variable's regularizer": regularized,
    "whether a variable is trained": partly_trained,
    "a variable's constraint": constrained,
    "an optimizer's attribute": replaced_attribute,
    "an optimizer's method": replaced_method,
    "a loss's method": replaced_loss_method,
    "a metric's method": replaced_metric_method,
    "a function's closure": with_alpha,
}


@pytest.mark.sampled("a metric's method")
@pytest.mark.parametrize("build", DROPPED.values(), ids=DROPPED)
def test_a_trace_is_not_that_of_a_model_that_differs_in_what_keras_does_not_tell(build):
    assert_as_keras(*after_another(build))


def r_squared(y_true, y_pred):
    y_true = keras.ops.reshape(y_true, keras.ops.shape(y_pred))
    rest = keras.ops.sum(keras.ops.square(y_true - y_pred))
    return 1 - rest / keras.ops.sum(keras.ops.square(y_true - keras.ops.mean(y_true)))


def of_a_batch(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_pred - keras.ops.roll(y_true, 1, axis=0)))


BATCHED = {
    "a sum": lambda: dense(loss=keras.losses.MeanSquaredError(reduction="sum")),
    "a function of a batch as metric": lambda: dense(metrics=[r_squared]),
    "a loss that compares examples": lambda: dense(loss=of_a_batch),
    "a layer that mixes examples": lambda: dense(
        body=[layers.Dense(3), layers.Softmax(axis=0), layers.Dense(2)]
    ),
}


@pytest.mark.sampled("a layer that mixes examples")
@pytest.mark.parametrize("build", BATCHED.values(), ids=BATCHED)
def test_validation_is_batched_as_keras_does_where_the_batch_counts(build):
    assert_as_keras(train(make_trainer(), {"build": build}), plain({"build": build})[1])


class OwnTrainFunction(keras.Sequential):
    """Takes two batches a call, as some alternate between two losses."""

    def make_train_function(self, force=False):
        def function(iterator):
            self.train_step(next(iterator))
            return self.train_step(next(iterator))

        self.train_function = function


def own_train_function():
    model = OwnTrainFunction([keras.Input((4,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.001), "mse")
    return model


STEPS = {
    "more steps a call than divide an epoch": lambda: dense(steps_per_execution=8),
    "a train function of its own": own_train_function,
}


@pytest.mark.sampled("more steps a call than divide an epoch")
@pytest.mark.parametrize("build", STEPS.values(), ids=STEPS)
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_an_epoch_has_the_steps_that_keras_gives_it(build):
    result = train(make_trainer(), {"build": build}, epochs=4)
    model, expected = plain({"build": build}, epochs=4)
    assert int(result.weights.optimizer[0]) == int(model.optimizer.iterations) == 40
    assert_as_keras(result, expected)


def test_hooks_that_are_set_on_a_callback_are_called_for_every_batch():
    counts = {"train": 0, "test": 0}

    def count(name):
        def hook(batch, logs):
            counts[name] += 1

        return hook

    def callbacks():
        hooks = {f"on_{name}_batch_end": count(name) for name in counts}
        return [keras.callbacks.LambdaCallback(**hooks)]

    train(make_trainer(callbacks=callbacks), {"build": dense}, epochs=40)
    assert counts == {"train": 40 * 10, "test": 40 * 4}


class Noting(layers.Layer):
    """A layer of which no configuration can be made."""

    def __init__(self, factors, table):
        super().__init__()
        self.factors = factors
        self.table = table

    def call(self, x):
        return x * self.factors["all"]


def unserializable():
    return dense(body=[Noting({"all": 0.5}, object()), layers.Dense(3)])


def test_a_layer_without_a_configuration_is_trained():
    with_features = make_features()
    result = train(make_trainer(features=with_features), {"build": unserializable})
    assert_as_keras(result, plain({"build": unserializable})[1])


class Sampling(layers.Layer):
    """A layer that draws numbers also at inference."""

    def __init__(self):
        super().__init__()
        self.generator = keras.random.SeedGenerator(7)

    def call(self, x):
        return x + 0.1 * keras.random.normal(keras.ops.shape(x), seed=self.generator)


def sampling():
    return dense(body=[layers.Dense(3), Sampling()])


def test_a_model_is_shown_no_example_before_its_training():
    trainer = make_trainer(features=make_features())
    assert_as_keras(train(trainer, {"build": sampling}), plain({"build": sampling})[1])


def make_features(folder=None, refusals=None):
    return Features(
        dataset=DATASET,
        files=ArrayStore(folder, 10**8 if folder else 0),
        max_bytes=10**8,
        half_precision=False,
        on_progress=lambda done, total: None,
        on_refusal=(lambda _: None) if refusals is None else refusals.append,
    )
