"""A model's weights and its optimizer's state, as arrays."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from pipeline.frozen.part import FrozenPart, find_frozen_part


@dataclass(frozen=True)
class FrozenWeights:
    """The weights of the part of a model that no training changes, the same in many trials.

    Attributes:
        digest: The part's, as in `FrozenPart`.
        arrays: The weights, in Keras's order.
    """

    digest: str
    arrays: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Weights:
    """A model's weights and its optimizer's state at one epoch.

    Attributes:
        model: The model's weights, in Keras's order.
        optimizer: The optimizer's variables (iterations, learning rate, moments), in Keras's
            order; empty if the model has none.
        frozen: Those of the model's frozen part, if `model` has only the rest.
        shapes: What the model was built with, as its `get_build_config` tells, if its hypermodel
            leaves that to its training.
    """

    model: tuple[np.ndarray, ...]
    optimizer: tuple[np.ndarray, ...]
    frozen: FrozenWeights | None = None
    shapes: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, model: keras.Model, part: FrozenPart | None = None) -> "Weights":
        """Copy them from a model; of its frozen part, what was copied already is taken."""
        weights = model.weights if part is None else part.head.weights
        return cls(_copies(weights), _copies(_optimizer_variables(model))).with_frozen(part)

    def with_frozen(self, part: FrozenPart | None) -> "Weights":
        """Return these weights with those of a frozen part that they lack."""
        frozen = None if part is None else FrozenWeights(part.digest, part.weights)
        return replace(self, frozen=frozen)

    @classmethod
    def all_of(cls, model: keras.Model) -> "Weights":
        """Copy them from a model, and with them the states of its random generators."""
        return cls(_copies(model.variables), _copies(_optimizer_variables(model)))

    def for_optimizer_of(self, model: keras.Model) -> "Weights":
        """Return these weights for a model that may have been compiled in another way.

        A hypermodel's own `fit` may compile its model again, with other layers to train or another
        optimizer. The state is kept only if a model's own optimizer has such variables; a model's
        weights are in the same order whichever of them are trained (Keras 3.15).
        """
        build_optimizer(model)
        shapes = [tuple(variable.shape) for variable in _optimizer_variables(model)]
        fits = shapes == [array.shape for array in self.optimizer]
        return self if fits else replace(self, optimizer=())

    def apply(self, model: keras.Model) -> None:
        """Give them to a built model, and to its optimizer.

        KerasTuner loads a promoted trial's weights into a model whose optimizer is not built yet,
        so that Keras skips the optimizer's state; it is built here first.
        """
        part = None if self.frozen is None else find_frozen_part(model)
        if part is None or self.frozen is None:
            self._assign(model.weights, model)
            return
        self._assign(part.head.weights, model)
        if part.digest != self.frozen.digest:
            for variable, value in zip(part.extractor.weights, self.frozen.arrays, strict=True):
                variable.assign(value)

    def apply_all(self, model: keras.Model) -> None:
        """Give what `all_of` copied to a built model and to its optimizer."""
        self._assign(model.variables, model)

    def _assign(self, variables: Sequence[keras.Variable], model: keras.Model) -> None:
        for variable, value in zip(variables, self.model, strict=True):
            variable.assign(value)
        if self.optimizer:
            build_optimizer(model)
            for variable, value in zip(model.optimizer.variables, self.optimizer, strict=True):
                variable.assign(value)


def build_optimizer(model: keras.Model) -> None:
    """Create the variables of a model's optimizer, unless it has them or there is none."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and not optimizer.built:
        optimizer.build(model.trainable_variables)


def _optimizer_variables(model: keras.Model) -> Sequence[keras.Variable]:
    optimizer = getattr(model, "optimizer", None)  # absent where a user's `fit` has its own
    return optimizer.variables if optimizer else ()


def _copies(variables: Iterable[keras.Variable]) -> tuple[np.ndarray, ...]:
    return tuple(np.array(keras.ops.convert_to_numpy(variable)) for variable in variables)
