"""What a training is fed: batches of examples, wherever they come from, epoch by epoch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import tensorflow as tf


class Epoch(Protocol):
    """The number of an epoch, which is not known before its batches are asked for."""

    def read_value(self) -> tf.Tensor:
        """Return it, an int64."""
        ...


@dataclass(frozen=True)
class Epochs:
    """The epochs of a training.

    Attributes:
        seed: What decides, with an epoch's number, the order of its examples.
        first: Absolute number of the first one.
        end: Absolute number of the one before which the training ends.
        exact: Whether the batches must end with each epoch, as the model may ask for more.
    """

    seed: int
    first: int
    end: int
    exact: bool = False


@dataclass(frozen=True)
class Feed:
    """What `keras.Model.fit` is given of examples.

    Attributes:
        x: Batches: of one epoch, each time that they are iterated, or of all epochs.
        steps_per_epoch: Where an epoch ends in the batches of all; None if they end themselves.
        callbacks: What gives each epoch its order; the first of a training's.
    """

    x: Any
    steps_per_epoch: int | None = None
    callbacks: Sequence[keras.callbacks.Callback] = ()


class AnyExamples(Protocol):
    """Examples that models are trained, validated or tested on, wherever they come from.

    A batch is what `keras.Model.fit` takes from a stream: `(x,)`, `(x, y)` or
    `(x, y, sample_weight)`.
    """

    def __len__(self) -> int:
        """Return how many examples an epoch has."""
        ...

    def steps(self, batch_size: int) -> int:
        """Return how many batches an epoch has."""
        ...

    def first(self, count: int) -> tuple[Any, ...]:
        """Return so many of the first examples, or all if there are fewer, as a batch."""
        ...

    def in_order(self, batch_size: int) -> Any:
        """Return the batches of one epoch, always in the same order, as Keras takes them."""
        ...

    def shuffled_once(self, batch_size: int, epoch: Epoch, *, seed: int) -> tf.data.Dataset:
        """Return the batches of one epoch, in an order of its own.

        Args:
            batch_size: Examples a batch; the last one may have fewer.
            epoch: Absolute number of the epoch; looked at whenever the batches begin.
            seed: Any integer.
        """
        ...

    def feed(self, batch_size: int, epochs: Epochs) -> Feed:
        """Return what `fit` is given to train on, each epoch in an order of its own.

        Args:
            batch_size: Examples a batch; the last one of an epoch may have fewer.
            epochs: Which epochs they are.
        """
        ...


def in_epoch(epoch: Epoch, made: Callable[[tf.Tensor], tf.data.Dataset]) -> tf.data.Dataset:
    """Return what is made of an epoch's number, which is looked at whenever it begins."""
    return tf.data.Dataset.range(1).map(lambda _: epoch.read_value()).flat_map(made)


def by_epoch(examples: AnyExamples, batch_size: int, *, seed: int) -> Feed:
    """Return batches that end with each epoch.

    Args:
        examples: What they are made of.
        batch_size: Examples a batch; the last one of an epoch may have fewer.
        seed: Any integer.
    """
    counted = EpochCounter()
    batches = examples.shuffled_once(batch_size, counted.epoch, seed=seed)
    return Feed(batches, callbacks=[counted])


class EpochCounter(keras.callbacks.Callback):
    """Knows the absolute number of the epoch that a training is in."""

    def __init__(self) -> None:
        super().__init__()
        self.epoch = tf.Variable(0, dtype=tf.int64, trainable=False)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Let the next batches be those of an epoch."""
        self.epoch.assign(epoch)
