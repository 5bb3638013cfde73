"""What the graph of a model tells: what it calls, in which order, and in batches of which size.

Keras has no public name for most of it; nothing else in `frozen` and `training` asks for these.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras.src.models.functional import clone_graph_nodes


def graph_of(model: keras.Model) -> Any | None:
    """Return the functional model that has a model's graph; None of a model without one."""
    graph = model._functional if isinstance(model, keras.Sequential) else model
    return graph if hasattr(graph, "_nodes_by_depth") else None


def operations(model: keras.Model) -> list[Any]:
    """Return the layers and operations that a model's graph calls; none of a model without one."""
    graph = graph_of(model)
    return [] if graph is None else list(graph._operations)


def calls(graph: keras.Model) -> Iterator[Any]:
    """Yield the calls of a graph but its inputs, each after those it depends on.

    Args:
        graph: A functional model.
    """
    yield from (node for node in nodes(graph) if not node.is_input)


def nodes(graph: keras.Model) -> Iterator[Any]:
    """Yield the calls of a graph and its inputs, each after those it depends on.

    Args:
        graph: A functional model.
    """
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        yield from graph._nodes_by_depth[depth]


def structures(graph: keras.Model) -> tuple[Any, Any]:
    """Return the inputs and the outputs of a graph, nested as it takes and gives them.

    Args:
        graph: A functional model.
    """
    return graph._inputs_struct, graph._outputs_struct


def calls_of(operation: keras.Operation) -> Sequence[Any]:
    """Return the calls of a layer or operation, in every model that has it."""
    calls: Sequence[Any] = operation._inbound_nodes
    return calls


def forget_consumers(model: keras.Model) -> None:
    """Let a model's operations forget what is given their outputs; Keras never reads it."""
    for operation in operations(model):
        operation._outbound_nodes.clear()


def model_between(inputs: Any, outputs: Any, name: str) -> keras.Model:
    """Return the model from some tensors of a graph to others, and leave the graph as it is.

    Keras copies what is between both. An input of the whole graph that is among the tensors gets a
    second node then, and is held for its result: a model of the whole graph cannot be saved.
    """
    given = keras.tree.flatten(inputs)
    before = [tensor._keras_history for tensor in given]
    copies = clone_graph_nodes(inputs, outputs)
    for tensor, history in zip(given, before, strict=True):
        if tensor._keras_history is not history:
            del history.operation._inbound_nodes[-1]
            tensor._keras_history = history
    return keras.Model(*copies, name=name)


def is_masked(tensor: keras.KerasTensor) -> bool:
    """Whether a tensor of a graph has a mask."""
    return getattr(tensor, "_keras_mask", None) is not None


def layers_of(model: keras.Model) -> list[keras.Layer]:
    """Return a model and all layers that it is made of; `model.layers` has the outermost alone."""
    layers: list[keras.Layer] = model._flatten_layers()
    return layers


def parts_of(operation: Any) -> Iterator[Any]:
    """Yield an operation and all that it is made of, the innermost first."""
    if isinstance(operation, keras.Layer):
        inner = list(operation._flatten_layers(include_self=False, recursive=False))
        others = [part for part in getattr(operation, "_operations", ()) if part not in inner]
        for part in (*inner, *others):
            yield from parts_of(part)
    yield operation


def fixed_batch_size(model: keras.Model) -> int | None:
    """Return how many examples a model must be given at once; None if any number does."""
    sizes = [one.shape[0] for one in getattr(model, "inputs", None) or () if one.shape]
    return next((size for size in sizes if size is not None), None)
