"""The loaders: what `conf/dataset/` names, each a function that returns a `Dataset`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.datasets.dataset import Dataset
from pipeline.datasets.downloads import CLASSES, download
from pipeline.datasets.preprocessing import (
    ImageScaling,
    Preprocessing,
    Standardization,
)
from pipeline.datasets.rows import Array
from pipeline.datasets.splits import Inputs, Partition, Split


def digits(*, validation_size: float, test_size: float, seed: int) -> Dataset:
    """Load scikit-learn's 1797 handwritten digits: 8 x 8 x 1 pixels of 0 to 16, ten classes."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return _dataset(
        "digits",
        data.images[..., np.newaxis].astype(np.float32),
        data.target.astype(np.int64),
        classes=tuple(str(name) for name in data.target_names),
        partition=_partition(validation_size, test_size, seed),
        source="sklearn.datasets.load_digits",
        preprocess=lambda x: ImageScaling(x.shape[1:], max_value=16.0),
    )


def breast_cancer(*, validation_size: float, test_size: float, seed: int) -> Dataset:
    """Load scikit-learn's 569 tumours: 30 measurements, malignant or benign."""
    from sklearn.datasets import load_breast_cancer

    partition = _partition(validation_size, test_size, seed)
    return _measurements("breast_cancer", load_breast_cancer(), partition)


def wine(*, validation_size: float, test_size: float, seed: int) -> Dataset:
    """Load scikit-learn's 178 wines: 13 measurements, three cultivars."""
    from sklearn.datasets import load_wine

    partition = _partition(validation_size, test_size, seed)
    return _measurements("wine", load_wine(), partition)


def diabetes(*, validation_size: float, test_size: float, seed: int) -> Dataset:
    """Load scikit-learn's 442 patients: 10 raw measurements, the disease's progress (25 to 346)."""
    from sklearn.datasets import load_diabetes

    partition = _partition(validation_size, test_size, seed)
    return _measurements("diabetes", load_diabetes(scaled=False), partition)


def mnist(*, validation_size: float, seed: int) -> Dataset:
    """Load 70000 handwritten digits, 28 x 28 x 1, ten classes; Keras' 10000 are the test split.

    This and the two loaders below need the network once, unless Keras has the files in its cache,
    and take `validation_size` of the examples that Keras calls training data.

    Raises:
        ConnectionError: The files are not in the cache and cannot be downloaded.
    """
    return _downloaded("mnist", validation_size, seed)


def fashion_mnist(*, validation_size: float, seed: int) -> Dataset:
    """Load 70000 pieces of clothing, 28 x 28 x 1, ten classes; see `mnist`."""
    return _downloaded("fashion_mnist", validation_size, seed)


def cifar10(*, validation_size: float, seed: int) -> Dataset:
    """Load 60000 photographs, 32 x 32 x 3, ten classes; see `mnist`."""
    return _downloaded("cifar10", validation_size, seed)


def _partition(validation_size: float, test_size: float, seed: int) -> Partition:
    return Partition({"validation_size": validation_size, "test_size": test_size}, seed)


def _measurements(name: str, data: Any, partition: Partition) -> Dataset:
    classes = tuple(str(label) for label in getattr(data, "target_names", ()))
    return _dataset(
        name,
        data.data.astype(np.float32),
        data.target.astype(np.int64 if classes else np.float32),
        classes=classes,
        partition=partition,
        source=f"sklearn.datasets.load_{name}",
        preprocess=Standardization.fit,
    )


def _downloaded(name: str, validation_size: float, seed: int) -> Dataset:
    partition = Partition({"validation_size": validation_size}, seed)
    train, test = download(name)
    return _dataset(
        name,
        train.x,
        train.y,
        classes=CLASSES[name],
        partition=partition,
        source=f"keras.datasets.{name}",
        preprocess=lambda x: ImageScaling(x.shape[1:], max_value=255.0),
        test=test,
    )


def _dataset(
    name: str,
    x: Inputs,
    y: Array,
    *,
    classes: tuple[str, ...],
    partition: Partition,
    source: str,
    preprocess: Callable[[Any], Preprocessing],
    test: Split | None = None,
    notes: tuple[str, ...] = (),
) -> Dataset:
    """Part the examples, except for a test split that is given, and measure the training ones."""
    parts = partition.apply(x, y, classes=classes)
    train, validation, test = parts if test is None else [*parts, test]
    return Dataset(
        name=name,
        task="classification" if classes else "regression",
        train=train,
        validation=validation,
        test=test,
        classes=classes,
        source=source,
        preprocessing=preprocess(train.x),
        notes=notes,
    )
