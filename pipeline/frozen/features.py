"""Frozen-feature reuse: what a model's frozen part gives for a dataset is computed once."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
import tensorflow as tf

from pipeline.datasets.batches import Examples
from pipeline.datasets.dataset import Dataset
from pipeline.datasets.splits import Split
from pipeline.frozen.part import FrozenPart, NotReusableError
from pipeline.frozen.rounding import are_close
from pipeline.journal.array_store import ArraySpec, ArrayStore

_BATCH_SIZE = 32


@dataclass(eq=False)
class Features:
    """The features of one dataset, for all frozen parts that the trials of a search have.

    They are found by the part's configuration and weights and the dataset's digest, in memory, else
    on the disk, where later searches and the strategies of a sweep find them too. Those of a mere
    preprocessing stay in memory.

    Attributes:
        dataset: What they are computed of.
        files: Where they are kept.
        max_bytes: How much memory they may take; beyond it, they are read from the disk.
        half_precision: Whether to keep them as float16, in half the space.
        on_progress: Told how many examples of how many are computed, if they go through weights.
        on_refusal: Told why a model is trained as a whole, once for each reason.
        given_up: Why no model is trained on features any more; None while they are.
    """

    dataset: Dataset
    files: ArrayStore
    max_bytes: int
    half_precision: bool
    on_progress: Callable[[int, int], None]
    on_refusal: Callable[[str], None]
    given_up: str | None = field(default=None, init=False)
    _memory: OrderedDict[str, tuple[int, Examples]] = field(default_factory=OrderedDict, init=False)
    _traced: WeakKeyDictionary[FrozenPart, Any] = field(
        default_factory=WeakKeyDictionary, init=False
    )
    _refusals: set[str] = field(default_factory=set, init=False)
    _checked: set[str] = field(default_factory=set, init=False)
    _wrong: dict[str, str] = field(default_factory=dict, init=False)

    def refuse(self, reason: str) -> None:
        """Tell why a model is trained as a whole, if it was not told yet."""
        if reason not in self._refusals:
            self._refusals.add(reason)
            self.on_refusal(reason)

    def check(self, part: FrozenPart, compare: Callable[[], None]) -> None:
        """Make sure, once for each frozen part, that its features are what a training needs.

        Args:
            part: The frozen part of a model.
            compare: Raises `NotReusableError` if they are not.

        Raises:
            NotReusableError: They are not, now or when it was found out.
        """
        if part.digest in self._wrong:
            raise NotReusableError(self._wrong[part.digest])
        if part.digest not in self._checked:
            try:
                compare()
            except NotReusableError as error:
                self._wrong[part.digest] = str(error)
                raise
            self._checked.add(part.digest)

    def give_up(self, reason: str) -> None:
        """Train all models of the search as a whole from now on."""
        self.given_up = reason

    def of(self, part: FrozenPart, split: Split) -> Examples:
        """Return the features of a split's examples, with their targets.

        Args:
            part: The frozen part of a model.
            split: The dataset's `train` or `validation`, told by identity; another one is both
                together, as `training_data()` returns them.

        Returns:
            What the part's head is trained or validated on.

        Raises:
            NotReusableError: They fit neither the memory nor the disk.
            StorageError: They cannot be written.
        """
        key = self._key(part, split)
        if key in self._memory:
            self._memory.move_to_end(key)
            return self._memory[key][1]
        # Decided for both splits together, so that neither drives the other out of the memory.
        total = self._size(part, len(self.dataset.train) + len(self.dataset.validation))
        in_memory = total <= self.max_bytes
        on_disk = bool(part.weights) and self.files.fits(total)
        if not in_memory and not on_disk:
            raise NotReusableError(
                f"its features take {total / 1e6:,.0f} MB, more than features.max_memory_mb and "
                "features.max_disk_mb allow"
            )
        arrays = self._mapped(key, part, split) if on_disk else self._computed(part, split)
        if in_memory:
            arrays = [tf.convert_to_tensor(array) for array in arrays]
        plain = Examples.of(split)
        features = arrays[0] if len(arrays) == 1 else tuple(arrays)
        examples = Examples(features, plain.y, plain.sample_weight)
        if in_memory:
            self._remember(key, self._size(part, len(split)), examples)
        return examples

    def _key(self, part: FrozenPart, split: Split) -> str:
        names = {
            id(self.dataset.train): "train",
            id(self.dataset.validation): "validation",
        }
        name = names.get(id(split), "train and validation")
        facts = (part.digest, self.dataset.digest, name, self.half_precision)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]

    def _size(self, part: FrozenPart, rows: int) -> int:
        return sum(spec.nbytes for spec in self._specs(part, rows))

    def _computed(self, part: FrozenPart, split: Split) -> list[Any]:
        batches = list(self._batches(part, split))
        return [np.concatenate(values) for values in zip(*batches, strict=True)]

    def _mapped(self, key: str, part: FrozenPart, split: Split) -> list[Any]:
        """Return the features that are on the disk, computed first if they are not."""
        specs = self._specs(part, len(split))
        return self.files.made_once(key, specs, self._batches(part, split)).arrays

    def _specs(self, part: FrozenPart, rows: int) -> list[ArraySpec]:
        specs = []
        for tensor in part.extractor.outputs:
            dtype = tf.as_dtype(tensor.dtype)
            if self.half_precision and dtype.is_floating:
                dtype = tf.float16
            specs.append(ArraySpec((rows, *tensor.shape[1:]), np.dtype(dtype.as_numpy_dtype)))
        return specs

    def _batches(self, part: FrozenPart, split: Split) -> Iterator[list[np.ndarray]]:
        """Yield the features, batch after batch; those of both splits together are copied."""
        halves = [
            one for one in (self.dataset.train, self.dataset.validation) if isinstance(one, Split)
        ]
        if any(split is half for half in halves):
            yield from self._compute(part, split)
            return
        for half in halves:
            arrays = keras.tree.flatten(self.of(part, half).x)
            for start in range(0, len(half), _BATCH_SIZE):
                yield [np.asarray(array[start : start + _BATCH_SIZE]) for array in arrays]

    def _compute(self, part: FrozenPart, split: Split) -> Iterator[list[np.ndarray]]:
        examples = Examples.of(split)
        first = examples.inputs(0, 1)
        if part not in self._traced:
            self._traced[part] = _trace(part.extractor, first)
        extract = self._traced[part]
        dtypes = [spec.dtype for spec in self._specs(part, len(split))]
        total = len(split)
        told = self.on_progress if part.weights else lambda *_: None  # scaling takes no time
        told(0, total)
        for start in range(0, total, _BATCH_SIZE):
            x = examples.inputs(start, stop := min(start + _BATCH_SIZE, total))
            arrays = [tensor.numpy() for tensor in extract(x)]
            if start == 0:
                _check_alone(extract, examples, arrays, rows=stop)
            yield [a.astype(dtype, copy=False) for a, dtype in zip(arrays, dtypes, strict=True)]
            told(stop, total)

    def _remember(self, key: str, size: int, examples: Examples) -> None:
        """Keep features in memory; those that were used least recently give way."""
        self._memory[key] = (size, examples)
        while sum(size for size, _ in self._memory.values()) > self.max_bytes:
            self._memory.popitem(last=False)


def _trace(extractor: keras.Model, example: Any) -> Any:
    """Return a compiled function of batches of any size; they are as an example otherwise."""

    def extract(x: Any) -> list[Any]:
        features: list[Any] = keras.tree.flatten(extractor(x, training=False))
        return features

    signature = keras.tree.map_structure(
        lambda one: tf.TensorSpec((None, *one.shape[1:]), one.dtype), example
    )
    traced = tf.function(extract, input_signature=[signature]).get_concrete_function()
    if not all(isinstance(one, tf.Tensor | tf.TensorSpec) for one in traced.structured_outputs):
        raise NotReusableError("the features of its frozen layers are sparse or ragged")
    return traced


def _check_alone(
    extract: Any, examples: Examples, batch: Sequence[np.ndarray], *, rows: int
) -> None:
    """Make sure that the first and the last example of a batch give the same by themselves.

    What mixes examples shows in one of them, be it a sum up to each, or something of those after.
    """
    for row in {0, rows - 1}:
        x = examples.inputs(row, row + 1)
        for array, alone in zip(batch, extract(x), strict=True):
            if len(array) != rows or not _is_the_same(array[row : row + 1], alone.numpy()):
                raise NotReusableError("its frozen layers mix the examples of a batch")


def _is_the_same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether features are the same, but for what rounding makes of another size of batch."""
    if one.dtype.kind in "biu" or one.shape != other.shape:
        return np.array_equal(one, other)
    return are_close(one, other, coarse=one.dtype.itemsize == 2)
