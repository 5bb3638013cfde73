"""The cases: a dataset and a hypermodel each, the same for every contender."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras_tuner
import numpy as np

from benchmarks import frozen_models
from benchmarks.work import BATCH_SIZE, SEED, Work
from pipeline.datasets import Dataset, Split, digits
from pipeline.hypermodels import MLP, spaces
from pipeline.preprocessing import ImageScaling
from pipeline.seeds import derive_seed
from pipeline.strategies.grids import key
from pipeline.strategies.sampling import sample_unseen

_CLASSES = ("left above", "right above", "left below", "right below")


class Case(NamedTuple):
    """What is searched.

    Attributes:
        dataset: What models are trained on.
        hypermodel: Builds them.
    """

    dataset: Dataset
    hypermodel: keras_tuner.HyperModel


def small() -> Case:
    """Return the digits with a multilayer perceptron, as `dataset=digits model=mlp` names them."""
    dataset = digits(validation_size=0.15, test_size=0.15, seed=0)
    return Case(dataset, MLP(dataset=dataset))


def inception() -> Case:
    """Return images of 128 x 128 pixels with a frozen InceptionV3."""
    return Case(blobs(image_size=128), frozen_models.inception())


def mobilenet() -> Case:
    """Return images of 160 x 160 pixels with a frozen MobileNetV2."""
    return Case(blobs(image_size=160), frozen_models.mobilenet())


CASES: Mapping[str, Callable[[], Case]] = {
    "small": small,
    "inception": inception,
    "mobilenet": mobilenet,
}


def blobs(*, image_size: int) -> Dataset:
    """Generate noisy images with a bright blob, whose quarter of the image is the class.

    Args:
        image_size: Height and width in pixels.

    Returns:
        410 images to train on, 102 to validate and 64 to test on, with pixels of 0 to 1.
    """
    random = np.random.default_rng(SEED)
    return Dataset(
        "blobs",
        "classification",
        train=_blobs(410, image_size, random),
        validation=_blobs(102, image_size, random),
        test=_blobs(64, image_size, random),
        classes=_CLASSES,
        source="benchmarks.cases.blobs",
        preprocessing=ImageScaling((image_size, image_size, 3), max_value=1.0),
    )


def _blobs(count: int, size: int, random: np.random.Generator) -> Split:
    y = random.integers(len(_CLASSES), size=count)
    centers = np.stack([y // 2, y % 2], axis=1) * size / 2 + random.uniform(0, size / 2, (count, 2))
    rows, columns = np.ogrid[:size, :size]
    x = random.uniform(0, 0.5, (count, size, size, 3)).astype(np.float32)
    for image, (row, column) in zip(x, centers, strict=True):
        distance = (rows - row) ** 2 + (columns - column) ** 2
        image += 0.5 * np.exp(-distance / (size / 8) ** 2)[..., np.newaxis]
    return Split(x, y.astype(np.int64))


def draw_sets(case: str, count: int) -> tuple[Mapping[str, Any], ...]:
    """Draw different hyperparameters from a case's search space.

    Args:
        case: One of `CASES`.
        count: How many sets.

    Returns:
        The sets, always the same ones.
    """
    space = spaces.discover(CASES[case]().hypermodel)
    sets: dict[str, Mapping[str, Any]] = {}
    for number in range(count):
        values = sample_unseen(space, derive_seed(SEED, "sets", number), sets)
        if values is None:
            raise ValueError(f"the search space of {case} has only {number} combinations")
        sets[key(values)] = values
    return tuple(sets.values())


def fit_arguments(dataset: Dataset, work: Work) -> dict[str, Any]:
    """Return what `keras.Model.fit` is given, by whoever calls it.

    Args:
        dataset: What models are trained and validated on, as arrays.
        work: The search.

    Returns:
        Its arguments by name.
    """
    return {
        "x": dataset.train.x,
        "y": dataset.train.y,
        "validation_data": (dataset.validation.x, dataset.validation.y),
        "batch_size": BATCH_SIZE,
        "epochs": work.epochs,
        "verbose": 0,
    }


def hyperparameters(values: Mapping[str, Any]) -> keras_tuner.HyperParameters:
    """Return hyperparameters that a hypermodel builds with, without a tuner."""
    result = keras_tuner.HyperParameters()
    result.values = dict(values)
    return result
