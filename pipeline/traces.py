"""Traced models that are trained again in place of equal new ones.

Keras traces the training step of every model anew, which takes longer than ten epochs of a small
one. But the trials of a search often share an architecture: the learning rate is a variable, and a
promoted trial is its parent with more epochs. A model that was trained before does what a new one
would do, once it has the values of all the new one's variables.
"""

import contextlib
from collections import ChainMap, OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import keras

from pipeline.fitting import Fitting
from pipeline.frozen import FrozenPart
from pipeline.weights import Weights, build_optimizer

_MOST_BYTES = 1 << 28  # of weights, which may be in an accelerator's memory
_MOST_MODELS = 16  # each keeps its graphs, some 5 MB
_LIBRARIES = ("keras.", "tensorflow.", "numpy", "builtins")
_FROM_TRAINING = {"history", "stop_evaluating", "stop_predicting"}
"""What Keras notes on a model that it has trained, evaluated or let predict."""


class _Traced(NamedTuple):
    """A model without what it was trained on, which would stay in memory with it."""

    model: keras.Model
    part: FrozenPart | None
    sizes: dict[int, int]


class Traces:
    """The models that were trained last, by all that their traces depend on.

    Only models that are Keras's own from the layers to the metrics are reused: the configuration of
    other classes and functions need not tell all that they do.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Traced] = OrderedDict()
        self._attributes = _attributes_of_new_models()

    @contextlib.contextmanager
    def reused(self, fitting: Fitting, steps_per_execution: int) -> Iterator[Fitting]:
        """Give what to train: a traced model with a new one's variables, or the new one itself.

        It is kept for later, unless its training raises or changes what was traced.

        Args:
            fitting: A new compiled model, with the weights it is to start from.
            steps_per_execution: Steps that a compiled call of its training takes.

        Yields:
            The same training, perhaps of an equal model.
        """
        key = self._key(fitting, steps_per_execution)
        kept = None if key is None else self._kept.pop(key, None)
        if kept is not None:
            build_optimizer(fitting.model)
            traced = replace(fitting, model=kept.model, part=kept.part)
            Weights.all_of(fitting.trained).apply_all(traced.trained)
            fitting = traced
        yield fitting
        if key is not None and key == self._key(fitting, steps_per_execution):
            self._keep(key, fitting)

    def __len__(self) -> int:
        return len(self._kept)

    def _key(self, fitting: Fitting, steps_per_execution: int) -> Hashable | None:
        """Return what the trace depends on, beside variables; None if it cannot be told."""
        whole, trained = fitting.model, fitting.trained
        ordinary = self._attributes.get(type(whole), set())
        if not vars(whole).keys() <= ordinary or not trained.compiled or trained.optimizer is None:
            return None
        if not _holds_only_keras(trained):
            return None
        config = keras.saving.serialize_keras_object(trained)
        optimizer = config["compile_config"]["optimizer"]["config"]
        if isinstance(optimizer.get("learning_rate"), float):
            optimizer["learning_rate"] = "a variable"
        if not _names_only_keras(config):
            return None
        part = None if fitting.part is None else fitting.part.digest
        started = (whole._initial_epoch, trained._initial_epoch)  # BackupAndRestore sets them
        return repr(config), part, steps_per_execution, started, trained.distribute_strategy

    def _keep(self, key: Hashable, fitting: Fitting) -> None:
        """Keep a model; those that were trained least recently give way."""
        self._kept[key] = _Traced(fitting.model, fitting.part, _sizes(fitting.model))
        while len(self._kept) > _MOST_MODELS or self._bytes() > _MOST_BYTES:
            self._kept.popitem(last=False)

    def _bytes(self) -> int:
        """Return what all models take together; what they share counts once."""
        return sum(ChainMap(*(kept.sizes for kept in self._kept.values())).values())


def _attributes_of_new_models() -> Mapping[type, set[str]]:
    """Return the names that a compiled model has before a hypermodel or a callback adds others."""
    layers = [keras.Input((1,)), keras.layers.Flatten()]
    models = [keras.Sequential(layers), keras.Model(layers[0], layers[1](layers[0]))]
    for model in models:
        model.compile("sgd", "mean_squared_error")
    return {type(model): {*vars(model), *_FROM_TRAINING} for model in models}


def _holds_only_keras(model: keras.Model) -> bool:
    """Whether nothing that is traced is another's, or known from no variable and configuration."""
    if "_exclude_from_weight_decay" in vars(model.optimizer):  # in no configuration
        return False
    layers = list(model._flatten_layers())
    held = (value for layer in layers for value in vars(layer).values() if callable(value))
    modules = (getattr(value, "__module__", None) or "builtins" for value in held)
    # What a layer has learnt by `adapt` is a constant of the trace.
    adapted = any(hasattr(layer, "adapt") for layer in layers)
    return not adapted and all(module.startswith(_LIBRARIES) for module in modules)


def _names_only_keras(config: Any) -> bool:
    """Whether a configuration names no function, and no class but Keras's."""
    if isinstance(config, Mapping):
        if str(config.get("module", "keras")).partition(".")[0] != "keras":
            return False
        if config.get("class_name") == "__lambda__":
            return False
        return all(_names_only_keras(value) for value in config.values())
    if isinstance(config, list | tuple):
        return all(_names_only_keras(value) for value in config)
    return True


def _sizes(model: keras.Model) -> dict[int, int]:
    """Return the bytes of a model's and its optimizer's variables, by identity."""
    variables = [*model.variables, *model.optimizer.variables]
    return {id(one): one.value.dtype.size * one.value.shape.num_elements() for one in variables}
