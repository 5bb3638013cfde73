"""The beginning of a model that no training changes: where it ends, what it is, and the rest."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.frozen.constant_layers import draws, is_constant
from pipeline.frozen.mixing import mixes_examples
from pipeline.frozen.model_graph import (
    calls,
    graph_of,
    is_masked,
    layers_of,
    model_between,
    parts_of,
    structures,
)
from pipeline.frozen.sameness import UnreadableError, identity, settings, users_function


class NotReusableError(ValueError):
    """A model has frozen weights, but not in a part whose features could be stored."""


@dataclass(frozen=True, eq=False)
class FrozenPart:
    """The layers and operations of a model that give the same features in every epoch.

    Attributes:
        extractor: From the model's inputs to a list of features; it shares the model's layers.
        head: From the features to the model's outputs; it shares them too, and is not compiled.
        weights: The weights of the extractor; there are none if it is a preprocessing alone.
        digest: 64 hexadecimal digits that stand for the extractor's configuration and weights.
    """

    extractor: keras.Model
    head: keras.Model
    weights: tuple[np.ndarray, ...]
    digest: str


def find_frozen_part(model: keras.Model) -> FrozenPart | None:
    """Return the part at a model's beginning that is frozen and deterministic.

    An operation belongs to it if all that it is given does, if none of its weights is trained, and
    if it does the same in training and at inference: no dropout, noise or augmentation, and batch
    normalization only if its `trainable` is false. `training=False` in a call does not count:
    Keras 3 overrides it when the whole model is trained.

    Args:
        model: A built model.

    Returns:
        The part; None if there is nothing in a model that could be stored.

    Raises:
        NotReusableError: There are frozen weights outside of such a part; the sentence says why.
    """
    frozen = has_frozen_weights(model)
    try:
        part, obstacle = _split(model)
    except NotReusableError:
        if frozen:
            raise
        return None
    if frozen and (part is None or not part.weights):
        raise NotReusableError(str(obstacle))
    return part


def _split(model: keras.Model) -> tuple[FrozenPart | None, str | None]:
    """Return the part, and why what comes after it does not belong to it."""
    graph = _graph(model)
    if any(tensor.shape[:1] != (None,) for tensor in graph.inputs):
        raise NotReusableError("it takes batches of one size alone")
    boundary, obstacle = _boundary(graph)
    inputs = {id(tensor) for tensor in graph.inputs}
    part = None
    if any(id(tensor) not in inputs for tensor in boundary):
        for tensor in boundary:
            _check_storable(tensor)
        part = _part(graph, boundary)
        if not _same(part.head.trainable_variables, model.trainable_variables):
            raise NotReusableError("its layers would be trained in another order")
    return part, obstacle


def _boundary(graph: Any) -> tuple[list[Any], str | None]:
    """Return the frozen tensors that go to layers which are not, and why the first is not."""
    frozen = {id(tensor) for tensor in graph.inputs}
    boundary: dict[int, Any] = {}
    obstacle: str | None = None
    for node in calls(graph):
        given = node.arguments.keras_tensors
        known = [tensor for tensor in given if id(tensor) in frozen]
        reason = _obstacle(node.operation) if len(known) == len(given) else "it is given others"
        if reason is None:
            frozen |= {id(tensor) for tensor in node.outputs}
        else:
            boundary |= {id(tensor): tensor for tensor in known}
            obstacle = obstacle or reason
    if any(id(tensor) in frozen for tensor in graph.outputs):
        raise NotReusableError("an output of the model comes from frozen layers alone")
    return list(boundary.values()), obstacle


def _part(graph: Any, boundary: list[Any]) -> FrozenPart:
    inputs, outputs = structures(graph)
    extractor = keras.Model(inputs, boundary, name="frozen")
    # No copies: what assigns to a variable leaves alone an array that looks at its memory.
    weights = tuple(
        np.asarray(tf.convert_to_tensor(weight.value).numpy()) for weight in extractor.weights
    )
    try:
        # Weights are told below, and from its random generators nothing is drawn.
        kept = {"values_apart": extractor.variables, "names": False, "users_functions": False}
        what = identity(settings(), extractor, **kept)
    except UnreadableError as error:
        raise NotReusableError(f"of its frozen layers, {error}") from error
    digest = hashlib.sha256(repr((keras.__version__, what)).encode())
    for array in weights:
        digest.update(repr((array.dtype.str, array.shape)).encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    # tf.data makes one tensor of a list, or refuses it.
    features = boundary[0] if len(boundary) == 1 else tuple(boundary)
    head = model_between(features, outputs, graph.name)
    return FrozenPart(extractor, head, weights, digest.hexdigest())


def _same(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return [id(item) for item in one] == [id(item) for item in other]


def _graph(model: keras.Model) -> Any:
    """Return the graph of a model that Keras trains in its own way."""
    graph = graph_of(model) if type(model).__module__.startswith("keras.") else None
    if graph is not None:
        return graph
    raise NotReusableError(
        f"a model of the class {type(model).__name__} does not say what its layers are given"
    )


def _obstacle(operation: Any) -> str | None:
    """Say why an operation is not frozen and deterministic; None if it is."""
    for part in parts_of(operation):
        reason = _parts_obstacle(part)
        if reason is not None:
            return f"layer {part.name!r} ({type(part).__name__}) {reason}"
    return None


def _parts_obstacle(part: Any) -> str | None:
    if not type(part).__module__.startswith("keras.") or isinstance(part, keras.layers.Lambda):
        return "is not one of Keras's own, and may do anything in training"
    if (function := users_function(part)) is not None:
        return f"holds the function {function}, which may do anything in training"
    if mixes_examples(part):
        return "mixes the examples of a batch"
    # An operation of `keras.ops` gives the same for the same.
    return _layers_obstacle(part) if isinstance(part, keras.Layer) else None


def _layers_obstacle(layer: keras.Layer) -> str | None:
    if layer.trainable_variables:
        return "is trained"
    if draws(layer):
        return "is random in training, even if it is called with training=False"
    if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
        return "learns statistics in training"
    if getattr(layer, "stateful", False):
        return "remembers the batch before"
    if layer.activity_regularizer is not None:
        return "adds to the loss"
    if not is_constant(layer):
        return "is not known to give the same in every training step"
    return None


def _check_storable(tensor: Any) -> None:
    if is_masked(tensor):
        raise NotReusableError("the features of its frozen layers have a mask")
    if tensor.dtype == "string":
        raise NotReusableError("an input of text goes to layers that are trained")
    if None in tensor.shape[1:]:
        raise NotReusableError("the features of its frozen layers have no fixed shape")


def has_frozen_weights(model: keras.Model) -> bool:
    """Whether somebody has frozen a layer with weights."""
    return any(layer.weights for layer in layers_of(model) if not layer.trainable)
