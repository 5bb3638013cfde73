"""What a file would not keep of a model is found out before the first trial."""

import re

import keras
import keras_tuner
import numpy as np
import pytest
from keras import layers

from pipeline.evaluation.model_file import VerificationError, save_and_load
from pipeline.search.model_check import check_models
from pipeline.training.notices import Notices
from tests.frozen.test_exact_features import backbone
from tests.training import test_exact_training as exact


def checked(build):
    """Return what is told of a search whose hypermodel is a function of the hyperparameters."""
    hypermodel = exact.Built()
    hypermodel.build = build
    space = keras_tuner.HyperParameters()
    build(space)
    trainer = exact.make_trainer()
    object.__setattr__(trainer, "hypermodel", hypermodel)
    return check_models(trainer, space)


@keras.saving.register_keras_serializable(package="tests")
class Weighted(keras.losses.Loss):
    """A loss whose configuration lacks its factor."""

    def __init__(self, factor=1.0, **arguments):
        super().__init__(**arguments)
        self.factor = factor

    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1) * self.factor


@keras.saving.register_keras_serializable(package="tests")
class Shifting(layers.Layer):
    """A layer whose configuration lacks its shift."""

    def __init__(self, shift=0.0, **arguments):
        super().__init__(**arguments)
        self.shift = shift

    def get_config(self):
        return super().get_config()

    def call(self, x):
        return x + self.shift


class Unnamed(layers.Layer):
    """A layer that no file can be loaded with."""

    def call(self, x):
        return x


def unnamed_loss(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


def huber(hp):
    return exact.dense(loss=keras.losses.Huber(hp.Choice("delta", [1.0, 0.001])))


def weighted(hp):
    return exact.dense(loss=Weighted(hp.Float("factor", 1.0, 3.0)))


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda hp: exact.dense(metrics=["mae"]), None),
        (lambda hp: backbone(), None),
        (huber, "Keras 3.15.1 does not save delta of Huber: best_model.keras is given it"),
        (
            lambda hp: exact.dense(metrics=[keras.metrics.CosineSimilarity(axis=0)]),
            "does not save axis of CosineSimilarity",
        ),
        (
            weighted,
            r"without the loss, metrics and optimizer, as Weighted has factor=[123]\.\d+, but ",
        ),
        (
            lambda hp: exact.dense(loss=unnamed_loss),
            r"without the loss, metrics and optimizer: they cannot be loaded again .* decorate",
        ),
    ],
    ids=["all", "frozen", "huber", "similarity", "loss", "function"],
)
def test_what_is_saved_otherwise_is_told(build, told):
    sentences = checked(build)
    assert len(sentences) == (told is not None)
    assert told is None or re.search(told, sentences[0])


def test_a_model_that_cannot_be_loaded_is_refused():
    with pytest.raises(
        VerificationError, match=r"cannot be saved and loaded .*'Unnamed'.* decorate"
    ):
        checked(lambda hp: exact.dense(body=[Unnamed()]))


def test_a_model_that_predicts_something_else_is_refused():
    with pytest.raises(VerificationError, match="its predictions are different after it was saved"):
        checked(lambda hp: exact.dense(body=[Shifting(0.5)]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.losses.Huber(0.001),
        lambda: keras.losses.CosineSimilarity(axis=0),
    ],
    ids=["huber", "similarity"],
)
def test_what_keras_drops_of_its_own_losses_is_in_the_file(make, tmp_path):
    model = exact.dense(loss=make())
    loaded = save_and_load(model, tmp_path / "model.keras", Notices(pytest.fail))
    x, y = exact.DATASET.test.x, exact.DATASET.test.y[:, None]
    values = [float(one.compute_loss(x, y, np.asarray(one(x)))) for one in (model, loaded)]
    assert values[0] == pytest.approx(values[1], rel=1e-6)
    assert "get_config" not in vars(model.loss)
