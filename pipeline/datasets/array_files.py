"""Arrays in files as a dataset: inputs, targets and weights, and which splits there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.configuration.names import stem
from pipeline.datasets.array_source import ArraySource, open_arrays
from pipeline.datasets.array_targets import Targets, infer_targets
from pipeline.datasets.dataset import Dataset
from pipeline.datasets.named_inputs import scaled
from pipeline.datasets.rows import Array, Rows
from pipeline.datasets.splits import Partition, Split
from pipeline.datasets.structures import Structure, leaves
from pipeline.datasets.tasks import Task

_ENDINGS = {"train": ("", "_train"), "validation": ("_validation", "_val"), "test": ("_test",)}
"""Of an array's name, by the split it is of."""


def arrays(
    *,
    path: str | None,
    x: str | Sequence[str] | Mapping[str, str],
    y: str | None,
    sample_weight: str | None,
    task: Task | None,
    classes: Sequence[str] | None,
    validation_size: float,
    test_size: float,
    seed: int,
) -> Dataset:
    """Load arrays that were saved by NumPy; large ones stay in their files.

    Arrays whose names go on with `_validation` (or `_val`) and `_test` are those splits; a split
    that has none is taken from the others at random.

    Args:
        path: An `.npz` file, a folder of `.npy` files, or None: then the names below are files.
        x: The name of the inputs; several, in a list or as input: name, are inputs by name.
        y: The name of the targets; None if the inputs are all a model needs.
        sample_weight: The name of the weights; None for `sample_weight`, if there are any.
        task: The task, or None to tell it from the targets, as `infer_targets` says.
        classes: Names of the classes or labels, in the order of their values; None to make some.
        validation_size: Fraction of the examples to validate on, if it is no split of its own.
        test_size: Fraction of the examples to test on, likewise.
        seed: Seed of the splits.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: Arrays are missing, or cannot be used; the sentence says why.
    """
    sizes = {"validation": validation_size, "test": test_size}
    source = open_arrays(path)
    raw = _read(source, x, y, sample_weight)
    told = infer_targets([one.y for one in raw.values() if one.y is not None], task, classes)
    splits = {name: _split(one, told) for name, one in raw.items()}
    train = splits["train"]
    if missing := {f"{name}_size": sizes[name] for name in sizes if name not in splits}:
        by_class = told.classes if told.task == "classification" and train.y.ndim == 1 else ()
        parts = Partition(missing, seed).apply(
            train.x, train.y, classes=by_class, sample_weight=train.sample_weight
        )
        names = ("train", *(name for name in sizes if name not in splits))
        splits |= dict(zip(names, parts, strict=True))
    return Dataset(
        name=_name(path, x),
        task=told.task,
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        classes=told.classes,
        source=str(source.place if path is not None else source.place / raw["train"].names[0]),
        preprocessing=scaled(splits["train"].x),
        notes=(*(one.told(name) for name, one in raw.items()), *source.notes),
    )


@dataclass(frozen=True)
class _Arrays:
    """The arrays of a split, as they were saved.

    Attributes:
        names: Of all of them, the inputs first.
        x: The inputs.
        y: The targets, if there are any.
        weight: The weights, if there are any.
    """

    names: tuple[str, ...]
    x: Structure
    y: Array | None
    weight: Array | None

    def told(self, split: str) -> str:
        """Say which arrays a split is."""
        arrays = [array for _, array in leaves(self.x)]
        arrays += [array for array in (self.y, self.weight) if array is not None]
        named = zip(self.names, arrays, strict=True)
        return f"{split}: " + ", ".join(f"{n} {a.shape} {a.dtype}" for n, a in named)


def _read(
    source: ArraySource,
    x: str | Sequence[str] | Mapping[str, str],
    y: str | None,
    sample_weight: str | None,
) -> dict[str, _Arrays]:
    """Return the arrays of the training examples and, if there are some, of the other splits."""
    inputs = _inputs(x)
    named = [*inputs.values()] + ([] if y is None else [y])
    return {
        split: _arrays(source, inputs, y, sample_weight, split)
        for split in _ENDINGS
        if split == "train" or any(_found(source, name, split) for name in named)
    }


def _inputs(x: str | Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Return the arrays' names by that of the input, which is "" of a single one."""
    if isinstance(x, str):
        return {"": x}
    if isinstance(x, Mapping) and x:
        return dict(x)
    if isinstance(x, Sequence) and x:
        return {_base(name).rpartition("/")[-1]: name for name in x}
    raise ValueError(
        f"x must be the name of an array, a list of names or input: name, received {x!r}"
    )


def _arrays(
    source: ArraySource, inputs: Mapping[str, str], y: str | None, weight: str | None, split: str
) -> _Arrays:
    names = [_existing(source, name, split) for name in inputs.values()]
    read = {one: _rows(source.read(name)) for one, name in zip(inputs, names, strict=True)}
    targets = None if y is None else _existing(source, y, split)
    weights = _found(source, weight or "sample_weight", split)
    if weight is not None and split == "train":
        weights = _existing(source, weight, split)
    return _Arrays(
        names=(*names, *(name for name in (targets, weights) if name is not None)),
        x=read.get("", read),
        y=None if targets is None else source.read(targets),
        weight=None if weights is None else source.read(weights),
    )


def _base(name: str) -> str:
    return name.removesuffix(".npy").removesuffix("_train")


def _found(source: ArraySource, name: str, split: str) -> str | None:
    """Return what an array is called that is a split's, if there is one."""
    candidates = [name] if split == "train" else []
    candidates += [_base(name) + ending for ending in _ENDINGS[split]]
    return next((one for one in candidates if source.has(one)), None)


def _existing(source: ArraySource, name: str, split: str) -> str:
    found = _found(source, name, split)
    if found is None:
        wanted = name if split == "train" else _base(name) + _ENDINGS[split][0]
        raise ValueError(source.unknown(wanted))
    return found


def _rows(array: Array) -> Array | Rows:
    """Return inputs as examples; pixels without channels get one."""
    pixels = array[..., np.newaxis] if array.dtype == np.uint8 and array.ndim == 3 else array
    return Rows(pixels, np.arange(len(pixels))) if isinstance(pixels, np.memmap) else pixels


def _split(raw: _Arrays, told: Targets) -> Split:
    return Split(raw.x, None if raw.y is None else told.of(raw.y), raw.weight)


def _name(path: str | None, x: object) -> str:
    """Return what a search calls them too: see `pipeline.configuration.names`."""
    named = path if path is not None else x
    return stem(Path(str(named))) if isinstance(named, str | int) else "arrays"
