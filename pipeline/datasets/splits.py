"""Train, validation and test: how the examples of a dataset are parted."""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.datasets.rows import Array, Rows, append, blocks, select
from pipeline.datasets.structures import Structure, as_arrays, leaves, lies_in_a_file, mapped

Inputs = Structure
"""What a model is given of examples: one array, or a structure of arrays."""


@dataclass(frozen=True, eq=False)
class Split:
    """Examples, with their targets and how much each counts.

    All are nested structures of arrays (dictionaries, tuples, lists), each with an example a row,
    in any dtype that Keras takes, and kept in it; `pipeline.datasets.structures` says what else is
    taken for an array.

    Attributes:
        x: Raw inputs. Of a table one `(n,)` array a column, by name: float32 (NaN where missing),
            or Python strings ("" where missing) in an object array.
        y: Targets, as the dataset's task says; None where the inputs are all a model needs.
        sample_weight: `(n,)` factors of the examples' losses, or a structure of those for models
            with several outputs; None where all count alike.

    Raises:
        ValueError: There is not one target and weight for each input, something is no array that
            Keras takes, or a number is infinite or, but in the column of a table, NaN.
    """

    x: Structure
    y: Structure = None
    sample_weight: Structure = None

    def __post_init__(self) -> None:
        for name in ("x", "y", "sample_weight"):
            given = getattr(self, name)
            if given is None and name != "x":
                continue
            object.__setattr__(self, name, as_arrays(given, name))
        self._check_rows()
        for name, column in leaves(self.x):
            if isinstance(self.x, Mapping) and column.ndim == 1:
                _check_column(name, column)
            else:
                _check_finite(column, f"the inputs {name!r}" if name else "the inputs")
        for _, weight in leaves(self.sample_weight):
            _check_finite(weight, "the sample weights")

    def __len__(self) -> int:
        return len(next(leaves(self.x))[1])

    def first(self, count: int) -> "Split":
        """Return so many of the first examples, or all if there are fewer."""
        return _each(lambda array: array[:count], self)

    def _check_rows(self) -> None:
        inputs = list(leaves(self.x))
        if not inputs:
            raise ValueError(f"x must have at least one array, received {self.x!r}")
        if any(array.ndim == 0 for _, array in inputs):
            raise ValueError("x must have an example a row, received a single number")
        if self.y is None:
            expected, told = len(inputs[0][1]), f"{len(inputs[0][1])} rows of {inputs[0][0]!r}"
        else:
            expected = len(next(leaves(self.y))[1])
            told = f"{expected} targets"
        for name, array in inputs:
            if len(array) != expected:
                where = f"column {name!r}" if name else "the inputs"
                raise ValueError(f"{len(array)} rows of {where} for {told}{self._advice()}")
        for what, structure in (("targets", self.y), ("sample weights", self.sample_weight)):
            for name, array in leaves(structure):
                if len(array) != expected:
                    where = f"{what} {name!r}" if name else what
                    raise ValueError(f"{len(array)} {where} for {told}")

    def _advice(self) -> str:
        if not isinstance(self.x, list):
            return ""
        return "; a list of arrays is one of inputs: write numpy.stack(x) if each is an example"


def take(x: Structure, rows: Array) -> Structure:
    """Return the given rows of all arrays, in the given order."""
    return mapped(lambda array: select(array, rows), x)


def part(split: Split, rows: Array) -> Split:
    """Return the given examples of a split, in the given order."""
    return _each(lambda array: select(array, rows), split)


def parted(split: Split, split_of: Array, count: int) -> list[Split]:
    """Return the examples of which `split_of`, `(n,)`, says 0, then those of 1, up to a count."""
    return [part(split, np.flatnonzero(split_of == number)) for number in range(count)]


def join(first: Split, second: Split) -> Split:
    """Return the examples of both splits, the first's before the second's.

    Where one has weights alone, each example of the other has the weight 1.
    """
    if (first.sample_weight is None) != (second.sample_weight is None):
        first, second = _weighted(first, second), _weighted(second, first)
    return _each(append, first, second)


def in_memory(split: Split) -> Split:
    """Return a split whose arrays can be computed with as a user's code expects of arrays."""
    return _each(np.asarray, split) if lies_in_a_file(split.x) else split


def _weighted(split: Split, like: Split) -> Split:
    if split.sample_weight is not None:
        return split
    ones = mapped(
        lambda array: np.ones((len(split), *array.shape[1:]), array.dtype), like.sample_weight
    )
    return Split(split.x, split.y, ones)


def _each(function: Any, *splits: Split) -> Split:
    """Apply a function to the arrays of splits that are alike."""
    parts = [[getattr(split, name) for split in splits] for name in ("x", "y", "sample_weight")]
    return Split(*(None if ones[0] is None else mapped(function, *ones) for ones in parts))


def content_digest(splits: Iterable[Split], *facts: object) -> str:
    """Return 16 hexadecimal digits that stand for all examples, the same on every machine.

    Args:
        splits: The examples; their order, and that of the columns of a table, counts.
        facts: What else counts; with a `repr` that says it all.
    """
    digest = hashlib.sha256(repr(facts).encode())
    for split in splits:
        arrays: list[tuple[object, Array]] = list(leaves(split.x))
        arrays += [(None if not name else ("y", name), one) for name, one in leaves(split.y)]
        arrays += [(("weight", name), one) for name, one in leaves(split.sample_weight)]
        for name, array in arrays:
            digest.update(repr((name, array.dtype.str, array.shape)).encode())
            for content in _contents(array):
                digest.update(content)
    return digest.hexdigest()[:16]


def _contents(array: Array | Rows) -> Iterator[Any]:
    """Yield what stands for an array's values."""
    if isinstance(array, Rows) and array.digest is not None:
        yield array.digest.encode()
        yield np.ascontiguousarray(array.rows).data
    elif array.dtype == object:
        yield repr(np.asarray(array).tolist()).encode()
    else:
        yield from (np.ascontiguousarray(block).data for block in blocks(array))


def schema(split: Split) -> dict[str, Any]:
    """Describe examples in JSON's terms as MLflow's own datasets do, so that its UI shows it."""
    if isinstance(split.x, Mapping) and all(one.ndim == 1 for _, one in leaves(split.x)):
        kinds = {name: "string" if x.dtype == object else "float" for name, x in leaves(split.x)}
        columns = [{"name": n, "type": kind, "required": True} for n, kind in kinds.items()]
        return {"mlflow_colspec": columns}
    tensors = {}
    for name, structure in {"features": split.x, "targets": split.y}.items():
        if structure is not None:
            tensors[name] = json.dumps([_tensor_spec(*leaf) for leaf in leaves(structure)])
    return {"mlflow_tensorspec": tensors}


def _tensor_spec(name: str, array: Array) -> dict[str, Any]:
    spec = {"dtype": str(array.dtype), "shape": [-1, *array.shape[1:]]}
    return {"type": "tensor", **({"name": name} if name else {}), "tensor-spec": spec}


@dataclass(frozen=True)
class Partition:
    """How examples are parted at random into a rest and further splits.

    Attributes:
        sizes: Fraction of the examples in each further split, in (0, 1), by the name of the
            setting that states it; their sum is below 1, the rest is what is trained on.
        seed: Any integer; the same examples, sizes and seed give the same splits.

    Raises:
        ValueError: A size or the seed is no such number.

    Example:
        >>> train, test = Partition({"test_size": 0.2}, seed=0).apply(x, y, classes=("a", "b"))
    """

    sizes: Mapping[str, float]
    seed: int

    def __post_init__(self) -> None:
        for name, size in self.sizes.items():
            number = isinstance(size, int | float) and not isinstance(size, bool)
            if not number or not 0 < size < 1:
                raise ValueError(f"{name} must be a fraction between 0 and 1, received {size!r}")
        if sum(self.sizes.values()) >= 1:
            raise ValueError(
                f"the sum of {self._stated()} must be below 1, or nothing is left to train on"
            )
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise ValueError(f"seed must be an integer, received {self.seed!r}")

    def apply(
        self,
        x: Structure,
        y: Structure,
        *,
        classes: tuple[str, ...],
        sample_weight: Structure = None,
    ) -> list[Split]:
        """Part examples; each class by itself, so that every split has its share of every class.

        Args:
            x: The inputs of all examples.
            y: Their targets; class indices, `(n,)`, if there are classes.
            classes: Names of the classes; without any, all examples are parted together.
            sample_weight: Their weights, if they do not count alike.

        Returns:
            The rest, then a split for each size, in order. Each example is in exactly one, and
            each further split has, to within half an example, its share of every class, and at
            least one. Inside a split the order is the original one.

        Raises:
            ValueError: There are too few examples (of a class) for one in every split.
        """
        everything = Split(x, y, sample_weight)
        split_of = self.assign(y, len(everything), classes=classes)
        return parted(everything, split_of, len(self.sizes) + 1)

    def assign(self, y: Structure, count: int, *, classes: tuple[str, ...]) -> Array:
        """Return the split of each example, as `apply` parts them: 0 is the rest, `(count,)`."""
        random = np.random.default_rng([int(self.seed < 0), abs(self.seed)])
        split_of = np.zeros(count, dtype=np.int64)
        for label, rows in enumerate(_groups(y, count, classes)):
            counts = [max(1, math.floor(len(rows) * size + 0.5)) for size in self.sizes.values()]
            if sum(counts) >= len(rows):
                who = f"class {classes[label]!r}" if classes else "the dataset"
                raise ValueError(
                    f"{who} has too few examples ({len(rows)}) to part with {self._stated()}: "
                    f"each of the {len(counts) + 1} splits needs at least one"
                )
            numbers = np.repeat(np.arange(1, len(counts) + 1), counts)
            split_of[random.permutation(rows)[: len(numbers)]] = numbers
        return split_of

    def _stated(self) -> str:
        return " and ".join(f"{name}={size}" for name, size in self.sizes.items())


def _groups(y: Structure, count: int, classes: tuple[str, ...]) -> list[Array]:
    if not classes:
        return [np.arange(count)]
    return [np.flatnonzero(y == label) for label in range(len(classes))]


def _check_column(name: str, column: Array) -> None:
    if column.dtype.kind == "f" and np.isinf(column).any():
        raise ValueError(
            f"column {name!r} has {np.isinf(column).sum()} infinite values (or beyond "
            "float32's 3.4e38): correct them, or leave them empty if they are missing"
        )


def _check_finite(x: Array, what: str) -> None:
    if x.dtype.kind not in "fc":
        return
    count, rows, columns = 0, 0, np.zeros(x.shape[1:2] if x.ndim == 2 else 0, bool)
    for block in blocks(x):
        bad = ~np.isfinite(block)
        if bad.any():
            count += int(bad.sum())
            rows += int(bad.reshape(len(bad), -1).any(axis=1).sum())
            columns = columns | bad.any(axis=0) if x.ndim == 2 else columns
    if count:
        named = np.flatnonzero(columns).tolist()
        where = f", in the columns {named} (counted from 0)" if named else ""
        raise ValueError(
            f"{what} have {count} NaN or infinite values in {rows} of {len(x)} "
            f"examples{where}: all must be finite numbers"
        )
