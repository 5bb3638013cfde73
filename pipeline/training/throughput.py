"""How much a model is given at once: as much as its callbacks and the memory allow."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from pipeline.frozen.model_graph import calls_of, layers_of
from pipeline.training.additive import is_additive
from pipeline.training.fused_adam import fused
from pipeline.training.overrides import overrides

_VALIDATION_BYTES = 1 << 26
_FEW_STEPS = 300
_MOST_STEPS = 64
_TRAINING_HOOKS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
_TEST_HOOKS = ("on_test_batch_begin", "on_test_batch_end")


def steps_per_execution(
    model: keras.Model, callbacks: Sequence[keras.callbacks.Callback], *, steps: int, epochs: int
) -> int:
    """Return how many steps a compiled call may take, without a return to Python between them.

    Its trace costs more, so short trainings do without. Seconds of a training of the digits' MLP
    with its trace, 40 steps an epoch, medians of 6, 2 x AMD EPYC:

    | steps | one a call | 40 a call |
    |---|---|---|
    | 40 | 0.30 | 0.42 |
    | 120 | 0.39 | 0.48 |
    | 200 | 0.49 | 0.52 |
    | 320 | 0.80 | 0.74 |
    | 400 | 0.75 | 0.65 |
    | 1000 | 1.48 | 1.30 |

    Args:
        model: A compiled model.
        callbacks: What watches its training; some look at every batch.
        steps: Steps of an epoch.
        epochs: Epochs of the training.

    Returns:
        1, or what the model was compiled with, where nothing else is sensible.
    """
    as_compiled = int(model.steps_per_execution)
    if as_compiled != 1 or model.run_eagerly or makes_its_steps(model):
        return as_compiled
    if _watch(callbacks, (*_TRAINING_HOOKS, *_TEST_HOOKS)):
        return 1
    if steps * epochs < _FEW_STEPS:
        return 1
    # Keras takes no fewer steps in the last call of an epoch: they would be the next one's.
    return max(count for count in range(1, _MOST_STEPS + 1) if steps % count == 0)


def makes_its_steps(model: keras.Model) -> bool:
    """Whether a model has its own `make_train_function`, which may take any number of batches."""
    return overrides(model, keras.Model, ("make_train_function",))


def _watch(callbacks: Sequence[keras.callbacks.Callback], hooks: Sequence[str]) -> bool:
    return any(overrides(callback, keras.callbacks.Callback, hooks) for callback in callbacks)


def validation_batch_size(
    model: keras.Model, callbacks: Sequence[keras.callbacks.Callback], batch_size: int
) -> int:
    """Return a batch size for validation: as large as fits 64 MB of activations.

    Args:
        model: A built model.
        callbacks: What watches its training; some look at every batch of the validation.
        batch_size: That of the training, which is the least, and Keras's own choice.

    Returns:
        Examples a batch; `batch_size` unless loss and metrics are known not to depend on it.
    """
    if _watch(callbacks, _TEST_HOOKS) or not is_additive(model):
        return batch_size
    shapes = [
        tensor.shape[1:]
        for layer in layers_of(model)
        for node in calls_of(layer)[-1:]  # a layer that models share has one for each
        for tensor in node.outputs
    ]
    if not shapes:
        return batch_size
    numbers = sum(int(np.prod([size or 1 for size in shape])) for shape in shapes)
    return max(batch_size, _VALIDATION_BYTES // (4 * numbers))


def steps_as_compiled(
    model: keras.Model,
    callbacks: Sequence[keras.callbacks.Callback],  # noqa: ARG001
    *,
    steps: int,  # noqa: ARG001
    epochs: int,  # noqa: ARG001
) -> int:
    """Return how many steps a compiled call takes in Keras."""
    return int(model.steps_per_execution)


def validation_as_trained(
    model: keras.Model,  # noqa: ARG001
    callbacks: Sequence[keras.callbacks.Callback],  # noqa: ARG001
    batch_size: int,
) -> int:
    """Return the batch size of a validation in Keras: that of the training."""
    return batch_size


@dataclass(frozen=True)
class Throughput:
    """How much a model is given at once, and how its optimizer steps.

    Attributes:
        steps: Decides on the steps of a compiled call, as `steps_per_execution`.
        validation: Decides on the batches of the validation, as `validation_batch_size`.
        stepping: Lets an optimizer step in a way of ours while the block runs, as `fused`.
    """

    steps: Callable[..., int] = steps_per_execution
    validation: Callable[..., int] = validation_batch_size
    stepping: Callable[[Any], AbstractContextManager[Any]] = fused
