"""Batches of examples, in an order that the seed and the epoch decide."""

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.datasets.feed import Epoch, Epochs, Feed, by_epoch, in_epoch
from pipeline.datasets.rows import Rows, is_in_a_file, read
from pipeline.datasets.splits import Split
from pipeline.datasets.structures import lies_in_a_file, mapped
from pipeline.seeds import derive_seed

_READS = 2  # batches that are read from a file at a time, while one is trained on


class Examples:
    """Inputs, targets and weights that are fed to many models; they become tensors once.

    A batch is what `keras.Model.fit` takes from a stream: `(x,)`, `(x, y)` or
    `(x, y, sample_weight)`.

    Args:
        x: Arrays with an example a row, in any structure that Keras takes. Those that lie in a file
            are read from there batch by batch.
        y: Targets, in a structure of arrays; None where there are none.
        sample_weight: Factors of the examples' losses, likewise.
    """

    def __init__(self, x: Any, y: Any = None, sample_weight: Any = None) -> None:
        # A list within a batch would be taken for one tensor by tf.data, as Keras knows too.
        self.x, self.y, self.sample_weight = (
            keras.tree.lists_to_tuples(one) for one in (x, y, sample_weight)
        )
        self._in_order: dict[int, tf.data.Dataset] = {}

    @classmethod
    def of(cls, split: Split) -> "Examples":
        """Return a split's, as Keras feeds arrays: floating-point numbers in its own precision."""
        given = (split.x, split.y, split.sample_weight)
        return cls(*(None if one is None else mapped(in_keras_precision, one) for one in given))

    def __len__(self) -> int:
        return len(keras.tree.flatten(self.x)[0])

    def steps(self, batch_size: int) -> int:
        """Return how many batches an epoch has."""
        return math.ceil(len(self) / batch_size)

    def rows(self, start: int, stop: int) -> tuple[Any, ...]:
        """Return the examples from one row up to another, as a batch."""
        return self._gather(tf.range(start, stop))

    def first(self, count: int) -> tuple[Any, ...]:
        """Return so many of the first examples, or all if there are fewer, as a batch."""
        return self.rows(0, min(count, len(self)))

    def inputs(self, start: int, stop: int) -> Any:
        """Return the inputs of the examples from one row up to another."""
        return self.rows(start, stop)[0]

    def in_order(self, batch_size: int) -> tf.data.Dataset:
        """Return the batches of one epoch, always in the same order."""
        if batch_size not in self._in_order:
            if batch_size >= len(self) and not lies_in_a_file(self.x):
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
            Batches, `steps(batch_size)` of them an epoch.
        """
        rows = functools.partial(self._rows_of_epoch, batch_size=batch_size, seed=seed)
        return self._fetch(tf.data.Dataset.range(initial_epoch, epochs).flat_map(rows))

    def feed(self, batch_size: int, epochs: Epochs) -> Feed:
        """Return the batches of all epochs, or of each if they must end with it."""
        if epochs.exact:
            return by_epoch(self, batch_size, seed=epochs.seed)
        order = {"seed": epochs.seed, "initial_epoch": epochs.first, "epochs": epochs.end}
        return Feed(self.shuffled(batch_size, **order), self.steps(batch_size))

    def shuffled_once(self, batch_size: int, epoch: Epoch, *, seed: int) -> tf.data.Dataset:
        """Return the batches of one epoch, in the order that `shuffled` gives it."""
        rows = functools.partial(self._rows_of_epoch, batch_size=batch_size, seed=seed)
        cardinality = tf.data.experimental.assert_cardinality(self.steps(batch_size))
        return self._fetch(in_epoch(epoch, rows)).apply(cardinality)

    def _rows_of_epoch(self, epoch: tf.Tensor, *, batch_size: int, seed: int) -> tf.data.Dataset:
        """Return the numbers of the examples of each batch of an epoch."""
        count = len(self)
        first = derive_seed(seed, "order") % 2**31
        seeds = tf.stack([tf.constant(first, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=seeds)
        starts = tf.data.Dataset.range(0, count, batch_size)
        return starts.map(lambda start: order[start : start + batch_size])

    def _fetch(self, rows: tf.data.Dataset) -> tf.data.Dataset:
        # There is nothing to tune, and the tuning takes 8 % of a small training.
        fixed = tf.data.Options()
        fixed.autotune.enabled = False
        at_a_time = _READS if lies_in_a_file(self.x) else None
        batches = rows.map(self._gather, num_parallel_calls=at_a_time)
        return batches.prefetch(2).with_options(fixed)

    def _gather(self, rows: tf.Tensor) -> tuple[Any, ...]:
        batch: tuple[Any, ...] = keras.tree.map_structure(lambda take: take(rows), self._sources)
        return batch

    @functools.cached_property
    def _sources(self) -> Any:
        """For each array of a batch, a function that returns some of its rows."""
        given = (self.x, self.y, self.sample_weight)
        count = next(i for i in (3, 2, 1) if i == 1 or given[i - 1] is not None)
        with tf.init_scope():  # the first to ask may be a function that is being traced
            return keras.tree.map_structure(_source, given[:count], none_is_leaf=False)


def _source(array: np.ndarray | Rows) -> Callable[[tf.Tensor], tf.Tensor]:
    if is_in_a_file(array):
        return functools.partial(_read, array)
    tensor = tf.convert_to_tensor(array)
    return lambda rows: tf.gather(tensor, rows)


def _read(array: np.ndarray | Rows, rows: tf.Tensor) -> tf.Tensor:
    values = tf.numpy_function(functools.partial(read, array), [rows], array.dtype)
    values = tf.ensure_shape(values, (None, *array.shape[1:]))
    return tf.cast(values, keras.config.floatx()) if values.dtype.is_floating else values


def in_keras_precision(values: np.ndarray | Rows) -> np.ndarray | Rows:
    """Return floating-point numbers in Keras's own precision, as Keras feeds those of arrays."""
    if isinstance(values, np.memmap | Rows) or not np.issubdtype(values.dtype, np.floating):
        return values
    return values.astype(keras.config.floatx(), copy=False)
