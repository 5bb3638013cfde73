"""Batches of examples, in an order that the seed and the epoch decide."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.datasets.splits import Split
from pipeline.seeds import derive_seed


class Examples:
    """Inputs and targets that are fed to many models; they become tensors once.

    Args:
        x: Arrays with an example a row, in any structure that Keras takes. Memory-mapped ones are
            read from the disk batch by batch.
        y: Targets.
    """

    def __init__(self, x: Any, y: np.ndarray) -> None:
        self.x = x
        self.y = y
        self._in_order: dict[int, tf.data.Dataset] = {}

    @classmethod
    def of(cls, split: Split) -> "Examples":
        """Return a split's, as Keras feeds arrays: floating-point numbers in its own precision."""
        return cls(*keras.tree.map_structure(_in_keras_precision, (split.x, split.y)))

    def __len__(self) -> int:
        return len(self.y)

    def steps(self, batch_size: int) -> int:
        """Return how many batches an epoch has."""
        return math.ceil(len(self) / batch_size)

    def first(self) -> Any:
        """Return the first example and its target, as a batch of one."""
        return self.rows(0, 1)

    def rows(self, start: int, stop: int) -> Any:
        """Return the examples from one row up to another, and their targets, as a batch."""
        return self._gather(tf.range(start, stop))

    def in_order(self, batch_size: int) -> tf.data.Dataset:
        """Return the batches of one epoch, always in the same order."""
        if batch_size not in self._in_order:
            if batch_size >= len(self) and not self._is_mapped:
                batches = tf.data.Dataset.from_tensors(self._gather(tf.range(len(self))))
            else:
                rows = tf.data.Dataset.range(len(self), output_type=tf.int32).batch(batch_size)
                batches = self._fetch(rows)
            self._in_order[batch_size] = batches
        return self._in_order[batch_size]

    def shuffled(
        self, batch_size: int, *, seed: int, initial_epoch: int, epochs: int
    ) -> tf.data.Dataset:
        """Return the batches of every epoch, one after the other, each in an order of its own.

        With a seed Keras 3.15 shows the examples in one order in all epochs, and without one in
        orders that no other process can repeat. Here an epoch's order is a function of the seed and
        the epoch's number, so that a training that is continued sees the batches of one that was
        not interrupted.

        Args:
            batch_size: Examples a batch; the last one of an epoch may have fewer.
            seed: Any integer.
            initial_epoch: Absolute number of the first epoch.
            epochs: Absolute number of the epoch before which the batches end.

        Returns:
            Pairs of inputs and targets, `steps(batch_size)` of them an epoch.
        """
        rows = functools.partial(self._rows_of_epoch, batch_size=batch_size, seed=seed)
        return self._fetch(tf.data.Dataset.range(initial_epoch, epochs).flat_map(rows))

    def shuffled_once(self, batch_size: int, epoch: tf.Variable, *, seed: int) -> tf.data.Dataset:
        """Return the batches of one epoch, in the order that `shuffled` gives it.

        Args:
            batch_size: Examples a batch; the last one may have fewer.
            epoch: Absolute number of the epoch, int64; looked at whenever the batches begin.
            seed: Any integer.
        """
        rows = functools.partial(self._rows_of_epoch, batch_size=batch_size, seed=seed)
        now = tf.data.Dataset.range(1).map(lambda _: epoch.read_value())
        cardinality = tf.data.experimental.assert_cardinality(self.steps(batch_size))
        return self._fetch(now.flat_map(rows)).apply(cardinality)

    def _rows_of_epoch(self, epoch: tf.Tensor, *, batch_size: int, seed: int) -> tf.data.Dataset:
        """Return the numbers of the examples of each batch of an epoch."""
        count = len(self)
        first = derive_seed(seed, "order") % 2**31
        seeds = tf.stack([tf.constant(first, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=seeds)
        starts = tf.data.Dataset.range(0, count, batch_size)
        return starts.map(lambda start: order[start : start + batch_size])

    def _fetch(self, rows: tf.data.Dataset) -> tf.data.Dataset:
        if self._is_mapped:
            batches = rows.map(self._gather, num_parallel_calls=tf.data.AUTOTUNE)
            return batches.prefetch(tf.data.AUTOTUNE)
        # There is nothing to tune in memory, and the tuning takes 8 % of a small training.
        fixed = tf.data.Options()
        fixed.autotune.enabled = False
        return rows.map(self._gather).prefetch(2).with_options(fixed)

    def _gather(self, rows: tf.Tensor) -> Any:
        return keras.tree.map_structure(lambda take: take(rows), self._sources)

    @functools.cached_property
    def _sources(self) -> Any:
        """For each array, a function that returns some of its rows."""
        with tf.init_scope():  # the first to ask may be a function that is being traced
            return keras.tree.map_structure(_source, (self.x, self.y))

    @property
    def _is_mapped(self) -> bool:
        return any(isinstance(array, np.memmap) for array in keras.tree.flatten(self.x))


class EpochByEpoch(keras.callbacks.Callback):
    """Batches that end with each epoch, for a model that may ask for more than an epoch has.

    Args:
        examples: What they are made of.
        batch_size: Examples a batch; the last one of an epoch may have fewer.
        seed: Any integer.
    """

    def __init__(self, examples: Examples, batch_size: int, *, seed: int) -> None:
        super().__init__()
        self._epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.batches = examples.shuffled_once(batch_size, self._epoch, seed=seed)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Let the next batches be those of an epoch."""
        self._epoch.assign(epoch)


def _source(array: np.ndarray) -> Callable[[tf.Tensor], tf.Tensor]:
    if isinstance(array, np.memmap):

        def read(rows: tf.Tensor) -> tf.Tensor:
            values = tf.numpy_function(lambda chosen: array[chosen], [rows], array.dtype)
            return tf.ensure_shape(values, (None, *array.shape[1:]))

        return read
    tensor = tf.convert_to_tensor(array)
    return lambda rows: tf.gather(tensor, rows)


def _in_keras_precision(values: np.ndarray) -> np.ndarray:
    floating = np.issubdtype(values.dtype, np.floating)
    return values.astype(keras.config.floatx(), copy=False) if floating else values
