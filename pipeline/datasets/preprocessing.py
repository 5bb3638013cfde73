"""How raw examples become numbers, inside the model, so that it can be served raw examples.

Statistics and vocabularies are measured on training examples with NumPy and become constants of
the model: nothing is adapted, so building a model for every trial is cheap, and a saved model
needs no custom objects. All of it works in float32 under any precision policy.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pipeline.datasets.rows import Array, Rows, blocks
from pipeline.datasets.splits import Inputs


class Preprocessing(Protocol):
    """Plain data that knows how to build a model's first layers."""

    def inputs(self) -> tuple[Any, Any]:
        """Return fresh `keras.Input`(s) for raw examples and the symbolic numbers they become."""
        ...


@dataclass(frozen=True)
class ImageScaling:
    """Brings pixels to [0, 1].

    Attributes:
        shape: Height, width and channels of an image.
        max_value: The brightest value a raw pixel can have; the darkest is 0.
    """

    shape: tuple[int, ...]
    max_value: float

    def inputs(self) -> tuple[Any, Any]:
        """Return an input of raw images and the scaled images, both of `shape`."""
        import keras

        raw = keras.Input(self.shape, name="image", dtype="float32")
        return raw, self.apply(raw)

    def apply(self, raw: Any) -> Any:
        """Return the symbolic images scaled."""
        import keras

        return keras.layers.Rescaling(1 / self.max_value, dtype="float32")(raw)


@dataclass(frozen=True, eq=False)
class Standardization:
    """Brings each of d features to mean 0 and standard deviation 1.

    `keras.layers.Normalization` is not used: it takes no deviation below 1e-7, which a quantity
    in SI units easily has. And it divides a constant feature by 1e-7, so that another value, which
    a served model may meet, is a huge number for weights that nothing has trained.

    Attributes:
        mean: `(d,)` float32, of the training examples.
        deviation: `(d,)` float32, of the training examples; 0 for a constant feature, which is
            always 0: whatever value it has later, no training example tells what that means.
        shape: Of an example, whose last axis has the features; None for `(d,)`.
    """

    mean: Array
    deviation: Array
    shape: tuple[int, ...] | None = None

    @classmethod
    def fit(cls, x: Inputs) -> "Standardization":
        """Measure training examples of shape `(n, d)`, or with other axes before the last one."""
        given = x if isinstance(x, Rows) and x.ndim > 1 else np.asanyarray(x)
        given = given[:, np.newaxis] if given.ndim == 1 else given
        mean, deviation = _mean_and_deviation(given)
        return cls(mean.astype(np.float32), deviation.astype(np.float32), given.shape[1:])

    def inputs(self) -> tuple[Any, Any]:
        """Return an input of raw features and the standardised ones, both of `shape`."""
        import keras

        raw = keras.Input(self.shape or self.mean.shape, name="features", dtype="float32")
        return raw, self.apply(raw)

    def apply(self, raw: Any) -> Any:
        """Return the symbolic features standardised."""
        constant = self.deviation == 0
        if not constant.any():
            return (raw - self.mean) / self.deviation
        from keras import ops

        return ops.where(constant, 0.0, (raw - self.mean) / np.where(constant, 1, self.deviation))


def _mean_and_deviation(x: Array | Rows) -> tuple[Array, Array]:
    """Return each feature's mean and deviation, `(d,)` float64; those of a constant one are 0.

    What lies in a file is read a few megabytes at a time.
    """
    parts = [_moments(block) for block in blocks(x)]
    counts, means, variances, least, most = (np.array(one) for one in zip(*parts, strict=True))
    shares = (counts / counts.sum())[:, np.newaxis]
    mean = (shares * means).sum(axis=0)
    variance = (shares * (variances + (means - mean) ** 2)).sum(axis=0)
    constant = least.min(axis=0) == most.max(axis=0)
    return mean, np.where(constant, 0.0, np.sqrt(variance))


def _moments(block: Array) -> tuple[int, Array, Array, Array, Array]:
    """Return how many values of each feature there are, their mean, variance, least and most."""
    axes = tuple(range(block.ndim - 1))
    given, wide = np.asarray(block, dtype=np.float32), np.asarray(block, dtype=np.float64)
    least, most = given.min(axis=axes), given.max(axis=axes)  # as a model is given them
    return math.prod(block.shape[:-1]), wide.mean(axis=axes), wide.var(axis=axes), least, most
