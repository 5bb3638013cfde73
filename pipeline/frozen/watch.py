"""Watches what is frozen while callbacks that may change it are at work."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.frozen.part import FrozenPart, has_frozen_weights
from pipeline.frozen.sameness import users_code


class FrozenPartChangedError(RuntimeError):
    """A callback has changed what was frozen; the message is a clause that says which."""


def watches(
    part: FrozenPart, callbacks: Sequence[keras.callbacks.Callback]
) -> list[keras.callbacks.Callback]:
    """Return what must come after callbacks that may unfreeze or change frozen layers.

    It raises `FrozenPartChangedError` before a step is taken on features that are no longer true.
    None of Keras's own callbacks does such a thing by itself.

    Args:
        part: What is frozen.
        callbacks: Those of a training.
    """
    users = [type(callback).__name__ for callback in callbacks if users_code(callback)]
    return [_Watch(part, " or ".join(dict.fromkeys(users)))] if users else []


def may_unfreeze(model: keras.Model, callbacks: Sequence[keras.callbacks.Callback]) -> bool:
    """Whether a callback may unfreeze layers before the first step.

    Keras builds an optimizer in the first step, for what is trained by then; one that is built
    before does not know the rest.
    """
    return has_frozen_weights(model) and any(map(users_code, callbacks))


def has_changed(part: FrozenPart) -> bool:
    """Whether a frozen part has other weights than its features were computed with, or trains."""
    if part.extractor.trainable_variables:
        return True
    for variable, array in zip(part.extractor.weights, part.weights, strict=True):
        now = np.asarray(tf.convert_to_tensor(variable.value).numpy())
        # What assigns to a variable leaves alone an array that looks at its memory.
        unchanged = now.ndim > 0 and now.ctypes.data == array.ctypes.data
        if not unchanged and now.tobytes() != array.tobytes():
            return True
    return False


class _Watch(keras.callbacks.Callback):
    def __init__(self, part: FrozenPart, suspects: str) -> None:
        super().__init__()
        self._part = part
        self._suspects = suspects

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        self._check()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        self._check()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        self._check()

    def _check(self) -> None:
        if has_changed(self._part):
            raise FrozenPartChangedError(f"a callback ({self._suspects}) changes them")
