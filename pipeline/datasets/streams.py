"""Streams: examples that are read while they are used, instead of arrays in memory."""

import copy
import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.datasets.class_weights import weighted
from pipeline.datasets.elements import Parts, looks_batched, parts_of, rows_of, stacked
from pipeline.datasets.rows import Array
from pipeline.datasets.sources import PyDatasetSource, source_of
from pipeline.datasets.splits import Split, content_digest, join, part, schema
from pipeline.datasets.structures import Structure, leaves, mapped

FEW = 32
"""Examples from its beginning that a stream keeps: these are not read again."""
_BLOCK = 128  # examples that are stacked at once


class Stream:
    """Examples that do not fit in memory, or are made while they are used.

    An element of a source is what `keras.Model.fit` takes: `x`, `(x,)`, `(x, y)` or
    `(x, y, sample_weight)`, each one array or a structure of arrays.

    Args:
        source: A `tf.data.Dataset`, a `keras.utils.PyDataset`, a function that returns a
            generator, or another object that can be iterated again and again. A function that takes
            an argument `epoch` or `seed` is called with the number of the epoch, and an integer
            that is a training's own; validation and test are read with 0.
        batched: Whether an element is a batch, as in Keras, or one example, so that batches of
            `training.batch_size` are made of them. If None it is told from the first element.
        size: How many examples an epoch has; a function's generator that never ends is left there.
            If None, and the source does not say, all are read once to count them.
        digest: Any text that changes when the examples do; an unfinished search is continued only
            with the same. If None, it is made of the first examples and the size.
        shuffle_buffer: From how many elements the next one of a training is drawn, by its seed and
            the epoch; 0 leaves their order to the source. None does what Keras does: it draws from
            all batches of a `PyDataset`, and leaves the order of other sources.

    Attributes:
        source: How it is read.
        batched: Whether its elements are batches.
        shuffle_buffer: As given, or as Keras has it.
        class_factors: The factor of each class, if classes count differently.
        is_repeatable: Whether it gave the same examples in the same order when it was read again.

    Raises:
        ValueError: The source cannot be read again and again, never ends or gives what is no
            example; or it cannot be told whether its elements are batches.

    Example:
        >>> files = tf.data.Dataset.from_tensor_slices((paths, labels))
        >>> train = Stream(files.map(read_image), batched=False, shuffle_buffer=1000)
    """

    def __init__(
        self,
        source: Any,
        *,
        batched: bool | None = None,
        size: int | None = None,
        digest: str | None = None,
        shuffle_buffer: int | None = None,
    ) -> None:
        _check_count("size", size, least=1)
        _check_count("shuffle_buffer", shuffle_buffer, least=0)
        self.source = source_of(source)
        self.shuffle_buffer = shuffle_buffer or 0
        if shuffle_buffer is None and isinstance(self.source, PyDatasetSource):
            self.shuffle_buffer = self.source.length
        self.class_factors: Array | None = None
        self._told_size, self._told_digest = size, digest
        elements = self._read(epoch=0, seed=0)
        first = next(elements, None)
        if first is None:
            raise ValueError("the stream gives no examples")
        self.batched = self._whether_batched(first, batched)
        self._batch_rows = rows_of(first) if self.batched else 1
        self._size = self._known_size()
        self._batches: int | None = None
        self._head = self._beginning(itertools.chain([first], elements))
        again = self._beginning(self._read(epoch=0, seed=0))
        self.is_repeatable = content_digest([self._head]) == content_digest([again])

    def __len__(self) -> int:
        """Return how many examples an epoch has; all are read if nobody has said."""
        self.count()
        assert self._size is not None, "they were counted"
        return self._size

    def count(self, look: Callable[[Split], object] = lambda _block: None) -> None:
        """Read all examples once, unless it is known how many they are.

        Args:
            look: Shown all examples, some at a time, if they are read.
        """
        if self._size is not None:
            return
        rows = batches = 0
        for block in self.blocks():
            look(block)
            rows, batches = rows + len(block), batches + 1
        self._size, self._batches = rows, batches if self.batched else None

    def batches(self, batch_size: int) -> int:
        """Return how many batches an epoch has.

        Args:
            batch_size: Examples of a batch, if the source gives them one by one.
        """
        if not self.batched:
            return math.ceil(len(self) / batch_size)
        known = self.source.length or self._batches
        return known or math.ceil(len(self) / self._batch_rows)

    def first(self, count: int) -> Split:
        """Return so many of the first examples, or all if there are fewer.

        They are of one shape: where batches are padded to a length each, there may be fewer.
        """
        if count <= len(self._head):
            return self._head.first(count)
        blocks: list[Split] = []
        for block in self.blocks():
            if blocks and _shapes(block) != _shapes(blocks[0]):
                break
            blocks.append(block)
            if sum(map(len, blocks)) >= count:
                break
        return functools.reduce(join, blocks).first(count)

    @functools.cached_property
    def y(self) -> Structure:
        """The targets of all examples, in order; all are read when they are first asked for."""
        given = [block.y for block in self.blocks()]
        return None if given[0] is None else mapped(lambda *ones: np.concatenate(ones), *given)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that stand for the contents."""
        told: list[Any] = [self._told_digest]
        if self._told_digest is None:
            told = [schema(self._head), self.batched, len(self)]
        if self.class_factors is not None:
            told.append(self.class_factors.tolist())
        seen = self._told_digest is None and self.is_repeatable
        return content_digest([self._head] if seen else [], *told)

    @property
    def is_known_by_form_alone(self) -> bool:
        """Whether its digest says nothing of the examples but their form and number."""
        return self._told_digest is None and not self.is_repeatable

    def weighted(self, of_class: Array) -> "Stream":
        """Return a stream whose examples count as their classes do, beside what they count already.

        Args:
            of_class: The factor of each class, `(classes,)`.
        """
        made = copy.copy(self)
        made.class_factors = of_class
        made._head = weighted(self._head, of_class)
        return made

    def elements(self, *, epoch: int = 0, seed: int = 0) -> Iterator[Parts]:
        """Yield the elements of an epoch as arrays, without what their classes count.

        Raises:
            ValueError: There are not as many examples as was said.
        """
        rows = 0
        for parts in self._read(epoch=epoch, seed=seed):
            yield parts
            rows += rows_of(parts) if self.batched else 1
            if self._told_size is not None and rows >= self._told_size:
                break
        if self._told_size not in (None, rows):
            raise ValueError(
                f"size is {self._told_size}, and the stream gave {rows} examples in an epoch"
            )

    def blocks(self) -> Iterator[Split]:
        """Yield all examples in order: each batch, or some at a time."""
        elements = self.elements()
        while few := list(itertools.islice(elements, 1 if self.batched else _BLOCK)):
            block = Split(*few[0]) if self.batched else Split(*stacked(few))
            yield block if self.class_factors is None else weighted(block, self.class_factors)

    def _read(self, *, epoch: int, seed: int) -> Iterator[Parts]:
        return map(parts_of, self.source.elements(epoch=epoch, seed=seed))

    def _beginning(self, elements: Iterable[Parts]) -> Split:
        """Return the first few examples, which keep nothing else in memory."""
        if self.batched:
            batch = Split(*next(iter(elements)))
            return part(batch, np.arange(min(FEW, len(batch))))
        return Split(*stacked(list(itertools.islice(elements, FEW))))

    def _whether_batched(self, first: Parts, told: bool | None) -> bool:
        if isinstance(self.source, PyDatasetSource):
            if told is False:
                raise ValueError("a keras.utils.PyDataset gives batches: leave batched=False out")
            return True
        if told is not None:
            return told
        arrays = [array for one in first for _, array in leaves(one)]
        shapes = self.source.shapes() or [array.shape for array in arrays]
        guessed = looks_batched(shapes)
        if guessed is None:
            raise ValueError(
                f"an element of the stream has arrays of the shapes {shapes}, which may be a batch "
                "or one example: write Stream(source, batched=True) or batched=False"
            )
        return guessed

    def _known_size(self) -> int | None:
        """Return how many examples there are, if that takes no reading."""
        length, told = self.source.length, self._told_size
        if length is None:
            return told
        if not self.batched:
            known = length
        else:
            leading = {shape[0] if shape else None for shape in self.source.shapes() or [()]}
            rows = leading.pop() if len(leading) == 1 else None
            if rows is None:
                return told
            known = length * rows
        if told not in (None, known):
            raise ValueError(f"size is {told}, but the source has {known} examples")
        return known


@dataclass(frozen=True)
class Joined:
    """Examples of two kinds, one after the other in every epoch: those of a final training.

    Attributes:
        first: What comes first.
        second: What comes after it.
    """

    first: Split | Stream
    second: Split | Stream


Data = Split | Stream | Joined
"""What models are trained on."""


def joined(first: Split | Stream, second: Split | Stream) -> Data:
    """Return the examples of both, the first's before the second's."""
    if isinstance(first, Split) and isinstance(second, Split):
        return join(first, second)
    return Joined(first, second)


def _shapes(examples: Split) -> list[tuple[int, ...]]:
    """Return the shapes of an example's arrays."""
    parts = (examples.x, examples.y, examples.sample_weight)
    return [array.shape[1:] for one in parts for _, array in leaves(one)]


def _check_count(name: str, value: int | None, *, least: int) -> None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= least
    if value is not None and not is_count:
        raise ValueError(f"{name} must be an integer from {least}, received {value!r}")
