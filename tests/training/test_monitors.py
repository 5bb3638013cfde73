"""Callbacks that monitor a metric: wherever it comes from, and whatever sets the learning rate."""

import keras
import keras_tuner
import numpy as np
import pytest

from pipeline.training.best_epoch import ObjectiveNotFoundError
from pipeline.training.notices import Notices
from pipeline.training.trainer import Execution, Trainer
from tests.training.test_own_fit import ARGUMENTS, DATASET, ROWS, SEED

EPOCHS = 9
SCORES = [0.2, 0.5, 0.4, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4]  # the best one is the fourth
SCHEDULED = "ReduceLROnPlateau is left out: the learning rate follows a schedule"


class Ordinary(keras_tuner.HyperModel):
    def __init__(self, optimizer):
        super().__init__()
        self.optimizer = optimizer

    def build(self, hp):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
        model.compile(self.optimizer(), "mse", run_eagerly=True)  # spares the trace
        return model


class Scored(keras.callbacks.Callback):
    """A user's own, which reports a metric."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_f1"] = SCORES[epoch]
        logs["val_each"] = [0.0, 2 * SCORES[epoch]]


class Rates(keras.callbacks.Callback):
    """Notes the learning rate of each epoch."""

    def __init__(self):
        super().__init__()
        self.used = []

    def on_epoch_begin(self, epoch, logs=None):
        self.used.append(float(self.model.optimizer.learning_rate))


def stopping(monitor="val_f1"):
    return keras.callbacks.EarlyStopping(monitor, mode="max", patience=2)


def reducing(monitor="val_f1"):
    return keras.callbacks.ReduceLROnPlateau(monitor, factor=0.5, patience=1, mode="max")


def scheduled():
    return keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5))


def several():
    slow, fast = keras.optimizers.SGD(0.1), scheduled()
    return keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(slow, {".*bias": fast}))


def make_trainer(callbacks, *, hypermodel=None, objective="val_f1", told=None):
    return Trainer(
        hypermodel or Ordinary(lambda: keras.optimizers.SGD(0.1)),
        DATASET,
        keras_tuner.Objective(objective, "max" if objective != "val_loss" else "min"),
        ROWS,
        callbacks=callbacks,
        notices=Notices(print if told is None else told.append),
    )


def train(callbacks, **arguments):
    execution = Execution(keras_tuner.HyperParameters(), SEED, 0, EPOCHS)
    return make_trainer(callbacks, **arguments).train(execution, lambda epoch, logs: None)


def plain(callbacks, optimizer=lambda: keras.optimizers.SGD(0.1)):
    keras.utils.set_random_seed(SEED)
    model = Ordinary(optimizer).build(None)
    data = DATASET.train
    return model.fit(data.x, data.y, epochs=EPOCHS, callbacks=callbacks, **ARGUMENTS).history


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("behind", [True, False], ids=["behind", "before"])
@pytest.mark.parametrize("objective", ["val_f1", "val_each", "val_each_1"])
def test_a_metric_of_a_callback_wherever_it_stands(objective, behind):
    rates = Rates()

    def callbacks():
        monitors = [stopping(objective), reducing(objective)]
        return [*monitors, Scored(), rates] if behind else [Scored(), *monitors, rates]

    result = train(callbacks, objective=objective)
    expected = Rates()
    plain([Scored(), stopping(), reducing(), expected])
    assert rates.used == expected.used
    assert len(result.logs) == len(expected.used) == 6
    assert result.best_epoch == 3
    assert result.score == SCORES[3] * (2 if objective == "val_each_1" else 1)
    assert result.logs[5]["learning_rate"] == pytest.approx(expected.used[5])


def test_a_checkpoint_is_kept_of_the_best_epoch(tmp_path):
    kept = tmp_path / "{epoch}.keras"

    def callbacks():
        one = keras.callbacks.ModelCheckpoint(kept, "val_f1", save_best_only=True, mode="max")
        return [one, Scored()]

    train(callbacks, objective="val_loss")
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["1", "2", "4"]


def test_an_objective_that_nobody_reports_ends_after_the_first_epoch():
    """Keras's would warn that they miss it, which the tests take for an error."""
    with pytest.raises(
        ObjectiveNotFoundError, match=r"val_f2.*loss, val_each, val_each_0, val_eac"
    ):
        train(lambda: [stopping("val_f2"), reducing("val_f2"), Scored()], objective="val_f2")


def test_what_monitors_a_metric_that_keras_reports_stays_in_its_place():
    order = []

    class Last(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            order.append("learning_rate" in logs)

    train(lambda: [reducing("val_loss"), Last()], objective="val_loss")
    assert order == [True] * EPOCHS


@pytest.mark.sampled("several")
@pytest.mark.parametrize("optimizer", [scheduled, several])
def test_a_schedule_is_left_alone_with_one_line(optimizer):
    told = []

    def callbacks():
        return [keras.callbacks.ReduceLROnPlateau(patience=1, min_delta=1e9)]

    trainer = make_trainer(
        callbacks, hypermodel=Ordinary(optimizer), objective="val_loss", told=told
    )
    execution = Execution(keras_tuner.HyperParameters(), SEED, 0, EPOCHS)
    result = trainer.train(execution, lambda epoch, logs: None)
    expected = plain([], optimizer)
    losses = [logs["val_loss"] for logs in result.logs.values()]
    assert losses == pytest.approx(expected["val_loss"])
    assert told == [SCHEDULED]
    trainer.retrain(keras_tuner.HyperParameters(), epochs=2, seed=1)
    assert told == [SCHEDULED]


class OwnSchedule(Ordinary):
    """Compiles with a schedule in its own `fit`."""

    def fit(self, hp, model, *args, **kwargs):
        model.compile(scheduled(), "mse", run_eagerly=True)
        return model.fit(*args, **kwargs)


class OwnLoop(keras_tuner.HyperModel):
    """Trains in a loop of its own, without an optimizer."""

    def build(self, hp):
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])

    def fit(self, hp, model, x, y, *, epochs, validation_data, callbacks, **kwargs):
        told = keras.callbacks.CallbackList(callbacks, model=model, epochs=epochs)
        told.on_train_begin()
        x_val, y_val = validation_data
        for epoch in range(epochs):
            told.on_epoch_begin(epoch)
            weights = np.linalg.lstsq(x, y, rcond=1.0 / (epoch + 1))[0]
            model.set_weights([weights[:, None], np.zeros(1)])
            error = np.square(np.asarray(model(x_val))[:, 0] - y_val).mean()
            told.on_epoch_end(epoch, {"val_loss": error})
        told.on_train_end()
        return error


@pytest.mark.parametrize(
    ("hypermodel", "said"),
    [
        (OwnSchedule(lambda: "sgd"), SCHEDULED),
        (OwnLoop(), "ReduceLROnPlateau is left out: its model has no optimizer"),
    ],
)
def test_no_default_callback_breaks_a_fit_of_its_own(hypermodel, said):
    told = []

    def callbacks():
        stop = keras.callbacks.EarlyStopping(patience=4)
        return [stop, keras.callbacks.ReduceLROnPlateau(patience=1, min_delta=1e9)]

    result = train(callbacks, hypermodel=hypermodel, objective="val_loss", told=told)
    assert result.score == min(logs["val_loss"] for logs in result.logs.values())
    assert told == [said]
