"""A dataset: what a search trains, validates and tests on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.datasets.preprocessing import (
    Preprocessing,
)
from pipeline.datasets.splits import Array, Inputs, Split, content_digest, join, schema

__all__ = ["Array", "Dataset", "Inputs", "Split", "Task"]  # loaders are named by their dotted path

Task = Literal["classification", "regression"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples in three splits, and what a model must know of them.

    Attributes:
        name: A short name, for people.
        task: `classification` or `regression`.
        train: What models are trained on.
        validation: What the search compares trials on.
        test: What only the best model is evaluated on.
        classes: Names of the classes, in the order of their indices; empty for regression.
        source: Where the examples come from: a function's dotted name or an absolute path.
        preprocessing: How raw inputs become numbers inside the model.
        notes: What there is to say of how it was read, a sentence each.
        digest: 16 hexadecimal digits that stand for the contents: task, classes and all splits.

    Raises:
        ValueError: Targets are not finite or no indices of the classes, or there are fewer than
            two classes.

    Example:
        >>> dataset = digits(validation_size=0.15, test_size=0.15, seed=0)
        >>> inputs, features = dataset.inputs()
        >>> outputs = keras.layers.Dense(len(dataset.classes))(keras.layers.Flatten()(features))
        >>> model = keras.Model(inputs, outputs)
    """

    name: str
    task: Task
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    source: str
    preprocessing: Preprocessing
    notes: tuple[str, ...] = ()
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        splits = (self.train, self.validation, self.test)
        for split in splits:
            _check_targets(split.y, self.task, self.classes)
        object.__setattr__(self, "digest", content_digest(splits, self.task, self.classes))

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one raw example; of a table: `(number of columns,)`."""
        x = self.train.x
        return (len(x),) if isinstance(x, Mapping) else tuple(x.shape[1:])

    def inputs(self) -> tuple[Any, Any]:
        """Return fresh model inputs for raw examples, and the encoded symbolic float tensor."""
        return self.preprocessing.inputs()

    def training_data(self) -> Split:
        """Return train and validation together, for the final training."""
        return join(self.train, self.validation)

    def info(self) -> dict[str, Any]:
        """Describe the dataset in JSON's terms, as MLflow records it.

        Returns:
            `name`, `digest`; `source` and `source_type` (`local` for a folder or file, `code` for
            a function); `schema`, in the form of MLflow's own datasets; `profile`: the task, the
            classes and each split's number of rows.
        """
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return {
            "name": self.name,
            "digest": self.digest,
            "source": self.source,
            "source_type": "local" if Path(self.source).is_absolute() else "code",
            "schema": schema(self.train),
            "profile": {
                "task": self.task,
                "classes": list(self.classes),
                "rows": {name: len(split) for name, split in splits.items()},
            },
        }


def _check_targets(y: Array, task: Task, classes: tuple[str, ...]) -> None:
    if task == "regression":
        if not np.isfinite(y).all():
            raise ValueError(
                f"the targets have {(~np.isfinite(y)).sum()} NaN or infinite values: "
                "all must be finite numbers"
            )
        return
    if len(classes) < 2:
        raise ValueError(f"classification needs at least two classes, received {list(classes)}")
    if y.min() < 0 or y.max() >= len(classes):
        raise ValueError(
            f"the targets must be class indices from 0 to {len(classes) - 1}, "
            f"received {y.min()} to {y.max()}"
        )
