"""A dataset: what a search trains, validates and tests on."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.datasets.class_weights import factors, weighted
from pipeline.datasets.preprocessing import Preprocessing
from pipeline.datasets.rows import Array
from pipeline.datasets.splits import Inputs, Split, content_digest, schema
from pipeline.datasets.streams import FEW, Data, Stream, joined
from pipeline.datasets.structures import leaves
from pipeline.datasets.tasks import Task, checked_targets, rows_of_classes

# Loaders are named by their dotted path.
__all__ = ["Array", "Dataset", "Inputs", "Split", "Stream", "Task"]


_SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples in three splits, and what a model must know of them.

    Each split is a `Split` of arrays or a `Stream`; what a stream can be read from is made one.

    Attributes:
        name: A short name, for people.
        task: What the targets are: `classification`, `multilabel`, `regression` or `custom`;
            `pipeline.datasets.tasks` says what each allows.
        train: What models are trained on.
        validation: What the search compares trials on.
        test: What only the best model is evaluated on.
        classes: Names of the classes, in the order of their indices, or of the labels; empty for
            regression.
        source: Where the examples come from: a function's dotted name or an absolute path.
        preprocessing: How raw inputs become numbers inside the model; None if the models that are
            built for it know by themselves.
        targets: Names of the numbers of a regression's targets, in their order, if they have any.
        class_weight: How much each class counts in the training, as `training.class_weight`.
        notes: What there is to say of how it was read, a sentence each.
        columns: What the columns of a table were taken for: name, kind and missing values of each,
            and a few more facts, in JSON's terms.

    Raises:
        ValueError: The targets are not what the task allows, or the splits are not alike.

    Example:
        >>> dataset = digits(validation_size=0.15, test_size=0.15, seed=0)
        >>> inputs, features = dataset.inputs()
        >>> outputs = keras.layers.Dense(len(dataset.classes))(keras.layers.Flatten()(features))
        >>> model = keras.Model(inputs, outputs)
    """

    name: str
    task: Task
    train: Split | Stream
    validation: Split | Stream
    test: Split | Stream
    classes: tuple[str, ...]
    source: str
    preprocessing: Preprocessing | None = None
    targets: tuple[str, ...] = ()
    class_weight: Any = None
    notes: tuple[str, ...] = ()
    columns: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(map(str, self.classes)))
        for name in _SPLITS:
            object.__setattr__(self, name, self._checked(name))
        _check_alike([*self._splits.values()])
        if self.class_weight is not None:
            object.__setattr__(self, "train", _weighted(self.train, self._factors))
        object.__setattr__(self, "notes", tuple(dict.fromkeys((*self.notes, *self._doubts()))))

    @property
    def _splits(self) -> dict[str, Split | Stream]:
        return {name: getattr(self, name) for name in _SPLITS}

    @functools.cached_property
    def digest(self) -> str:
        """16 hexadecimal digits that stand for the contents; all arrays are read once for them.

        They tell the task, the classes, all splits, and what their texts were taken for.
        """
        # The same texts can be dates, categories or words.
        readings = getattr(self.preprocessing, "readings", ())
        return _digest([*self._splits.values()], self.task, self.classes, *readings)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one raw example; of a table, or of several inputs: `(how many,)`."""
        x = self.train.first(1).x
        return (len(x),) if isinstance(x, Mapping | tuple | list) else tuple(x.shape[1:])

    def inputs(self) -> tuple[Any, Any]:
        """Return fresh model inputs for raw examples, and the encoded symbolic float tensor.

        Raises:
            ValueError: The dataset has no preprocessing.
        """
        if self.preprocessing is None:
            raise ValueError(
                f"the dataset {self.name} has no preprocessing, which a model that is shipped "
                "begins with: give it one of pipeline.preprocessing, or name a model of your own"
            )
        return self.preprocessing.inputs()

    def training_data(self) -> Data:
        """Return train and validation together, for the final training."""
        if self.class_weight is None:
            return joined(self.train, self.validation)
        return joined(self.train, _weighted(self.validation, self._factors))

    @functools.cached_property
    def _factors(self) -> Array:
        """How much each class counts, told from the training examples."""
        if self.task != "classification":
            raise ValueError(f"class_weight is for classification; this is {self.task}")
        return factors(self.class_weight, self.train.y, self.classes)

    def _checked(self, name: str) -> Split | Stream:
        """Return a split that is one, whose targets are what the task allows."""
        given = getattr(self, name)
        if isinstance(given, Split):
            y = checked_targets(given.y, self.task, self.classes)
            return given if y is given.y else replace(given, y=y)
        try:
            stream = given if isinstance(given, Stream) else Stream(given)
            few = stream.first(FEW)
            self._look(few)
            stream.count(functools.partial(self._look, like=few))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        return stream

    def _look(self, examples: Split, like: Split | None = None) -> None:
        """Make sure that the targets of some examples of a stream are what the task allows."""
        if self.task != "custom" and like is not None and examples.y.shape[1:] != like.y.shape[1:]:
            raise ValueError(
                f"an example has targets of the shape {like.y.shape[1:]} in one batch and "
                f"{examples.y.shape[1:]} in another: bring them to one, or use task='custom'"
            )
        if checked_targets(examples.y, self.task, self.classes) is not examples.y:
            raise ValueError("the targets of a stream must be the indices of classes, not names")

    def _doubts(self) -> list[str]:
        """Say of which streams nobody will notice that their examples have changed."""
        return [
            f"{name} gives its examples in another order, or others, whenever it is read: whether "
            "they have changed since a search was interrupted is not noticed; Stream(..., "
            "digest=...) can say it"
            for name, one in self._splits.items()
            if isinstance(one, Stream) and one.is_known_by_form_alone
        ]

    def info(self) -> dict[str, Any]:
        """Describe the dataset in JSON's terms, as MLflow records it.

        Returns:
            `name`, `digest`; `source` and `source_type` (`local` for a folder or file, `code` for
            a function); `schema`, in the form of MLflow's own datasets; `profile`: the task, the
            classes, each split's number of rows and rows of each class, and `columns`.
        """
        return {
            "name": self.name,
            "digest": self.digest,
            "source": self.source,
            "source_type": "local" if Path(self.source).is_absolute() else "code",
            "schema": schema(self.train.first(1)),
            "profile": {
                "task": self.task,
                "classes": list(self.classes),
                **({"targets": list(self.targets)} if self.targets else {}),
                "rows": {name: len(split) for name, split in self._splits.items()},
                **self._counts(),
                **({"columns": [dict(facts) for facts in self.columns]} if self.columns else {}),
            },
        }

    def _counts(self) -> dict[str, Any]:
        """Return how many rows of each split are of each class or label, if that can be said."""
        splits = self._splits
        if any(isinstance(one, Stream) for one in splits.values()):
            return {}  # it would take a pass over all examples
        counts = {
            name: rows_of_classes(one.y, self.task, len(self.classes))
            for name, one in splits.items()
        }
        return {} if None in counts.values() else {"rows_of_classes": counts}


def _weighted(data: Split | Stream, of_class: Array) -> Split | Stream:
    return weighted(data, of_class) if isinstance(data, Split) else data.weighted(of_class)


def _digest(splits: list[Split | Stream], *facts: object) -> str:
    """Return what stands for all splits; those that are streams tell it themselves."""
    streams = [(i, one.digest) for i, one in enumerate(splits) if isinstance(one, Stream)]
    return content_digest([one for one in splits if isinstance(one, Split)], *facts, *streams)


def _check_alike(splits: list[Split | Stream]) -> None:
    """Make sure that what a model is trained on is what it is validated and tested on."""
    first, *others = (_form(split.first(1)) for split in splits)
    for name, form in zip(_SPLITS[1:], others, strict=True):
        if form != first:
            raise ValueError(f"train has {_told(first)}, but {name} has {_told(form)}")


def _form(split: Split) -> dict[str, tuple[bool, int]]:
    """Describe what Keras cannot make up for: lengths may differ, as those of padded texts do."""
    parts = {"x": split.x} if split.y is None else {"x": split.x, "y": split.y}
    return {
        f"{what} {name}".strip(): (array.dtype == object, array.ndim)
        for what, structure in parts.items()
        for name, array in leaves(structure)
    }


def _told(form: Mapping[str, tuple[bool, int]]) -> str:
    return ", ".join(
        f"{name} of {'texts' if text else 'numbers'} in {axes} axes"
        for name, (text, axes) in form.items()
    )
