"""Whether what comes of an example depends on the batch it is in.

Keras's layers leave the first axis alone unless they are told not to: `Softmax(axis=0)` compares
the examples of a batch, and so does `axis=-2` where an example has one axis. Its operations are
told more often: `ops.cumsum(x, axis=0)`, `ops.flip(x)`, or a sum of which a part is broadcast.
"""

from collections.abc import Iterator
from typing import Any

import keras

from pipeline.frozen.model_graph import calls_of

_AXES = ("axis", "axis1", "axis2", "axes", "source", "destination", "_attention_axes")
"""Attributes of layers and operations that name axes."""
_OF_NONE = ("Normalization",)
"""Which mean no axis by None; to all others it means every axis."""
_WITH_A_NEW_AXIS = ("ExpandDims", "OneHot", "Stack")
"""Whose axis is one of their outputs."""
_ALONG_THE_LAST = tuple(
    getattr(module, name)
    for module in (keras.activations, keras.ops)
    for name in ("glu", "log_softmax", "softmax", "sparsemax")
)


def mixes_examples(operation: keras.Operation) -> bool:
    """Whether an operation is known to give other results for an example in another batch.

    Args:
        operation: A layer or operation, and not what it is made of.
    """
    nodes = calls_of(operation)
    if any(_moves_the_first_axis(node) for node in nodes):
        return True
    ranks = set[int]().union(*(_ranks(node) for node in nodes))
    if type(operation).__name__ == "Transpose":
        return not operation.axes or operation.axes[0] != 0
    if isinstance(operation, keras.layers.EinsumDense):
        return _moves_a_letter(operation.equation)
    return any(_is_the_first(axis, ranks) for axis in _axes(operation))


def _moves_the_first_axis(node: Any) -> bool:
    """Whether the first axis of a call's outputs cannot be that of its inputs."""
    given = node.arguments.keras_tensors
    shapes = [tensor.shape for tensor in (*given, *node.outputs)]
    if not all(shapes) or len({shape[0] for shape in shapes}) > 1:
        return True
    ranks = {len(tensor.shape) for tensor in given}
    return len(ranks) > 1 and not isinstance(node.operation, keras.Layer)


def _ranks(node: Any) -> set[int]:
    """Return how many axes there are, as the axes that an operation names are counted."""
    new = type(node.operation).__name__ in _WITH_A_NEW_AXIS
    tensors = node.outputs if new else node.arguments.keras_tensors
    return {len(tensor.shape) for tensor in tensors}


def _axes(operation: keras.Operation) -> Iterator[int | None]:
    """Yield the axes along which an operation computes; None for all of them."""
    held = vars(operation)
    for name in _AXES:
        of_none = type(operation).__name__ in _OF_NONE and held.get(name) is None
        if name in held and not of_none:
            yield from keras.tree.flatten(held[name])
    if any(held.get("activation") is function for function in _ALONG_THE_LAST):
        yield -1


def _is_the_first(axis: int | None, ranks: set[int]) -> bool:
    """Whether an axis is, or may be, the first one."""
    if axis is None or axis == 0:
        return True
    if not ranks:  # it is called by another layer, with nobody knows what
        return axis < -1
    return any(axis == -rank for rank in ranks)


def _moves_a_letter(equation: str) -> bool:
    """Whether an equation such as `ab,bc->ac` has the examples anywhere but in the first place."""
    given, kernel, output = equation.replace("->", ",").split(",")
    return given[0] != output[0] or given[0] in kernel.replace(".", "")
