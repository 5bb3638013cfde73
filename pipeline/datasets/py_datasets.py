"""Batches of a `keras.utils.PyDataset`, which Keras reads itself, with the workers that it has."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.datasets.batches import Examples, in_keras_precision
from pipeline.datasets.class_weights import example_weights
from pipeline.datasets.elements import parts_of
from pipeline.datasets.feed import Epoch, Epochs, Feed, in_epoch
from pipeline.datasets.sources import PyDatasetSource
from pipeline.datasets.streamed import present, signature_of
from pipeline.datasets.streams import Stream
from pipeline.datasets.structures import Structure, as_arrays, mapped
from pipeline.seeds import derive_seed


class Batches(keras.utils.PyDataset):
    """The batches of one or several datasets, as Keras feeds arrays.

    Args:
        streams: They are of a `PyDataset` each; the workers are those of the first.
    """

    def __init__(self, streams: Sequence[Stream]) -> None:
        self._datasets = [_dataset_of(stream) for stream in streams]
        self._factors = streams[0].class_factors
        self._lengths = [int(one.num_batches) for one in self._datasets]
        self._order: np.ndarray | None = None
        first = self._datasets[0]
        super().__init__(first.workers, first.use_multiprocessing, first.max_queue_size)

    @property
    def num_batches(self) -> int:
        """How many batches an epoch has."""
        return sum(self._lengths)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Return a batch: `(x,)`, `(x, y)` or `(x, y, sample_weight)`."""
        at = index if self._order is None else int(self._order[index])
        for dataset, length in zip(self._datasets, self._lengths, strict=True):
            if at < length:
                return self._as_fed(dataset[at])
            at -= length
        raise IndexError(index)

    def reorder(self, seed: int, epoch: int) -> None:
        """Let the next epoch begin with other batches, by seed and epoch."""
        self._order = _order(self.num_batches, seed, epoch)

    def on_epoch_begin(self) -> None:
        """Tell the datasets."""
        for dataset in self._datasets:
            dataset.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Tell the datasets."""
        for dataset in self._datasets:
            dataset.on_epoch_end()

    def _as_fed(self, batch: Any) -> tuple[Any, ...]:
        x, y, weight = parts_of(batch)
        if self._factors is not None:
            weight = example_weights(self._factors, y, weight)
        return present((_fed(x), _fed(y), _fed(weight)))


class PyDatasetExamples:
    """Examples of one or several datasets, as `AnyExamples`.

    Keras draws from all batches of a `PyDataset`, by Python's random numbers; here the order is a
    function of the seed and the epoch's number, as that of arrays is.

    Args:
        streams: They are of a `PyDataset` each, the later ones for a final training.
    """

    def __init__(self, *streams: Stream) -> None:
        self._streams = streams

    def __len__(self) -> int:
        return sum(map(len, self._streams))

    def followed_by(self, other: "PyDatasetExamples") -> "PyDatasetExamples":
        """Return these examples and others."""
        return PyDatasetExamples(*self._streams, *other._streams)

    def steps(self, batch_size: int) -> int:
        """Return how many batches an epoch has: as many as the datasets give."""
        return sum(stream.batches(batch_size) for stream in self._streams)

    def first(self, count: int) -> tuple[Any, ...]:
        """Return so many of the first examples, or all if there are fewer, as a batch."""
        return Examples.of(self._streams[0].first(count)).first(count)

    def in_order(self, batch_size: int) -> Batches:  # noqa: ARG002
        """Return the batches of one epoch, in the order that the datasets give them."""
        return Batches(self._streams)

    def as_given(self) -> keras.utils.PyDataset:
        """Return the user's own dataset, if there is one and its classes count alike."""
        if len(self._streams) == 1 and self._streams[0].class_factors is None:
            return _dataset_of(self._streams[0])
        return Batches(self._streams)

    def shuffled_once(self, batch_size: int, epoch: Epoch, *, seed: int) -> tf.data.Dataset:
        """Return the batches of one epoch, in an order of its own, without workers."""
        batches = Batches(self._streams)

        def generated(number: np.ndarray) -> Iterator[tuple[Any, ...]]:
            if self._is_shuffled:
                batches.reorder(seed, int(number))
            for index in range(batches.num_batches):
                yield batches[index]

        few = [batches[index] for index in range(min(2, batches.num_batches))]
        signature = signature_of(keras.tree.map_structure(np.asarray, few), batched=True)
        made = in_epoch(
            epoch,
            lambda number: tf.data.Dataset.from_generator(
                generated, output_signature=signature, args=(number,)
            ),
        )
        cardinality = tf.data.experimental.assert_cardinality(self.steps(batch_size))
        return made.apply(cardinality).prefetch(tf.data.AUTOTUNE)

    def feed(self, batch_size: int, epochs: Epochs) -> Feed:  # noqa: ARG002
        """Return batches that Keras reads, and what orders them."""
        batches = Batches(self._streams)
        return Feed(batches, callbacks=[_Order(batches, epochs.seed)] if self._is_shuffled else [])

    @property
    def _is_shuffled(self) -> bool:
        return self._streams[0].shuffle_buffer > 0


class _Order(keras.callbacks.Callback):
    """Orders the batches of each epoch, before Keras's workers begin with it."""

    def __init__(self, batches: Batches, seed: int) -> None:
        super().__init__()
        self._batches = batches
        self._seed = seed

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        self._batches.reorder(self._seed, epoch)


def _dataset_of(stream: Stream) -> keras.utils.PyDataset:
    assert isinstance(stream.source, PyDatasetSource), "it is a stream of a PyDataset"
    return stream.source.dataset


def _order(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([derive_seed(seed, "order"), epoch]).permutation(count)


def _fed(part: Structure) -> Structure:
    return None if part is None else mapped(_fed_array, as_arrays(part, "a batch"))


def _fed_array(array: np.ndarray) -> Any:
    if array.dtype == object:
        return tf.convert_to_tensor(array)  # Keras takes texts from no array of a PyDataset
    return in_keras_precision(array)
