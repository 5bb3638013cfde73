"""How raw examples become numbers, inside the model, so that it can be served raw examples."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pipeline.splits import Array, Inputs


class Preprocessing(Protocol):
    """Plain data that knows how to build a model's first layers."""

    def inputs(self) -> tuple[Any, Any]:
        """Return fresh `keras.Input`(s) for raw examples and the numbers they become.

        The layers hold their statistics and vocabularies as constants: nothing is adapted, and a
        saved model needs no custom objects. They work in float32 under any precision policy.
        """
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
        scale = keras.layers.Rescaling(1 / self.max_value, dtype="float32", name="scale_pixels")
        return raw, scale(raw)


@dataclass(frozen=True, eq=False)
class Standardization:
    """Brings each of d features to mean 0 and variance 1.

    Attributes:
        mean: `(d,)` float32, of the training examples.
        variance: `(d,)` float32, of the training examples; 1 for a constant feature.
    """

    mean: Array
    variance: Array

    @classmethod
    def fit(cls, x: Inputs) -> "Standardization":
        """Measure training examples of shape `(n, d)`."""
        wide = np.asarray(x, dtype=np.float64)
        variance = wide.var(axis=0)
        variance[variance == 0] = 1
        return cls(wide.mean(axis=0).astype(np.float32), variance.astype(np.float32))

    def inputs(self) -> tuple[Any, Any]:
        """Return an input of raw features and the standardised ones, both `(d,)`."""
        import keras

        raw = keras.Input((len(self.mean),), name="features", dtype="float32")
        standardize = keras.layers.Normalization(
            mean=self.mean, variance=self.variance, dtype="float32", name="standardize"
        )
        return raw, standardize(raw)
