"""How raw examples become numbers, inside the model, so that it can be served raw examples.

Statistics and vocabularies are measured on training examples with NumPy and become constants of
the model: nothing is adapted, so building a model for every trial is cheap, and a saved model
needs no custom objects. All of it works in float32 under any precision policy.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pipeline.datasets.rows import Array
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
        return raw, keras.layers.Rescaling(1 / self.max_value, dtype="float32")(raw)


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
    """

    mean: Array
    deviation: Array

    @classmethod
    def fit(cls, x: Inputs) -> "Standardization":
        """Measure training examples of shape `(n, d)`."""
        given, wide = np.asarray(x, dtype=np.float32), np.asarray(x, dtype=np.float64)
        constant = given.min(axis=0) == given.max(axis=0)  # as a model is given it
        deviation = np.where(constant, 0.0, wide.std(axis=0))
        return cls(wide.mean(axis=0).astype(np.float32), deviation.astype(np.float32))

    def inputs(self) -> tuple[Any, Any]:
        """Return an input of raw features and the standardised ones, both `(d,)`."""
        import keras

        raw = keras.Input(self.mean.shape, name="features", dtype="float32")
        return raw, self.apply(raw)

    def apply(self, raw: Any) -> Any:
        """Return the symbolic features standardised."""
        constant = self.deviation == 0
        if not constant.any():
            return (raw - self.mean) / self.deviation
        from keras import ops

        return ops.where(constant, 0.0, (raw - self.mean) / np.where(constant, 1, self.deviation))
