"""Builds the models of a search: seeded, with all their weights, in a fresh Keras session."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import keras_tuner

from pipeline.datasets.feed import AnyExamples
from pipeline.frozen.model_graph import forget_consumers
from pipeline.training.build_shapes import build_again
from pipeline.training.compile_arguments import compile_arguments
from pipeline.training.own_fit import has_own_fit
from pipeline.training.weights import Weights


@dataclass(frozen=True)
class Building:
    """Builds models of one hypermodel.

    Attributes:
        hypermodel: Builds a model from hyperparameters.
        precision: Keras's dtype policy.
        examples: Gives what the models are trained on.
        compiled_with: Makes what models are compiled with in place of what the hypermodel says.
    """

    hypermodel: keras_tuner.HyperModel
    precision: str
    examples: Callable[[], AnyExamples]
    compiled_with: Callable[[], Mapping[str, Any]] = dict

    def build(
        self,
        hyperparameters: keras_tuner.HyperParameters,
        seed: int,
        weights: Weights | None = None,
    ) -> keras.Model:
        """Build a model.

        Args:
            hyperparameters: The values to build it from.
            seed: Decides on its weights, and on what is drawn in its training.
            weights: What it is given, with its optimizer's state, in place of fresh ones.

        Raises:
            TypeError: The hypermodel returned no Keras model.
            FatalValueError: It is not compiled, and what it is to be compiled with is not enough.
        """
        keras.backend.clear_session()  # collects garbage too
        keras.config.set_dtype_policy(self.precision)
        keras.utils.set_random_seed(seed % 2**32)  # NumPy takes 32 bits
        model = self.hypermodel.build(hyperparameters)
        if not isinstance(model, keras.Model):
            raise TypeError(
                "the hypermodel must build a keras.Model; "
                f"received {model!r} of type {type(model).__name__}"
            )
        forget_consumers(model)
        self._compile_again(model)
        own_fit = has_own_fit(self.hypermodel)
        if getattr(model, "inputs", None) is None and (weights is not None or not own_fit):
            self._create_weights(model, weights)
        if weights is not None:
            # A `fit` of its own may have compiled its model anew, perhaps with another optimizer.
            (weights.for_optimizer_of(model) if own_fit else weights).apply(model)
        return model

    def _compile_again(self, model: keras.Model) -> None:
        """Compile a model with what is given in place of its own, as KerasTuner's tuners do."""
        given = self.compiled_with()
        if not given:
            return
        if not model.compiled and not {"optimizer", "loss"} <= given.keys():
            raise keras_tuner.errors.FatalValueError(
                "its hypermodel does not compile it: give both compile.optimizer and compile.loss"
            )
        model.compile(**(compile_arguments(model) | dict(given)))

    def _create_weights(self, model: keras.Model, weights: Weights | None) -> None:
        """Let a model that is no graph have its weights, which it lacks until it has seen data.

        A `fit` of its own may show it other data than the dataset's: it is built with their shape.
        """
        if weights is not None and weights.shapes is not None:
            build_again(model, weights.shapes)
            if len(model.weights) == len(weights.model):
                return
        model(self.examples().first(1)[0])
