"""Layers that begin a batch with what they made of the one before, such as a stateful LSTM.

The order of their batches is a meaning of the data, and all have one size. In Keras 3.15 they go on
from epoch to epoch, and from the training into the validation; a model that is loaded begins anew.
So that a score is what the model's file gives again, they begin anew with every pass over a split.
"""

from collections.abc import Mapping
from typing import Any

import keras

from pipeline.frozen.model_graph import fixed_batch_size, layers_of


def stateful_layers(model: keras.Model) -> list[Any]:
    """Return the layers of a model that remember the batch before."""
    return [
        layer
        for layer in layers_of(model)
        if layer is not model
        and getattr(layer, "stateful", False)
        and hasattr(layer, "reset_state")
    ]


def forget_batches(model: keras.Model) -> None:
    """Let stateful layers begin anew, as they do in a model that was just loaded."""
    for layer in stateful_layers(model):
        layer.reset_state()


def uneven_batches(model: keras.Model, rows: Mapping[str, int]) -> str | None:
    """Say which split cannot be parted into batches of a model's size; None if all can.

    Args:
        model: A built model; only one with stateful layers takes no smaller batch.
        rows: How many rows each split has, by its name.
    """
    size = fixed_batch_size(model) if stateful_layers(model) else None
    for name, count in rows.items():
        if size is not None and count % size:
            return (
                f"its stateful layers take batches of {size} rows alone, and the {name} split has "
                f"{count} rows; choose its size so that they are a multiple of {size}"
            )
    return None


class Forgetting(keras.callbacks.Callback):
    """Lets stateful layers begin every pass over the training and validation data anew."""

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Forget what was validated before."""
        forget_batches(self.model)

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Forget what was trained before."""
        forget_batches(self.model)
