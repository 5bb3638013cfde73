"""A model's weights and its optimizer's state, as arrays."""

import os
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np


@dataclass(frozen=True)
class Weights:
    """A model's weights and its optimizer's state at one epoch.

    Attributes:
        model: The model's weights, in Keras's order.
        optimizer: The optimizer's variables (iterations, learning rate, moments), in Keras's
            order; empty if the model has none.
    """

    model: tuple[np.ndarray, ...]
    optimizer: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, model: keras.Model) -> "Weights":
        """Copy them from a model."""
        optimizer = getattr(model, "optimizer", None)  # absent where a user's `fit` has its own
        return cls(
            tuple(np.array(value) for value in model.get_weights()),
            tuple(np.array(variable.numpy()) for variable in optimizer.variables)
            if optimizer
            else (),
        )

    @classmethod
    def load(cls, path: Path) -> "Weights":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            count = int(file["count"])
            values = [file[str(index)] for index in range(len(file.files) - 1)]
        return cls(tuple(values[:count]), tuple(values[count:]))

    def save(self, path: Path) -> None:
        """Write them to an `.npz` file at once: a reader sees all of it or none."""
        temporary = path.with_name(f".{path.name}.tmp")
        values = {str(index): value for index, value in enumerate(self.model + self.optimizer)}
        with temporary.open("wb") as file:
            np.savez(file, count=np.array(len(self.model)), **values)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)

    def apply(self, model: keras.Model) -> None:
        """Give them to a built model, and to its optimizer.

        KerasTuner loads a promoted trial's weights into a model whose optimizer is not built yet,
        so that Keras skips the optimizer's state; it is built here first.
        """
        model.set_weights(list(self.model))
        if self.optimizer:
            model.optimizer.build(model.trainable_variables)
            for variable, value in zip(model.optimizer.variables, self.optimizer, strict=True):
                variable.assign(value)
