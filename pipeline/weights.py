"""A model's weights and its optimizer's state, as arrays."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
        return cls(_copies(model.weights), _copies(_optimizer_variables(model)))

    @classmethod
    def all_of(cls, model: keras.Model) -> "Weights":
        """Copy them from a model, and with them the states of its random generators."""
        return cls(_copies(model.variables), _copies(_optimizer_variables(model)))

    def apply(self, model: keras.Model) -> None:
        """Give them to a built model, and to its optimizer.

        KerasTuner loads a promoted trial's weights into a model whose optimizer is not built yet,
        so that Keras skips the optimizer's state; it is built here first.
        """
        self._assign(model.weights, model)

    def apply_all(self, model: keras.Model) -> None:
        """Give what `all_of` copied to a built model and to its optimizer."""
        self._assign(model.variables, model)

    def _assign(self, variables: Sequence[keras.Variable], model: keras.Model) -> None:
        for variable, value in zip(variables, self.model, strict=True):
            variable.assign(value)
        if self.optimizer:
            model.optimizer.build(model.trainable_variables)
            for variable, value in zip(model.optimizer.variables, self.optimizer, strict=True):
                variable.assign(value)


def _optimizer_variables(model: keras.Model) -> Sequence[keras.Variable]:
    optimizer = getattr(model, "optimizer", None)  # absent where a user's `fit` has its own
    return optimizer.variables if optimizer else ()


def _copies(variables: Iterable[keras.Variable]) -> tuple[np.ndarray, ...]:
    return tuple(np.array(keras.ops.convert_to_numpy(variable)) for variable in variables)
