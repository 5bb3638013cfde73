"""What a stream is read from: the kinds of sources, what each knows of itself, and its elements."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from pipeline.datasets.elements import Shape
from pipeline.datasets.structures import mapped

ALLOWED = (
    "a tf.data.Dataset, a keras.utils.PyDataset, a function that returns a generator, or another "
    "object that can be iterated again and again"
)
_ONCE = (
    "can be read once, and a search reads its data in every epoch of every trial: give the "
    "function that makes it"
)


class Source(Protocol):
    """Gives elements, each an example or a batch, in as many passes as it is asked for."""

    @property
    def length(self) -> int | None:
        """How many elements a pass has; None if it does not say."""
        ...

    @property
    def by_epoch(self) -> bool:
        """Whether it is told an epoch or a seed, by which it may order its elements."""
        ...

    def shapes(self) -> list[Shape] | None:
        """Return the shapes that the arrays of all elements have; None if it does not say."""
        ...

    def elements(self, *, epoch: int, seed: int) -> Iterator[Any]:
        """Yield the elements of a pass: x, (x,), (x, y) or (x, y, sample_weight)."""
        ...


def source_of(value: Any) -> Source:
    """Return how something is read.

    Raises:
        ValueError: It cannot be read again and again, or never ends; the sentence says what to
            write.
    """
    import keras
    import tensorflow as tf

    if isinstance(value, tf.data.Dataset):
        return DatasetSource(value)
    if isinstance(value, keras.utils.PyDataset):
        return PyDatasetSource(value)
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, Iterator):
        raise ValueError(f"a {kind} {_ONCE}")
    if callable(value):
        return FunctionSource(value)
    arrays = (Mapping, tuple, list, str, bytes)
    if isinstance(value, Iterable) and not isinstance(value, arrays) and not _is_array(value):
        return FunctionSource(lambda: iter(value))
    raise ValueError(f"a {kind} is neither a Split nor a stream, which is {ALLOWED}")


class DatasetSource:
    """A `tf.data.Dataset`.

    Args:
        dataset: It ends by itself, and gives dense tensors.
    """

    by_epoch = False

    def __init__(self, dataset: Any) -> None:
        import tensorflow as tf

        length = int(dataset.cardinality())
        if length == tf.data.INFINITE_CARDINALITY:
            raise ValueError(
                "a tf.data.Dataset that never ends, as .repeat() makes one, has no epochs: leave "
                "the repetition out"
            )
        specs = tf.nest.flatten(dataset.element_spec)
        other = [type(spec).__name__ for spec in specs if not isinstance(spec, tf.TensorSpec)]
        if other:
            raise ValueError(
                f"a tf.data.Dataset must give dense tensors, received {other[0]}: use .to_tensor() "
                "or tf.sparse.to_dense in a .map(...)"
            )
        self.dataset = dataset
        self.length = None if length == tf.data.UNKNOWN_CARDINALITY else length
        self._shapes = [spec.shape for spec in specs]

    def shapes(self) -> list[Shape] | None:
        """Return what the dataset says of all its elements."""
        if any(shape.rank is None for shape in self._shapes):
            return None
        return [tuple(shape.as_list()) for shape in self._shapes]

    def elements(self, *, epoch: int, seed: int) -> Iterator[Any]:  # noqa: ARG002
        """Yield them as NumPy's arrays and Python's texts."""
        for element in self.dataset.as_numpy_iterator():
            yield mapped(_decoded, element)


class PyDatasetSource:
    """A `keras.utils.PyDataset`.

    Args:
        dataset: It says how many batches it has.
    """

    by_epoch = False

    def __init__(self, dataset: Any) -> None:
        length = dataset.num_batches
        if length is None:
            raise ValueError(
                "a keras.utils.PyDataset that never ends has no epochs: let its num_batches say "
                "how many batches an epoch has"
            )
        self.dataset = dataset
        self.length = int(length)

    def shapes(self) -> list[Shape] | None:
        """Return None: each batch may have other ones."""
        return None

    def elements(self, *, epoch: int, seed: int) -> Iterator[Any]:  # noqa: ARG002
        """Yield its batches in order."""
        for index in range(self.length):
            yield self.dataset[index]


class FunctionSource:
    """A function that returns a generator, or anything else that can be iterated.

    Args:
        function: Called for every pass; with `epoch` and `seed`, if it takes arguments of these
            names.
    """

    length = None

    def __init__(self, function: Callable[..., Iterable[Any]]) -> None:
        self._function = function
        self._taken = {"epoch", "seed"} & _parameters(function)
        made, again = (self._called(epoch=0, seed=0) for _ in range(2))
        if not isinstance(made, Iterable):
            raise ValueError(
                f"the function returned a value of type {type(made).__name__}; it must return a "
                "generator of examples or batches"
            )
        if made is again and isinstance(made, Iterator):
            raise ValueError(f"the function returned the same iterator again, which {_ONCE}")

    @property
    def by_epoch(self) -> bool:
        """Whether the function is told an epoch or a seed."""
        return bool(self._taken)

    def shapes(self) -> list[Shape] | None:
        """Return None: each element may have other ones."""
        return None

    def elements(self, *, epoch: int, seed: int) -> Iterator[Any]:
        """Yield what the function's generator gives."""
        return iter(self._called(epoch=epoch, seed=seed))

    def _called(self, **known: int) -> Any:
        return self._function(**{name: known[name] for name in self._taken})


def _parameters(function: Callable[..., Any]) -> set[str]:
    try:
        return set(inspect.signature(function).parameters)
    except ValueError:  # written in C
        return set()


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__") or hasattr(value, "shape")


def _decoded(value: Any) -> Any:
    """Return TensorFlow's texts, which are bytes, as Python's."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, np.ndarray) and value.dtype == object:
        return np.vectorize(lambda one: one.decode(errors="replace"), otypes=[object])(value)
    return value
