"""A score is that of the weights that are kept, whoever exchanges them and when."""

import keras
import keras_tuner
import numpy as np
import pytest

from pipeline.training.notices import Notices
from pipeline.training.stopping import Stop
from pipeline.training.trainer import Execution, Trainer
from tests.training.test_own_fit import DATASET, ROWS, SEED

EPOCHS = 6
VALIDATION = DATASET.validation


class Averaged(keras_tuner.HyperModel):
    """A model whose error rises in the end, with an optimizer that may keep averages."""

    def build(self, hp):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(1)])
        optimizer = keras.optimizers.SGD(
            0.3, momentum=0.5, use_ema=hp.values.get("use_ema", True), ema_momentum=0.5
        )
        model.compile(optimizer, "mse", metrics=["mae"], run_eagerly=True)  # spares the trace
        return model


class OwnFit(Averaged):
    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, **kwargs)


class AtTheEnd(keras.callbacks.Callback):
    """A user's own: puts the mean of all epochs' weights into the model when it has trained."""

    def on_train_begin(self, logs=None):
        self.sums, self.count = None, 0

    def on_epoch_end(self, epoch, logs=None):
        weights = self.model.get_weights()
        self.sums = [a + b for a, b in zip(self.sums or weights, weights, strict=True)]
        self.count += 1

    def on_train_end(self, logs=None):
        self.model.set_weights([one / (self.count + 1) for one in self.sums])


class AtEachEpochsEnd(keras.callbacks.Callback):
    """A user's own: prunes after the validation."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.set_weights([np.round(one, 1) for one in self.model.get_weights()])


class Scored(keras.callbacks.Callback):
    """A user's own: scores what the model has at its turn."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_own"] = loss_of(self.model)


def loss_of(model):
    predicted = np.asarray(model(VALIDATION.x))[:, 0]
    return float(np.square(predicted - VALIDATION.y).mean())


def swapping(**arguments):
    return keras.callbacks.SwapEMAWeights(**arguments)


def make_trainer(callbacks, *, hypermodel=None, objective="val_loss", told=None):
    return Trainer(
        hypermodel or Averaged(),
        DATASET,
        keras_tuner.Objective(objective, "min"),
        ROWS,
        callbacks=callbacks,
        checkpoint_seconds=0.0,
        notices=Notices(print if told is None else told.append),
    )


def hyperparameters(**values):
    made = keras_tuner.HyperParameters()
    made.values = values
    return made


def train(trainer, values=None, **fields):
    fields = {"initial_epoch": 0, "epochs": EPOCHS} | fields
    execution = Execution(values or hyperparameters(), SEED, **fields)
    return trainer.train(execution, lambda epoch, logs: None)


def assert_scored(trainer, result, values=None):
    """Check that the weights kept give the score that was kept."""
    model = trainer.restore(values or hyperparameters(), result.weights, seed=1)
    assert loss_of(model) == pytest.approx(result.score, rel=1e-5)


def assert_averages_are_in(model):
    """Check that a model has its averages, as Keras leaves it after a training."""
    averages = [one for one in model.optimizer.variables if one.name.endswith("average")]
    for average, weight in zip(averages, model.trainable_weights, strict=True):
        np.testing.assert_allclose(average, weight, rtol=1e-5)


@pytest.mark.sampled("epoch-own fit")
@pytest.mark.parametrize("hypermodel", [Averaged(), OwnFit()], ids=["ordinary", "own fit"])
@pytest.mark.parametrize("arguments", [{}, {"swap_on_epoch": True}], ids=["validation", "epoch"])
def test_averages_that_are_validated(arguments, hypermodel):
    trainer = make_trainer(lambda: [swapping(**arguments)], hypermodel=hypermodel)
    result = train(trainer)
    assert result.score == min(logs["val_loss"] for logs in result.logs.values())
    assert result.metrics == result.logs[result.best_epoch]
    assert_scored(trainer, result)
    assert_averages_are_in(trainer.restore(hyperparameters(), result.weights, seed=1))
    promoted = train(trainer, weights=result.weights, initial_epoch=EPOCHS, epochs=EPOCHS + 2)
    assert_scored(trainer, promoted)


def test_averages_that_an_optimizer_leaves_at_the_end():
    trainer = make_trainer(list)
    result = train(trainer)
    keras.utils.set_random_seed(SEED)
    plain = Averaged().build(hyperparameters())
    plain.fit(DATASET.train.x, DATASET.train.y, batch_size=ROWS, epochs=EPOCHS, verbose=0)
    assert result.score == pytest.approx(loss_of(plain), rel=1e-3)
    assert result.score not in [logs["val_loss"] for logs in result.logs.values()]
    assert result.best_epoch == EPOCHS - 1
    assert result.metrics.keys() == result.logs[0].keys()
    assert_scored(trainer, result)


@pytest.mark.parametrize("use_ema", [False, True])
def test_what_a_callback_puts_in_at_the_end(use_ema):
    values = hyperparameters(use_ema=use_ema)
    trainer = make_trainer(lambda: [AtTheEnd()])
    result = train(trainer, values)
    keras.utils.set_random_seed(SEED)
    plain, data = Averaged().build(values), DATASET.train
    plain.fit(data.x, data.y, batch_size=ROWS, epochs=EPOCHS, callbacks=[AtTheEnd()], verbose=0)
    assert result.score == pytest.approx(loss_of(plain), rel=1e-3)
    assert_scored(trainer, result, values)


def test_what_a_callback_does_after_the_validation_is_not_scored():
    values = hyperparameters(use_ema=False)
    trainer = make_trainer(lambda: [AtEachEpochsEnd()])
    result = train(trainer, values)
    assert result.score == min(logs["val_loss"] for logs in result.logs.values())
    assert_scored(trainer, result, values)


@pytest.mark.parametrize("arguments", [{}, {"swap_on_epoch": True}], ids=["validation", "epoch"])
def test_an_objective_of_a_callback_is_of_what_it_saw(arguments):
    trainer = make_trainer(lambda: [swapping(**arguments), Scored()], objective="val_own")
    assert_scored(trainer, train(trainer))


def test_an_end_that_cannot_be_scored_is_told():
    told = []
    trainer = make_trainer(lambda: [Scored()], objective="val_own", told=told)
    assert_scored(trainer, train(trainer))
    assert [sentence.startswith("a callback exchanges the weights at") for sentence in told] == [1]


def test_early_stopping_restores_what_was_scored():
    def callbacks():
        return [keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)]

    values = hyperparameters(use_ema=False)
    trainer = make_trainer(callbacks)
    result = train(trainer, values)
    assert result.score == min(logs["val_loss"] for logs in result.logs.values())
    assert_scored(trainer, result, values)


@pytest.mark.sampled("callback")
@pytest.mark.parametrize("callbacks", [list, lambda: [AtTheEnd()]], ids=["optimizer", "callback"])
def test_a_training_whose_process_died_at_its_end_ends_the_same(callbacks, tmp_path):
    trainer, path = make_trainer(callbacks), tmp_path / "checkpoint-0.npz"
    whole, seen = train(trainer), []
    execution = Execution(hyperparameters(), SEED, 0, EPOCHS, checkpoint=path)
    with pytest.raises(KeyboardInterrupt):
        trainer.train(
            execution,
            lambda *epoch: seen.append(epoch),
            lambda: Stop.INTERRUPT if len(seen) == EPOCHS else None,
        )
    continued = train(trainer, checkpoint=path)
    assert continued.score == pytest.approx(whole.score, rel=1e-6)
    assert_scored(trainer, continued)


def test_the_final_model_has_the_averages():
    model = make_trainer(lambda: [swapping()]).retrain(hyperparameters(), epochs=3, seed=SEED)
    assert_averages_are_in(model)
