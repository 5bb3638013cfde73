"""What the graph of a model tells: what it calls, in which order, and in batches of which size."""

from collections.abc import Iterator
from typing import Any

import keras


def operations(model: keras.Model) -> list[Any]:
    """Return the layers and operations that a model's graph calls; none of a model without one."""
    graph = model._functional if isinstance(model, keras.Sequential) else model
    return list(getattr(graph, "_operations", ()))


def calls(graph: keras.Model) -> Iterator[Any]:
    """Yield the calls of a graph but its inputs, each after those it depends on.

    Args:
        graph: A functional model.
    """
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        yield from (node for node in graph._nodes_by_depth[depth] if not node.is_input)


def fixed_batch_size(model: keras.Model) -> int | None:
    """Return how many examples a model must be given at once; None if any number does."""
    sizes = [one.shape[0] for one in getattr(model, "inputs", None) or () if one.shape]
    return next((size for size in sizes if size is not None), None)
