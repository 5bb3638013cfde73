"""Batches of a stream that is a `tf.data.Dataset` or made by a function."""

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.datasets.batches import Examples
from pipeline.datasets.class_weights import example_weights
from pipeline.datasets.elements import Parts
from pipeline.datasets.feed import Epoch, Epochs, Feed, by_epoch, in_epoch
from pipeline.datasets.sources import DatasetSource
from pipeline.datasets.streams import Stream
from pipeline.seeds import derive_seed

_GRAPH_SEED = 1


class StreamedExamples:
    """Examples that are read while they are used, as `AnyExamples`.

    Args:
        stream: A `tf.data.Dataset`, or what a function gives.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._in_order: dict[int, tf.data.Dataset] = {}

    def __len__(self) -> int:
        return len(self._stream)

    def steps(self, batch_size: int) -> int:
        """Return how many batches an epoch has; as many as the source gives, if it does."""
        return self._stream.batches(batch_size)

    def first(self, count: int) -> tuple[Any, ...]:
        """Return so many of the first examples, or all if there are fewer, as a batch."""
        return Examples.of(self._stream.first(count)).first(count)

    def in_order(self, batch_size: int) -> tf.data.Dataset:
        """Return the batches of one epoch, in the order that the source gives them."""
        if batch_size not in self._in_order:
            zero = tf.zeros((), tf.int64)
            batches = self._batches(self._elements(zero, zero), batch_size)
            self._in_order[batch_size] = self._finished(batches, batch_size)
        return self._in_order[batch_size]

    def shuffled_once(self, batch_size: int, epoch: Epoch, *, seed: int) -> tf.data.Dataset:
        """Return the batches of one epoch, in the order that the stream has for it."""
        stream = self._stream
        if not stream.shuffle_buffer and not stream.source.by_epoch:
            return self.in_order(batch_size)
        own_seed = derive_seed(seed, "order") % 2**31

        def of_epoch(number: tf.Tensor) -> tf.data.Dataset:
            own = tf.constant(own_seed, tf.int64)
            elements = self._elements(number, own)
            if stream.shuffle_buffer:
                elements = _shuffled(elements, stream.shuffle_buffer, own, number)
            return self._batches(elements, batch_size)

        return self._finished(in_epoch(epoch, of_epoch), batch_size)

    def feed(self, batch_size: int, epochs: Epochs) -> Feed:
        """Return batches that end with each epoch."""
        return by_epoch(self, batch_size, seed=epochs.seed)

    def _elements(self, epoch: tf.Tensor, seed: tf.Tensor) -> tf.data.Dataset:
        source = self._stream.source
        if isinstance(source, DatasetSource):
            return source.dataset
        return tf.data.Dataset.from_generator(
            self._generated, output_signature=self._signature, args=(epoch, seed)
        )

    def _generated(self, epoch: np.ndarray, seed: np.ndarray) -> Iterator[Any]:
        """Yield the elements of an epoch, each of the dtypes that the first one has."""
        for parts in self._stream.elements(epoch=int(epoch), seed=int(seed)):
            element = present(parts)
            keras.tree.map_structure(_check_dtype, self._signature, element)
            yield element

    @functools.cached_property
    def _signature(self) -> Any:
        with tf.init_scope():  # the first to ask may be a function that is being traced
            few = [present(parts) for parts in itertools.islice(self._stream.elements(), 2)]
        return signature_of(few, batched=self._stream.batched)

    def _batches(self, elements: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
        if not self._stream.batched:
            elements = elements.batch(batch_size)
        return elements.map(self._as_fed)

    def _as_fed(self, *parts: Any) -> tuple[Any, ...]:
        """Return a batch as Keras feeds arrays; classes count as they are wanted to."""
        batch: tuple[Any, ...] = keras.tree.map_structure(_in_keras_precision, parts)
        factors = self._stream.class_factors
        if factors is None:
            return batch
        x, y, *weight = batch
        weights = functools.partial(example_weights, factors)
        counted = tf.numpy_function(weights, [y, *weight], tf.float32)
        return x, y, tf.ensure_shape(counted, y.shape[:1])

    def _finished(self, batches: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
        cardinality = tf.data.experimental.assert_cardinality(self.steps(batch_size))
        return batches.apply(cardinality).prefetch(tf.data.AUTOTUNE)


def present(parts: Parts) -> tuple[Any, ...]:
    """Return an element's parts that there are; tf.data takes a list for one tensor."""
    given = tuple(one for one in parts if one is not None)
    elements: tuple[Any, ...] = keras.tree.lists_to_tuples(given)
    return elements


def signature_of(elements: Sequence[tuple[Any, ...]], *, batched: bool) -> Any:
    """Return what TensorFlow must know of the elements of a generator.

    Args:
        elements: The first few; a size in which they differ may be any.
        batched: Whether they are batches, whose first size may be any.
    """

    def spec(*arrays: np.ndarray) -> tf.TensorSpec:
        shapes = zip(*(array.shape for array in arrays), strict=True)
        shape = [sizes[0] if len(set(sizes)) == 1 else None for sizes in shapes]
        if batched:
            shape[0] = None
        is_text = arrays[0].dtype.kind in "OUST"
        return tf.TensorSpec(shape, tf.string if is_text else tf.as_dtype(arrays[0].dtype))

    return keras.tree.map_structure(spec, *elements)


def _check_dtype(spec: tf.TensorSpec, array: np.ndarray) -> None:
    if spec.dtype != tf.string:
        expected = np.dtype(spec.dtype.as_numpy_dtype)
        if not np.can_cast(array.dtype, expected, "same_kind"):
            raise ValueError(
                f"an element of a stream has the dtype {array.dtype}, and the first one "
                f"{expected}: give all of them in the same"
            )


def _shuffled(
    elements: tf.data.Dataset, buffer: int, seed: tf.Tensor, epoch: tf.Tensor
) -> tf.data.Dataset:
    """Shuffle the elements of an epoch, by seed and epoch alone.

    It is called within a function of tf.data, whose graph would have the seed that TensorFlow had
    when it was traced: that of the trial which happened to come first.
    """
    tf.random.set_seed(_GRAPH_SEED)
    drawn = tf.random.stateless_uniform(
        (), seed=tf.stack([seed, epoch]), minval=0, maxval=2**31 - 1, dtype=tf.int64
    )
    return elements.shuffle(buffer, seed=drawn, reshuffle_each_iteration=False)


def _in_keras_precision(tensor: tf.Tensor) -> tf.Tensor:
    if tensor.dtype not in (tf.float16, tf.float32, tf.float64):
        return tensor
    return tf.cast(tensor, keras.config.floatx())
