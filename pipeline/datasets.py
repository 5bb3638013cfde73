"""The datasets: what a search trains, validates and tests on, and their loaders."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from pipeline.preprocessing import ImageScaling, Preprocessing, Standardization
from pipeline.splits import Array, Inputs, Split, join, part

__all__ = ["Array", "Dataset", "Inputs", "Split", "breast_cancer", "diabetes", "digits", "wine"]

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
        digest: 16 hexadecimal digits that stand for the contents: task, classes and all splits.

    Raises:
        ValueError: Inputs hold NaN or infinite values (in a table NaN means missing), targets are
            not finite or no indices of the classes, or there are fewer than two classes.

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
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        for split in (self.train, self.validation, self.test):
            _check_inputs(split.x)
            _check_targets(split.y, self.task, self.classes)
        object.__setattr__(self, "digest", _digest(self))

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


def digits(*, validation_size: float, test_size: float, seed: int) -> Dataset:
    """Load scikit-learn's 1797 handwritten digits: 8 x 8 pixels of 0 to 16, ten classes."""
    from sklearn.datasets import load_digits

    data = load_digits()
    x = data.images[..., np.newaxis].astype(np.float32)
    y = data.target.astype(np.int64)
    classes = tuple(str(name) for name in data.target_names)
    sizes = {"validation_size": validation_size, "test_size": test_size}
    train, validation, test = part(x, y, sizes=sizes, classes=classes, seed=seed)
    return Dataset(
        name="digits",
        task="classification",
        train=train,
        validation=validation,
        test=test,
        classes=classes,
        source="sklearn.datasets.load_digits",
        preprocessing=ImageScaling((8, 8, 1), max_value=16.0),
    )


def breast_cancer(*, validation_size: float, test_size: float, seed: int) -> Dataset:
    """Load scikit-learn's 569 tumours: 30 measurements, malignant or benign."""
    from sklearn.datasets import load_breast_cancer

    sizes = {"validation_size": validation_size, "test_size": test_size}
    return _measurements("breast_cancer", load_breast_cancer(), sizes, seed)


def wine(*, validation_size: float, test_size: float, seed: int) -> Dataset:
    """Load scikit-learn's 178 wines: 13 measurements, three cultivars."""
    from sklearn.datasets import load_wine

    sizes = {"validation_size": validation_size, "test_size": test_size}
    return _measurements("wine", load_wine(), sizes, seed)


def diabetes(*, validation_size: float, test_size: float, seed: int) -> Dataset:
    """Load scikit-learn's 442 patients: 10 raw measurements, the disease's progress (25 to 346)."""
    from sklearn.datasets import load_diabetes

    sizes = {"validation_size": validation_size, "test_size": test_size}
    return _measurements("diabetes", load_diabetes(scaled=False), sizes, seed)


def _measurements(name: str, data: Any, sizes: Mapping[str, float], seed: int) -> Dataset:
    classes = tuple(str(label) for label in getattr(data, "target_names", ()))
    x = data.data.astype(np.float32)
    y = data.target.astype(np.int64 if classes else np.float32)
    train, validation, test = part(x, y, sizes=sizes, classes=classes, seed=seed)
    return Dataset(
        name=name,
        task="classification" if classes else "regression",
        train=train,
        validation=validation,
        test=test,
        classes=classes,
        source=f"sklearn.datasets.load_{name}",
        preprocessing=Standardization.fit(train.x),
    )


def _check_inputs(x: Inputs) -> None:
    """Refuse what no model can learn from; NaN is how a table says that a value is missing."""
    if isinstance(x, Mapping):
        for name, column in x.items():
            if column.dtype.kind == "f" and np.isinf(column).any():
                raise ValueError(
                    f"column {name!r} has {np.isinf(column).sum()} infinite values: "
                    "use numbers, or leave them empty if they are missing"
                )
        return
    bad = ~np.isfinite(x)
    if bad.any():
        rows = bad.reshape(len(x), -1).any(axis=1)
        columns = np.flatnonzero(bad.any(axis=0)).tolist() if x.ndim == 2 else []
        where = f", in the columns {columns} (counted from 0)" if columns else ""
        raise ValueError(
            f"the inputs have {bad.sum()} NaN or infinite values in {rows.sum()} examples{where}: "
            "all must be finite numbers"
        )


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


def _digest(dataset: Dataset) -> str:
    """Hash everything that a model or its evaluation can see, the same on every machine."""
    digest = hashlib.sha256(repr((dataset.task, dataset.classes)).encode())
    for split in (dataset.train, dataset.validation, dataset.test):
        columns = split.x.items() if isinstance(split.x, Mapping) else [("", split.x)]
        for name, array in [*columns, ("y", split.y)]:
            digest.update(repr((name, array.dtype.str, array.shape)).encode())
            digest.update(np.ascontiguousarray(array).data.cast("B"))
    return digest.hexdigest()[:16]
