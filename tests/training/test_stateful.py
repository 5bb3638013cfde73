"""Models of one batch size, and layers that remember the batch before."""

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers

from pipeline.datasets.batches import Examples
from pipeline.training.failures import SentenceError
from pipeline.training.trainer import Execution, Trainer
from tests.training import test_exact_training as exact

SIZE = 16  # the search's is another
VALIDATION = exact.DATASET.validation


def stateful(size=SIZE):
    inputs = keras.Input(batch_shape=(size, 4))
    hidden = layers.LSTM(3, stateful=True)(layers.Reshape((4, 1))(inputs))
    model = keras.Model(inputs, layers.Dense(1)(hidden))
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return model


def fixed():
    """A model that Keras gives smaller batches too, whose loss depends on them."""
    inputs = keras.Input(batch_shape=(SIZE, 4))
    model = keras.Model(inputs, layers.Dense(1)(inputs))
    model.compile(keras.optimizers.SGD(1e-4), keras.losses.MeanSquaredError("sum"))
    return model


class Resetting(keras.callbacks.Callback):
    """What a user of Keras adds."""

    def on_epoch_begin(self, epoch, logs=None):
        self.model.layers[2].reset_state()

    def on_test_begin(self, logs=None):
        self.model.layers[2].reset_state()


class Sizes(keras.callbacks.Callback):
    """Counts the steps of each epoch."""

    def __init__(self):
        super().__init__()
        self.steps = [0]

    def on_train_batch_end(self, batch, logs=None):
        self.steps[0] += 1


def test_stateful_layers_see_the_examples_in_order_and_begin_anew_with_each_pass():
    trainer = exact.make_trainer(features=exact.make_features())
    result = exact.train(trainer, {"build": stateful})
    again = exact.train(trainer, {"build": stateful})
    assert again.logs == result.logs  # whatever another training has left
    keras.utils.set_random_seed(1)
    plain = stateful()
    history = plain.fit(
        *(exact.DATASET.train.x, exact.DATASET.train.y),
        batch_size=SIZE,
        epochs=3,
        shuffle=False,
        validation_data=(VALIDATION.x, VALIDATION.y),
        callbacks=[Resetting()],
        verbose=0,
    ).history
    expected = [{name: history[name][epoch] for name in history} for epoch in range(3)]
    exact.assert_as_keras(result, expected)
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values = {"build": stateful}
    model = trainer.restore(hyperparameters, result.weights, seed=2)
    model.layers[2].reset_state()
    loss = model.evaluate(VALIDATION.x, VALIDATION.y, SIZE, verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(result.score, rel=1e-5)


def test_splits_that_cannot_be_parted_into_their_batches_are_refused():
    with pytest.raises(SentenceError, match=r"take batches of 24 rows alone, and the training spl"):
        exact.train(exact.make_trainer(), {"build": stateful, "size": 24})


@pytest.mark.parametrize("own_fit", [False, True])
def test_a_fixed_batch_size_is_that_of_the_training(own_fit):
    class Own(exact.Built):
        def fit(self, hp, model, *args, **kwargs):
            return model.fit(*args, **kwargs)

    sizes = Sizes()
    objective = keras_tuner.Objective("val_loss", "min")
    hypermodel = Own() if own_fit else exact.Built()
    trainer = Trainer(hypermodel, exact.DATASET, objective, exact.BATCH, callbacks=lambda: [sizes])
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values = {"build": fixed}
    result = trainer.train(Execution(hyperparameters, 1, 0, 2), lambda *_: None)
    steps = Examples.of(exact.DATASET.train).steps(SIZE)
    assert sizes.steps == [2 * steps]
    model = trainer.restore(hyperparameters, result.weights, seed=2)
    loss = model.evaluate(VALIDATION.x, VALIDATION.y, SIZE, verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(result.score, rel=1e-5)
    assert np.isfinite(loss)
