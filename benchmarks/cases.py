"""The cases: a dataset and a hypermodel each, the same for every contender."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import keras_tuner
import numpy as np

from benchmarks import frozen_models
from benchmarks.frozen_models import FrozenWithHead
from benchmarks.work import BATCH_SIZE, SEED, Work
from pipeline.datasets import Dataset, Split, digits
from pipeline.hypermodels import MLP
from pipeline.hypermodels.discovery import discover
from pipeline.preprocessing import ImageScaling
from pipeline.seeds import derive_seed
from pipeline.strategies.grids import key
from pipeline.strategies.sampling import sample_unseen

_CLASSES = ("left above", "right above", "left below", "right below")


@dataclass(frozen=True)
class Case:
    """What is searched.

    Attributes:
        hypermodel: Builds the models.
        train: What they are trained on.
        validation: What they are validated on.
    """

    hypermodel: keras_tuner.HyperModel
    train: Split
    validation: Split

    def fit_arguments(self, epochs: int) -> dict[str, Any]:
        """Return what `keras.Model.fit` is given, by whoever calls it.

        Args:
            epochs: Epochs of a trial.

        Returns:
            Its arguments by name.
        """
        return {
            "x": self.train.x,
            "y": self.train.y,
            "validation_data": (self.validation.x, self.validation.y),
            "batch_size": BATCH_SIZE,
            "epochs": epochs,
            "verbose": 0,
        }

    def on_features(self) -> "Case":
        """Return the case of the heads, on features that one `predict` makes of each split."""
        part = self.hypermodel.frozen_part()

        def features(split: Split) -> Split:
            return Split(part.predict(split.x, batch_size=BATCH_SIZE, verbose=0), split.y)

        head = _HeadAlone(self.hypermodel)
        return Case(head, features(self.train), features(self.validation))

    @property
    def has_frozen_part(self) -> bool:
        """Whether there are features to be had."""
        return isinstance(self.hypermodel, FrozenWithHead)


class _HeadAlone(keras_tuner.HyperModel):
    """Builds the heads of a hypermodel, which take features."""

    def __init__(self, whole: FrozenWithHead) -> None:
        super().__init__()
        self.whole = whole

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        return self.whole.build_on_features(hp)


class _Seeded(keras_tuner.HyperModel):
    """Builds each trial's model with the seed of its number."""

    def __init__(
        self, hypermodel: keras_tuner.HyperModel, sets: Sequence[Mapping[str, Any]]
    ) -> None:
        super().__init__()
        self.hypermodel = hypermodel
        self.numbers = {key(values): number for number, values in enumerate(sets)}

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        number = self.numbers.get(key(hp.values))
        if number is not None:  # not the first look at the search space, and not Hyperband's
            keras.utils.set_random_seed(trial_seed(number))
        return self.hypermodel.build(hp)


def trial_seed(number: int) -> int:
    """Return the seed that ours gives a trial; weights, dropout and the order follow from it."""
    return derive_seed(SEED, "execution", f"{number:04}", 0, 0) % 2**32


def load(work: Work) -> Case:
    """Return a search's case, with models seeded by trial."""
    return seeded(CASES[work.case](), work)


def seeded(case: Case, work: Work) -> Case:
    """Return a case with models seeded by trial.

    Args:
        case: Any case.
        work: The search, whose hyperparameters tell the trials apart.

    Returns:
        The same, but for the seeds.
    """
    return replace(case, hypermodel=_Seeded(case.hypermodel, work.sets))


def small() -> Case:
    """Return the digits with a multilayer perceptron, as `dataset=digits model=mlp` names them."""
    dataset = digits(validation_size=0.15, test_size=0.15, seed=0)
    return _of(dataset, MLP(dataset=dataset))


def inception() -> Case:
    """Return images of 128 x 128 pixels with a frozen InceptionV3."""
    return _of(blobs(image_size=128), frozen_models.inception())


def mobilenet() -> Case:
    """Return images of 160 x 160 pixels with a frozen MobileNetV2."""
    return _of(blobs(image_size=160), frozen_models.mobilenet())


def _of(dataset: Dataset, hypermodel: keras_tuner.HyperModel) -> Case:
    return Case(hypermodel, dataset.train, dataset.validation)


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
    return drawn(CASES[case]().hypermodel, count)


def drawn(hypermodel: keras_tuner.HyperModel, count: int) -> tuple[Mapping[str, Any], ...]:
    """Draw different hyperparameters from the search space of a hypermodel.

    Args:
        hypermodel: What builds the models.
        count: How many sets.

    Returns:
        The sets, always the same ones.
    """
    space = discover(hypermodel)
    sets: list[Mapping[str, Any]] = []
    for number in range(count):
        values = sample_unseen(space, derive_seed(SEED, "sets", number), sets)
        if values is None:
            raise ValueError(f"the search space has only {number} combinations")
        sets.append(values)
    return tuple(sets)


def hyperparameters(values: Mapping[str, Any]) -> keras_tuner.HyperParameters:
    """Return hyperparameters that a hypermodel builds with, without a tuner."""
    result = keras_tuner.HyperParameters()
    result.values = dict(values)
    return result
