"""Releases what TensorFlow would keep of a trained model for ever.

Keras on TensorFlow grows by 5 to 9 MB with every fitted model, whatever is deleted and collected
(KerasTuner's issues 395, 873 and 1031, open since 2020). Three things hold on to it:

- Variables that are created while `fit` traces its step, those of the optimizer and the metrics,
  leave a conditional initialisation in the eager context. `build_state` creates them before.
- Layers that several models share, such as a frozen backbone, know every layer that was ever given
  their outputs, although nobody asks for it. `model_graph.forget_consumers` takes that from them.
- Operations with a gradient of their own enter it into a registry that is never emptied, and with
  it the whole graph of the step. `gradients_released` takes such entries out again.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from tensorflow.python.framework import ops  # the registry has no public name

from pipeline.datasets.feed import AnyExamples
from pipeline.frozen.model_graph import fixed_batch_size
from pipeline.training.weights import build_optimizer

_CUSTOM = "CustomGradient-"
_STEP = ("train_step", "compute_loss", "compute_metrics")


@contextlib.contextmanager
def gradients_released() -> Iterator[None]:
    """Take out of TensorFlow's registry the gradients that the block enters.

    They are looked up when a step is traced. Nothing that was traced in the block may be
    differentiated after it; a model may still be evaluated, saved and used.
    """
    registry: dict[str, Any] = ops.gradient_registry._registry
    before = set(registry)
    try:
        yield
    finally:
        for name in [name for name in registry if name.startswith(_CUSTOM) and name not in before]:
            del registry[name]


def build_state(model: keras.Model, examples: AnyExamples) -> None:
    """Create the variables of a model's optimizer, loss and metrics, and change no other.

    Loss and metrics are left alone where the model has its own way of computing them.

    Args:
        model: A built model; if it is not compiled, nothing is done.
        examples: What it will be trained on.
    """
    if not model.compiled:
        return
    build_optimizer(model)
    if any(getattr(type(model), name) is not getattr(keras.Model, name) for name in _STEP):
        return
    batch = examples.first(fixed_batch_size(model) or 2)
    x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
    with keras.StatelessScope():  # what remembers batches or draws numbers would go on from here
        predicted = model(x, training=False)
    if model.loss is not None:  # those that layers add have no state, and are not kept in the scope
        model.compute_loss(x=x, y=y, y_pred=predicted, sample_weight=weight, training=False)
    model.compute_metrics(x, y, predicted, weight)
    model.reset_metrics()
