"""Examples of every kind, as they are fed to many models: `examples_of` says how."""

import functools
import itertools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.datasets.batches import Examples
from pipeline.datasets.feed import AnyExamples, Epoch, Epochs, Feed, by_epoch
from pipeline.datasets.py_datasets import PyDatasetExamples
from pipeline.datasets.sources import PyDatasetSource
from pipeline.datasets.splits import Split
from pipeline.datasets.streamed import StreamedExamples
from pipeline.datasets.streams import Data, Stream


def examples_of(data: Data) -> AnyExamples:
    """Return examples as they are fed to many models."""
    if isinstance(data, Split):
        return Examples.of(data)
    if isinstance(data, Stream):
        is_python = isinstance(data.source, PyDatasetSource)
        return PyDatasetExamples(data) if is_python else StreamedExamples(data)
    first, second = examples_of(data.first), examples_of(data.second)
    if (
        isinstance(first, PyDatasetExamples)
        and isinstance(second, PyDatasetExamples)
        and _are_weighted(data.first) == _are_weighted(data.second)
    ):
        return first.followed_by(second)
    return JoinedExamples(first, second)


def _are_weighted(data: Split | Stream) -> bool:
    return data.first(1).sample_weight is not None


class JoinedExamples:
    """Examples of two kinds, as `AnyExamples`: in each epoch those of the second come last.

    Where those of one kind alone have weights, each of the other has the weight 1.

    Args:
        first: They are in another order in every epoch.
        second: They are in one order in all epochs.
    """

    def __init__(self, first: AnyExamples, second: AnyExamples) -> None:
        self._first = first
        self._second = second

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def steps(self, batch_size: int) -> int:
        """Return how many batches an epoch has."""
        return self._first.steps(batch_size) + self._second.steps(batch_size)

    def first(self, count: int) -> tuple[Any, ...]:
        """Return so many of the first examples of the first kind, as a batch."""
        return self._first.first(count)

    def in_order(self, batch_size: int) -> tf.data.Dataset:
        """Return the batches of one epoch, always in the same order."""
        return self.shuffled_once(batch_size, _FirstEpoch(), seed=0)

    def shuffled_once(self, batch_size: int, epoch: Epoch, *, seed: int) -> tf.data.Dataset:
        """Return the batches of one epoch."""
        first = self._first.shuffled_once(batch_size, epoch, seed=seed)
        second = self._second.shuffled_once(batch_size, _FirstEpoch(), seed=seed)
        first = _weighted_like(first, second.element_spec)
        second = _weighted_like(second, first.element_spec)
        cast = functools.partial(keras.tree.map_structure, _cast, first.element_spec)
        return first.concatenate(second.map(lambda *batch: cast(batch)))

    def feed(self, batch_size: int, epochs: Epochs) -> Feed:
        """Return batches that end with each epoch."""
        return by_epoch(self, batch_size, seed=epochs.seed)


class PassCounter:
    """The number of an epoch, of a training that says nothing of its epochs: each pass is one.

    Args:
        first: Absolute number of the first epoch.
    """

    def __init__(self, first: int) -> None:
        self._passes = itertools.count(first)

    def read_value(self) -> tf.Tensor:
        """Return the number of the pass that begins, an int64."""
        counted = tf.numpy_function(lambda: np.int64(next(self._passes)), [], tf.int64)
        return tf.ensure_shape(counted, ())


class _FirstEpoch:
    def read_value(self) -> tf.Tensor:
        return tf.zeros((), tf.int64)


def _weighted_like(batches: tf.data.Dataset, other: tuple[Any, ...]) -> tf.data.Dataset:
    """Return batches whose examples have the weight 1, if others have weights and they have not."""
    if len(batches.element_spec) >= len(other):
        return batches

    def weighted(*batch: Any) -> tuple[Any, ...]:
        rows = tf.shape(keras.tree.flatten(batch)[0])[0]
        ones = keras.tree.map_structure(
            lambda spec: tf.ones(tf.concat([[rows], spec.shape[1:]], 0), spec.dtype), other[-1]
        )
        return (*batch, ones)

    return batches.map(weighted)


def _cast(spec: tf.TensorSpec, tensor: tf.Tensor) -> tf.Tensor:
    return tensor if tensor.dtype == spec.dtype else tf.cast(tensor, spec.dtype)
