"""Makes sure that a training step on features is one of the whole model."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.datasets.batches import Examples
from pipeline.datasets.splits import Split
from pipeline.frozen.model_graph import calls, structures
from pipeline.frozen.part import FrozenPart, NotReusableError
from pipeline.frozen.rounding import are_close
from pipeline.frozen.watch import has_changed
from pipeline.training.fitting import Fitting

_ROWS = 8


def check_first_batch(fitting: Fitting, split: Split, *, half_precision: bool) -> None:
    """Compare a training step's outputs on features with those of the whole model.

    Args:
        fitting: A training on features.
        split: The raw examples of which it has the features.
        half_precision: Whether the features are kept in half precision.

    Raises:
        NotReusableError: They differ; the sentence names the layer.
    """
    part = fitting.part
    assert part is not None, "it is trained on features"
    rows = min(_ROWS, len(split))
    raw = Examples.of(split.first(rows)).inputs(0, rows)
    features = fitting.train.first(rows)[0]
    whole = _outputs(fitting.model, part, raw)
    head = _outputs(part.head, part, features)
    coarse = half_precision or keras.config.dtype_policy().compute_dtype != "float32"
    if not all(are_close(*pair, coarse=coarse) for pair in zip(whole, head, strict=True)):
        raise NotReusableError(f"{_culprit(part, raw, coarse=coarse)} in training")
    if has_changed(part):
        raise NotReusableError("a training step changes the weights of its frozen layers")


def _outputs(model: keras.Model, part: FrozenPart, x: Any) -> list[np.ndarray]:
    """Return what a model gives in a training step, and leave its state as it was."""
    state = [(one, one.numpy()) for one in part.head.variables if not one.trainable]
    call = tf.function(model) if part.weights else model  # the first eager pass takes seconds
    try:
        outputs = keras.tree.flatten(call(x, training=True))
    finally:
        for variable, value in state:
            variable.assign(value)
    return [output.numpy() for output in outputs]


def _culprit(part: FrozenPart, raw: Any, *, coarse: bool) -> str:
    """Name the first frozen layer that gives something else in training than at inference."""
    symbols = [
        (node.operation, tensor) for node in calls(part.extractor) for tensor in node.outputs
    ]
    inputs, _ = structures(part.extractor)
    probe = keras.Model(inputs, [tensor for _, tensor in symbols])
    training, inference = (keras.tree.flatten(probe(raw, training=mode)) for mode in (True, False))
    for (operation, _), one, other in zip(symbols, training, inference, strict=True):
        if not are_close(one.numpy(), other.numpy(), coarse=coarse):
            return f"layer {operation.name!r} ({type(operation).__name__}) gives something else"
    last = symbols[-1][0]
    return f"what follows layer {last.name!r} ({type(last).__name__}) gives something else"
