"""Examples as a user of Keras gives them to `fit`, `evaluate` and `predict`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.datasets.any_examples import PassCounter, examples_of
from pipeline.datasets.py_datasets import PyDatasetExamples
from pipeline.datasets.splits import Split, in_memory
from pipeline.datasets.streams import Data, Stream
from pipeline.datasets.structures import lies_in_a_file


@dataclass(frozen=True)
class Given:
    """Arguments of a method of `keras.Model`.

    Attributes:
        examples: x, or x and y: the first arguments.
        keywords: What of the others is about examples.
    """

    examples: tuple[Any, ...]
    keywords: Mapping[str, Any] = field(default_factory=dict)


def to_fit(data: Data, batch_size: int, *, seed: int, initial_epoch: int = 0) -> Given:
    """Return what `fit` is given to train on by somebody who makes a training of their own of it.

    Args:
        data: Arrays are given as they are, those that lie in a file are read; of a stream its
            `PyDataset`, or batches.
        batch_size: Examples a batch; not for streams that give batches.
        seed: What orders the examples of a stream, with the epoch.
        initial_epoch: Absolute number of the epoch that the first pass over a stream is.
    """
    if isinstance(data, Split):
        return to_evaluate(in_memory(data), batch_size)
    examples = examples_of(data)
    if isinstance(examples, PyDatasetExamples):
        return Given((examples.as_given(),))
    return Given((examples.shuffled_once(batch_size, PassCounter(initial_epoch), seed=seed),))


def to_evaluate(data: Split | Stream, batch_size: int) -> Given:
    """Return what `evaluate` is given."""
    if not isinstance(data, Split) or lies_in_a_file(data.x):  # which Keras would read as a whole
        return Given((examples_of(data).in_order(batch_size),))
    weight = {} if data.sample_weight is None else {"sample_weight": data.sample_weight}
    return Given((data.x, data.y), {"batch_size": batch_size, **weight})


def to_validate(data: Split | Stream, batch_size: int) -> Any:
    """Return what `fit` is given as `validation_data`."""
    if not isinstance(data, Split):
        return examples_of(data).in_order(batch_size)
    data = in_memory(data)
    pair = (data.x, data.y)
    return pair if data.sample_weight is None else (*pair, data.sample_weight)
