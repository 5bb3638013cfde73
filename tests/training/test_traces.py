"""A model that is traced already is trained in place of an equal new one, and of no other."""

import gc
import weakref

import keras
import keras_tuner
import numpy as np
import pytest
from tensorflow.python.eager import context

from pipeline.datasets import wine
from pipeline.frozen.features import Features
from pipeline.journal.array_store import ArrayStore
from pipeline.training import throughput, traces
from pipeline.training.stopping import Stop
from pipeline.training.trainer import Execution, Trainer

DATASET = wine(validation_size=0.2, test_size=0.2, seed=0)


class Built(keras_tuner.HyperModel):
    """Builds what the hyperparameter `build` makes of the others."""

    def build(self, hp):
        values = dict(hp.values)
        return values.pop("build")(**values)


class Watch(keras.callbacks.Callback):
    """Notes the models that are trained, and calls a function of each when its training ends."""

    def __init__(self, at_end=lambda model: None) -> None:
        super().__init__()
        self.models, self._at_end = [], at_end

    def on_train_begin(self, logs=None):
        self.models.append(self.model)

    def on_train_end(self, logs=None):
        self._at_end(self.model)


def network(*, units=8, rate=0.3, activation="gelu", backbone=None, optimizer="adam", **compiled):
    inputs = keras.Input((13,))
    hidden = inputs / 100 if backbone is None else backbone(inputs)
    hidden = keras.layers.Dense(units, activation=activation)(hidden)
    hidden = keras.layers.Dropout(rate)(keras.layers.BatchNormalization()(hidden))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))
    arguments = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile(optimizer, **(arguments | compiled))
    return model


def sequential(learning_rate):
    layers = [keras.Input((13,)), keras.layers.Dense(3, activation="softmax")]
    model = keras.Sequential([*layers[:1], keras.layers.GaussianNoise(0.1), *layers[1:]])
    model.compile(keras.optimizers.SGD(learning_rate, 0.9), "sparse_categorical_crossentropy")
    return model


def make_trainer(watch=None, **arguments):
    """Return a trainer, and what watches it."""
    watch = watch or Watch()
    objective = keras_tuner.Objective("val_loss", "min")
    arguments = {"batch_size": 32, "callbacks": lambda: [watch]} | arguments
    return Trainer(Built(), DATASET, objective, **arguments), watch


def train(trainer, values, *, seed=1, start=0, epochs=3, **arguments):
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values = values
    execution = Execution(hyperparameters, seed, start, epochs, **arguments)
    return trainer.train(execution, lambda epoch, logs: None)


def assert_same(one, other):
    """Compare every epoch's metrics and all weights, bit by bit."""
    assert one.logs == other.logs
    assert one.score == other.score
    for name in ("model", "optimizer"):
        pairs = zip(getattr(one.weights, name), getattr(other.weights, name), strict=True)
        for mine, theirs in pairs:
            np.testing.assert_array_equal(mine, theirs)


@pytest.fixture(autouse=True)
def _policy():
    yield
    keras.config.set_dtype_policy("float32")  # a trainer sets it for all models that come after


@pytest.fixture
def features(tmp_path):
    return Features(
        dataset=DATASET,
        files=ArrayStore(tmp_path / "features", 10**8),
        max_bytes=10**8,
        half_precision=False,
        on_progress=lambda done, total: None,
        on_refusal=pytest.fail,
    )


def frozen_backbone():
    """Return a network that all models share."""
    inputs = keras.Input((13,))
    outputs = keras.layers.Dense(6, activation="relu")(keras.layers.Rescaling(0.01)(inputs))
    backbone = keras.Model(inputs, outputs)
    backbone.trainable = False
    return backbone


def optimized(make, **values):
    """Return hyperparameters of a network with an optimizer of two learning rates."""

    def build(learning_rate):
        return network(optimizer=make(learning_rate), **values)

    return lambda learning_rate: {"build": build, "learning_rate": learning_rate}


SAME_TRACE = {
    "adam": optimized(keras.optimizers.Adam),
    "momentum": optimized(lambda rate: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)),
    "moving averages": optimized(
        lambda rate: keras.optimizers.Adam(rate, use_ema=True, ema_momentum=0.5)
    ),
    "weight decay": optimized(lambda rate: keras.optimizers.AdamW(rate, weight_decay=0.1)),
    "accumulators": optimized(keras.optimizers.Adagrad),
    "several steps a call": optimized(keras.optimizers.Adam, steps_per_execution=2),
    "eager": optimized(keras.optimizers.Adam, run_eagerly=True),
    "a loss with its own arguments": optimized(
        keras.optimizers.Adam, loss=keras.losses.SparseCategoricalCrossentropy(ignore_class=2)
    ),
    "sequential": lambda rate: {"build": sequential, "learning_rate": rate},
}


@pytest.mark.sampled("moving averages")
@pytest.mark.parametrize("make", SAME_TRACE.values(), ids=SAME_TRACE)
def test_trains_as_a_new_model_does(make):
    trainer, watch = make_trainer()
    train(trainer, make(1e-2), seed=1)
    again = train(trainer, make(1e-3), seed=2)
    assert watch.models[0] is watch.models[1]
    assert_same(again, train(make_trainer()[0], make(1e-3), seed=2))


def test_mixed_precision_is_part_of_it():
    make = SAME_TRACE["adam"]
    trainer, watch = make_trainer(precision="mixed_bfloat16")
    train(trainer, make(1e-2), seed=1)
    again = train(trainer, make(1e-3), seed=2)
    assert watch.models[0] is watch.models[1]
    assert_same(again, train(make_trainer(precision="mixed_bfloat16")[0], make(1e-3), seed=2))


def test_tensorflow_has_no_further_functions():
    make, (trainer, _) = SAME_TRACE["adam"], make_trainer()
    train(trainer, make(1e-2), seed=1)
    traced = set(context.context().list_function_names())
    train(trainer, make(1e-3), seed=2)
    gc.collect()
    assert set(context.context().list_function_names()) <= traced


def test_the_head_on_a_frozen_part(features):
    make = optimized(keras.optimizers.Adam, backbone=frozen_backbone())
    trainer, watch = make_trainer(features=features)
    train(trainer, make(1e-2), seed=1)
    again = train(trainer, make(1e-3), seed=2)
    assert watch.models[0] is watch.models[1]
    assert_same(again, train(make_trainer(features=features)[0], make(1e-3), seed=2))


def test_another_frozen_part_is_another_model(features):
    trainer, watch = make_trainer(features=features)
    for backbone in (frozen_backbone(), frozen_backbone()):
        train(trainer, optimized(keras.optimizers.Adam, backbone=backbone)(1e-2))
    assert watch.models[0] is not watch.models[1]


@pytest.mark.thorough
def test_a_promotion_goes_on_from_its_parent():
    make, (trainer, watch) = SAME_TRACE["adam"], make_trainer()
    parent = train(trainer, make(1e-2), epochs=2)
    train(trainer, make(1e-3), seed=7, epochs=2)
    promotion = {"seed": 3, "start": 2, "epochs": 5, "weights": parent.weights}
    promoted = train(trainer, make(1e-2), **promotion)
    assert len({id(model) for model in watch.models}) == 1
    assert_same(promoted, train(make_trainer()[0], make(1e-2), **promotion))


@pytest.mark.thorough
def test_an_interrupted_training_goes_on(tmp_path):
    make, (trainer, _) = SAME_TRACE["adam"], make_trainer(checkpoint_seconds=0.0)
    train(trainer, make(1e-3), seed=7)
    values, path = make(1e-2), tmp_path / "checkpoint"
    told = []

    def stop():
        told.append(None)
        return Stop.INTERRUPT if len(told) == 2 else None

    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values = values
    execution = Execution(hyperparameters, 1, 0, 5, checkpoint=path)
    with pytest.raises(KeyboardInterrupt):
        trainer.train(execution, lambda epoch, logs: None, stop)
    train(trainer, make(1e-3), seed=8)
    went_on = trainer.train(execution, lambda epoch, logs: None)
    assert_same(went_on, train(make_trainer()[0], values, epochs=5))


def scaled(factor):
    """Return an activation whose configuration does not tell the factor."""

    def activation(x):
        return keras.ops.tanh(x) * factor

    return activation


class Scaled(keras.layers.Dense):
    """A layer whose configuration does not tell the factor."""

    def __init__(self, units, factor):
        super().__init__(units)
        self.factor = factor

    def call(self, x):
        return super().call(x) * self.factor


def scaled_loss(factor):
    def loss(y_true, y_pred):
        return factor * keras.losses.sparse_categorical_crossentropy(y_true, y_pred)

    return loss


def adapted(scale):
    layer = keras.layers.Normalization()
    layer.adapt(DATASET.train.x * scale)
    return layer


def after(layer):
    """Return a model in which a layer follows another that is trained."""
    inputs = keras.Input((13,))
    hidden = keras.layers.Dense(13)(inputs / 100)
    outputs = keras.layers.Dense(3, activation="softmax")(layer(hidden))
    model = keras.Model(inputs, outputs)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def decayed(excluded):
    optimizer = keras.optimizers.AdamW(1e-2, weight_decay=0.5)
    if excluded:
        optimizer.exclude_from_weight_decay(var_names=["kernel"])
    return network(optimizer=optimizer)


def partly_frozen(trained):
    model = network()
    model.layers[-1].trainable = trained
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def scheduled(steps):
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-1, steps, 0.5)
    return network(optimizer=keras.optimizers.Adam(schedule))


def marked(mark):
    model = network()
    model.mark = mark
    return model


OTHER_TRACE = {
    "units": lambda one: network(units=8 + one),
    "rate of dropout": lambda one: network(rate=0.3 + one / 10),
    "optimizer": lambda one: network(optimizer=("adam", "sgd")[one]),
    "its constants": lambda one: network(optimizer=keras.optimizers.Adam(1e-3, 0.9 - one / 10)),
    "its schedule": lambda one: scheduled(1 + 9 * one),
    "what it lets decay": decayed,
    "loss": lambda one: network(
        loss=keras.losses.SparseCategoricalCrossentropy(ignore_class=1 + one)
    ),
    "a function as loss": lambda one: network(loss=scaled_loss(1 + one)),
    "metrics": lambda one: network(metrics=["accuracy"][one:]),
    "what is trained": partly_frozen,
    "a function as activation": lambda one: network(activation=scaled(1 + one)),
    "a layer of the user's": lambda one: after(Scaled(13, 1.0 + one)),
    "a lambda": lambda one: after(keras.layers.Lambda(lambda x: x * (1 + one))),
    "what a layer has learnt before": lambda one: after(adapted(1 + one)),
    "what the user noted on it": marked,
}


@pytest.mark.sampled("what is trained")
@pytest.mark.parametrize("build", OTHER_TRACE.values(), ids=OTHER_TRACE)
def test_another_model_is_trained_itself(build):
    trainer, watch = make_trainer()
    train(trainer, {"build": lambda: build(0)})
    other = train(trainer, {"build": lambda: build(1)})
    assert watch.models[0] is not watch.models[1]
    assert_same(other, train(make_trainer()[0], {"build": lambda: build(1)}))


@pytest.mark.thorough
def test_another_number_of_steps_a_call_is_another_trace(monkeypatch):
    monkeypatch.setattr(throughput, "_FEW_STEPS", 20)
    make = SAME_TRACE["adam"]
    trainer, _ = make_trainer(callbacks=list)
    short = train(trainer, make(1e-2), epochs=2)
    long = train(trainer, make(1e-2), epochs=9)
    assert len(trainer.traces) == 2
    assert_same(short, train(make_trainer(callbacks=list)[0], make(1e-2), epochs=2))
    assert_same(long, train(make_trainer(callbacks=list)[0], make(1e-2), epochs=9))


def freeze(model):
    model.layers[-1].trainable = False


def note(model):
    model.noted = True


def start_later(model):
    model._initial_epoch = 2  # as Keras's BackupAndRestore does


CHANGES = {"freeze": freeze, "note": note, "start later": start_later}


@pytest.mark.sampled("freeze")
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_model_that_a_callback_has_changed_is_not_trained_again(change):
    make = SAME_TRACE["adam"]
    trainer, watch = make_trainer(Watch(at_end=change))
    train(trainer, make(1e-2), seed=1)
    again = train(trainer, make(1e-3), seed=2)
    assert watch.models[0] is not watch.models[1]
    assert_same(again, train(make_trainer()[0], make(1e-3), seed=2))


def test_a_model_whose_training_failed_is_not_trained_again():
    def fail(model):
        raise ValueError("no memory is left")

    make = SAME_TRACE["adam"]
    trainer, _ = make_trainer(Watch(at_end=fail))
    with pytest.raises(ValueError, match="no memory"):
        train(trainer, make(1e-2))
    assert len(trainer.traces) == 0


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("models", "size"),
    [(2, 1 << 28), pytest.param(16, 5000, marks=pytest.mark.thorough)],
)
def test_the_least_recently_trained_give_way(models, size, monkeypatch):
    """Such a network takes 2 kB, with what Adam keeps of it."""
    monkeypatch.setattr(traces, "_MOST_BYTES", size)
    trainer, _ = make_trainer(callbacks=list, traces=traces.Traces(models))
    died = []

    def build(units):
        model = network(units=units)
        weakref.finalize(model, died.append, units)
        return model

    for units in (8, 9, 8, 10):
        train(trainer, {"build": build, "units": units})
    gc.collect()
    assert len(trainer.traces) == 2
    assert set(died) == {8, 9}  # of 8, the second one was not needed


def nested_backbone(name):
    """Return what `frozen_backbone` does, with weights and a name of its own."""
    keras.utils.set_random_seed(7)
    backbone = frozen_backbone()
    backbone.name = name
    return backbone


def test_frozen_layers_of_another_name_are_another_model(features):
    """A callback may look for them by their name."""
    trainer, watch = make_trainer(features=features)
    for name in ("one", "other"):
        train(trainer, optimized(keras.optimizers.Adam, backbone=nested_backbone(name))(1e-2))
    assert watch.models[0] is not watch.models[1]


def mark_frozen_layer(model):
    model.layers[1].mark = "changed"


def test_a_model_whose_frozen_layer_a_callback_has_changed_is_not_trained_again(features):
    trainer, watch = make_trainer(Watch(at_end=mark_frozen_layer), features=features)
    train(trainer, optimized(keras.optimizers.Adam, backbone=frozen_backbone())(1e-2))
    assert len(trainer.traces) == 0
    assert isinstance(watch.models[0].layers[1], keras.Model)
