"""What the searches train that are killed: made-up curves for most, a tiny real model for some.

Both fail by the same rule: hyperparameters of `luck` 3 raise at every other seed, so that the next
attempt may complete; 4 gives no finite objective at all; 5 loses every other epoch's.
"""

import math
import time
import zlib
from dataclasses import fields

import keras
import keras_tuner
import numpy as np

from pipeline.search import components
from pipeline.training.best_epoch import DivergedError, EpochListener
from pipeline.training.checkpoint import Checkpoint, TrainingState
from pipeline.training.results import TrainingResult
from pipeline.training.stopping import StopOf, never, raise_for
from pipeline.training.trainer import Execution, Trainer
from pipeline.training.weights import Weights

_INPUTS, _CLASSES = 13, 3  # of the dataset `wine`
_EPOCH_SECONDS = 0.02  # so that tracking gets to deliver while the search runs
_FORGETTING = 0.7  # of the weights a curve starts from, with each epoch


class Tiny(keras_tuner.HyperModel):
    """One layer; its hyperparameters decide how it is initialised and trained."""

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        rate = hp.Choice("rate", [0.001, 0.01, 0.1])
        scale = hp.Int("scale", 1, 4)
        if hp.Choice("optimizer", ["sgd", "adam"]) == "sgd":
            optimizer = keras.optimizers.SGD(rate, momentum=hp.Float("momentum", 0.0, 0.9, 0.3))
        else:
            optimizer = keras.optimizers.Adam(rate)
        luck = hp.Int("luck", 0, 5)
        if luck == 3 and np.random.random_sample() < 0.5:
            raise ValueError("out of luck")
        initializer = keras.initializers.RandomNormal(stddev=math.inf if luck == 4 else scale / 10)
        model = keras.Sequential(
            [
                keras.layers.Input((_INPUTS,)),
                keras.layers.Dense(_CLASSES, "softmax", kernel_initializer=initializer),
            ]
        )
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model


class MadeUpTrainer(Trainer):
    """Makes up the curve of an execution instead of training a model; the rest is a Trainer's.

    An epoch's logs are a function of its weights, and these of the hyperparameters, the seed and
    the weights of the epoch before: a wrong start, a wrong parent or a wrong epoch shows in all
    that follows. The weights fit the model of `Tiny`, so that the best one is really tested.
    """

    def train(
        self,
        execution: Execution,
        on_epoch_end: EpochListener,
        stop: StopOf = never,
    ) -> TrainingResult:
        values = execution.hyperparameters.values
        if values["luck"] == 3 and _first_random(execution.seed) < 0.5:
            raise ValueError("out of luck")
        checkpoint = Checkpoint(execution.checkpoint, execution.seed, self.checkpoint_seconds)
        weights = execution.weights or _made_up(values, execution.seed, -1)
        start = TrainingState({}, None, None, weights, [], stopped=False)
        state = checkpoint.load() or start
        for epoch, logs in state.logs.items():
            on_epoch_end(epoch, logs)
        if state.logs:
            raise_for(stop())
        for epoch in range(
            max(state.logs, default=execution.initial_epoch - 1) + 1, execution.epochs
        ):
            time.sleep(_EPOCH_SECONDS)
            state = self._next(state, values, execution.seed, epoch)
            on_epoch_end(epoch, state.logs[epoch])
            checkpoint.save(state)
            raise_for(stop())
        if state.best is None:
            raise DivergedError(f"{self.objective.name} was not a finite number at any epoch")
        metrics = state.logs[state.best_epoch]
        score = metrics[self.objective.name]
        return TrainingResult(score, state.best_epoch, metrics, state.best, state.logs)

    def _next(self, state: TrainingState, values: dict, seed: int, epoch: int) -> TrainingState:
        weights = _mixed(state.current, _made_up(values, seed, epoch))
        logs = {**state.logs, epoch: _logs(weights, values["luck"], epoch)}
        score = logs[epoch][self.objective.name]
        best = state.best_epoch
        is_best = math.isfinite(score) and (
            best is None or self.objective.better_than(score, logs[best][self.objective.name])
        )
        kept = (epoch, weights) if is_best else (best, state.best)
        return TrainingState(logs, *kept, weights, [], stopped=False)


def make_up_trainings() -> None:
    """Let the searches of this process make up their trainings."""
    make = components.make_trainer

    def make_trainer(*args) -> Trainer:
        made = make(*args)
        arguments = {one.name: getattr(made, one.name) for one in fields(made) if one.init}
        return MadeUpTrainer(**arguments)

    components.make_trainer = make_trainer


def _first_random(seed: int) -> float:
    """Return what `numpy.random` says first after `keras.utils.set_random_seed`."""
    return np.random.RandomState(seed % 2**32).random_sample()


def _made_up(values: dict, seed: int, epoch: int) -> Weights:
    told = sorted((name, value) for name, value in values.items() if not name.startswith("tuner/"))
    generator = np.random.default_rng([zlib.crc32(repr(told).encode()), seed % 2**32, epoch + 1])
    kernel = generator.normal(0, 0.3, (_INPUTS, _CLASSES)).astype("float32")
    return Weights((kernel, np.zeros(_CLASSES, "float32")), ())


def _mixed(before: Weights, new: Weights) -> Weights:
    pairs = zip(before.model, new.model, strict=True)
    return Weights(tuple(_FORGETTING * old + (1 - _FORGETTING) * other for old, other in pairs), ())


def _logs(weights: Weights, luck: int, epoch: int) -> dict[str, float]:
    kernel = weights.model[0].astype("float64")
    lost = luck == 4 or (luck == 5 and epoch % 2 == 1)
    return {
        "loss": float(np.abs(kernel).mean()),
        "accuracy": float(np.abs(np.sin(kernel.sum()))),
        "val_loss": math.nan if lost else float(np.square(kernel).sum()),
        "val_accuracy": float(np.abs(np.cos(kernel.sum()))),
    }
