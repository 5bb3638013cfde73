"""What models are compiled with in place of what their hypermodel says."""

import keras
import keras_tuner
import numpy as np
import pytest

from pipeline.configuration.config import Compile, ConfigError
from pipeline.search.compilation import make_compilation
from pipeline.search.model_check import check_models
from pipeline.training.trainer import Execution, Trainer
from tests.training.test_own_fit import DATASET, ROWS

VAL_LOSS = keras_tuner.Objective("val_loss", "min")


def absolute(y_true, y_pred, factor=1.0):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1) * factor


class TwoOutputs(keras_tuner.HyperModel):
    def build(self, hp):
        inputs = keras.Input((4,))
        outputs = {name: keras.layers.Dense(1, name=name)(inputs) for name in ("a", "b")}
        model = keras.Model(inputs, outputs)
        model.compile("sgd", {"a": "mse", "b": "mse"}, {"a": 1.0, "b": 0.25}, run_eagerly=True)
        return model


class Uncompiled(keras_tuner.HyperModel):
    def build(self, hp):
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])


class Compiled(Uncompiled):
    def build(self, hp):
        model = super().build(hp)
        model.compile("adam", "mse", metrics=["mae"], run_eagerly=True)
        return model


def node(optimizer=None, loss=None, metrics=None):
    return Compile(optimizer, loss, metrics)


def make_trainer(given, hypermodel=None):
    compiled_with = make_compilation(given)
    hypermodel = hypermodel or Compiled()
    return Trainer(hypermodel, DATASET, VAL_LOSS, ROWS, compiled_with=compiled_with)


def built(given, hypermodel=None):
    return make_trainer(given, hypermodel).build(keras_tuner.HyperParameters(), 1)


def loss_of(model):
    data = DATASET.validation
    return model.evaluate(data.x, data.y, verbose=0, return_dict=True)


def test_nothing_is_replaced_that_is_not_given():
    model = built(node())
    assert (type(model.optimizer), model.loss) == (keras.optimizers.Adam, "mse")
    assert loss_of(model).keys() == {"loss", "mae"}


def test_each_is_replaced_and_the_rest_is_kept():
    schedule = {
        "_target_": "keras.optimizers.schedules.CosineDecay",
        "initial_learning_rate": 0.5,
        "decay_steps": 9,
    }
    optimizer = {"_target_": "keras.optimizers.SGD", "learning_rate": schedule}
    model = built(node(optimizer=optimizer))
    assert type(model.optimizer) is keras.optimizers.SGD
    assert float(model.optimizer.learning_rate) == 0.5
    assert model.loss == "mse"
    assert loss_of(model).keys() == {"loss", "mae"}
    model = built(node(loss="mae", metrics=["mse", {"_target_": "keras.metrics.R2Score"}]))
    assert type(model.optimizer) is keras.optimizers.Adam
    assert model.run_eagerly
    values = loss_of(model)
    assert values.keys() == {"loss", "mse", "r2_score"}
    predicted = np.asarray(model(DATASET.validation.x))[:, 0]
    expected = np.abs(predicted - DATASET.validation.y).mean()
    assert values["loss"] == pytest.approx(expected, rel=1e-5)


def test_every_model_has_its_own():
    trainer = make_trainer(node({"_target_": "keras.optimizers.SGD"}, metrics=["mse"]))
    one, other = (trainer.build(keras_tuner.HyperParameters(), 1) for _ in range(2))
    assert one.optimizer is not other.optimizer
    execution = Execution(keras_tuner.HyperParameters(), 1, 0, 2)
    results = [trainer.train(execution, lambda *_: None) for _ in range(2)]
    assert results[0].logs == results[1].logs
    assert results[0].metrics.keys() == {"loss", "mse", "val_loss", "val_mse"}


def test_losses_of_several_outputs():
    model = built(node(loss={"a": "mae", "b": None}), TwoOutputs())
    targets = dict.fromkeys(("a", "b"), DATASET.validation.y)
    loss = model.evaluate(DATASET.validation.x, targets, verbose=0, return_dict=True)["loss"]
    predicted = np.asarray(model(DATASET.validation.x)["a"])[:, 0]
    assert loss == pytest.approx(np.abs(predicted - DATASET.validation.y).mean(), rel=1e-5)


@pytest.mark.parametrize(("arguments", "factor"), [({}, 1.0), ({"factor": 3.0}, 3.0)])
def test_a_function_of_the_users(arguments, factor):
    target = {"_target_": f"{__name__}.absolute", **arguments}
    values = loss_of(built(node(loss=target, metrics=["mae"])))
    assert values["loss"] == pytest.approx(factor * values["mae"], rel=1e-5)


def test_a_model_that_its_hypermodel_does_not_compile():
    model = built(node("sgd", "mse"), Uncompiled())
    assert model.compiled
    with pytest.raises(
        keras_tuner.errors.FatalError, match=r"give both compile\.optimizer and compile\.loss"
    ):
        check_models(make_trainer(node(loss="mse"), Uncompiled()), keras_tuner.HyperParameters())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            node(optimizer="adm"),
            r"compile\.optimizer=adm is not a Keras optimizer; did you mean 'Ad",
        ),
        (
            node(optimizer=["adam"]),
            r"compile\.optimizer must be one optimizer; received \['adam'\]",
        ),
        (node(optimizer={"name": "adam"}), "must be one optimizer; received {'name': 'adam'}"),
        (node(loss="hubr"), r"compile\.loss=hubr is not a Keras loss; did you mean 'huber'\?"),
        (node(loss={"a": "msee"}), r"compile\.loss\.a=msee is not a Keras loss"),
        (node(loss=3), r"compile\.loss must be a name that Keras knows.* received 3"),
        (node(metrics="mae"), r"compile\.metrics must be a list; received 'mae'"),
        (node(metrics=["accuracy", "f2"]), r"compile\.metrics\.1=f2 is not a Keras metric"),
        (
            node(optimizer={"_target_": "keras.optimizers.Sgd"}),
            r"compile\.optimizer: 'Sgd' of keras\.optimizers is not known; did you mean 'SGD'",
        ),
        (
            node(optimizer={"_target_": "keras.losses.Huber"}),
            "must name a Keras optimizer; received keras.losses.Huber",
        ),
        (
            node(loss={"_target_": "keras.losses.Huber", "dleta": 2}),
            r"compile\.loss\.dleta is not known; keras\.losses\.Huber allows: delta",
        ),
    ],
)
def test_what_cannot_be_is_answered_at_once(given, said):
    with pytest.raises(ConfigError, match=said):
        make_compilation(given)
