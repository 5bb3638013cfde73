"""Batches of a split in an order that the seed and the epoch decide."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.datasets import Split
from pipeline.seeds import derive_seed


def steps(split: Split, batch_size: int) -> int:
    """Return how many batches an epoch has."""
    return math.ceil(len(split.y) / batch_size)


def shuffled(
    split: Split, batch_size: int, *, seed: int, initial_epoch: int, epochs: int
) -> tf.data.Dataset:
    """Return the batches of every epoch, one epoch after the other, each in an order of its own.

    Keras shuffles arrays with a generator that starts anew with every `fit`, so that a training
    that is continued would see other batches than one that was not interrupted. Here an epoch's
    order is a function of the seed and the epoch's number.

    Args:
        split: The examples.
        batch_size: Examples a batch; the last one of an epoch may have fewer.
        seed: Any integer.
        initial_epoch: Absolute number of the first epoch.
        epochs: Absolute number of the epoch before which the batches end.

    Returns:
        Pairs of inputs and targets, `steps(split, batch_size)` of them an epoch.
    """
    examples = keras.tree.map_structure(_tensor, (split.x, split.y))
    count = len(split.y)
    first = derive_seed(seed, "order") % 2**31

    def indices(epoch: tf.Tensor) -> tf.data.Dataset:
        seeds = tf.stack([tf.constant(first, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=seeds)
        starts = tf.data.Dataset.range(0, count, batch_size)
        return starts.map(lambda start: order[start : start + batch_size])

    def gather(batch: tf.Tensor) -> Any:
        return keras.tree.map_structure(lambda values: tf.gather(values, batch), examples)

    every = tf.data.Dataset.range(initial_epoch, epochs).flat_map(indices)
    return every.map(gather, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _tensor(values: np.ndarray) -> tf.Tensor:
    """Return an array as Keras feeds it: floating-point numbers in its own precision."""
    if np.issubdtype(values.dtype, np.floating):
        values = values.astype(keras.config.floatx(), copy=False)
    return tf.convert_to_tensor(values)
