"""The state of a training in a file, from which another process continues it."""

import importlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.arrays import read_arrays, write_arrays
from pipeline.results import Logs
from pipeline.weights import Weights

CallbackState = Mapping[str, Any]


@dataclass(frozen=True)
class TrainingState:
    """A training at the end of an epoch.

    Attributes:
        logs: What Keras reported, by absolute epoch.
        best_epoch: The best epoch so far, None if there is none.
        best: Its weights.
        current: The weights of the last epoch, and the states of the random generators.
        callbacks: The state of each Keras callback, in their order.
        stopped: Whether a callback had ended the training.
    """

    logs: Logs
    best_epoch: int | None
    best: Weights | None
    current: Weights
    callbacks: Sequence[CallbackState]
    stopped: bool


@dataclass
class Checkpoint:
    """Where a training's state is kept, and how often.

    Keras's `BackupAndRestore` keeps weights and optimizer, but neither the callbacks' state (an
    early stopping would start to count anew) nor the random generators'; and it writes at every
    epoch, however short.

    Attributes:
        path: The `.npz` file.
        seed: The execution's seed; a file of another seed is another execution's.
        every_seconds: Least time between two writes.
    """

    path: Path
    seed: int
    every_seconds: float
    _written: float = field(default_factory=time.monotonic)

    def load(self) -> TrainingState | None:
        """Return the state that an earlier process kept.

        Raises:
            DamagedFileError: There is one, but it cannot be read.
        """
        if not self.path.exists():
            return None
        head, arrays = read_arrays(self.path)
        if head["seed"] != self.seed:
            return None
        parts = iter(arrays)
        best, current = (_weights(parts, *head[name]) for name in ("best", "current"))
        return TrainingState(
            logs=dict(head["logs"]),
            best_epoch=head["best_epoch"],
            best=None if head["best_epoch"] is None else best,
            current=current,
            callbacks=[_decoded(state, arrays) for state in head["callbacks"]],
            stopped=head["stopped"],
        )

    @property
    def due(self) -> bool:
        """Whether the last write was long enough ago."""
        return time.monotonic() - self._written >= self.every_seconds

    def save(self, state: TrainingState) -> None:
        """Write a state, in place of an earlier one.

        Raises:
            StorageError: It cannot be written.
        """
        best = state.best or Weights((), ())
        weights = (best, state.current)
        arrays = [value for part in weights for value in part.model + part.optimizer]
        head = {
            "seed": self.seed,
            "logs": list(state.logs.items()),
            "best_epoch": state.best_epoch,
            "best": (len(best.model), len(best.optimizer)),
            "current": (len(state.current.model), len(state.current.optimizer)),
            "callbacks": [_encoded(values, arrays) for values in state.callbacks],
            "stopped": state.stopped,
        }
        write_arrays(self.path, head, arrays)
        self._written = time.monotonic()


def _weights(arrays: Iterator[np.ndarray], model: int, optimizer: int) -> Weights:
    return Weights(tuple(islice(arrays, model)), tuple(islice(arrays, optimizer)))


def callback_state(callback: keras.callbacks.Callback) -> CallbackState | None:
    """Return what a callback has learnt during a training, as plain values.

    Its model is left out, and so are functions without a name to import them by: they are made
    anew with the callback. Those with a name are state: Keras's callbacks choose at the first
    epoch how to compare.

    Args:
        callback: Any Keras callback.

    Returns:
        Its attributes; None if it has some that cannot be kept, such as an open file.
    """
    attributes = {
        name: value
        for name, value in vars(callback).items()
        if name not in ("_model", "params") and (not callable(value) or _is_importable(value))
    }
    return attributes if all(map(_is_plain, attributes.values())) else None


def restore_callback(callback: keras.callbacks.Callback, state: CallbackState) -> None:
    """Give a callback the state that `callback_state` returned; call it after `on_train_begin`."""
    vars(callback).update(state)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and all(map(_is_plain, value.values()))
    if isinstance(value, np.ndarray):
        return bool(value.dtype != object)
    if callable(value):
        return _is_importable(value)
    return value is None or isinstance(value, bool | int | float | str | np.generic)


def _is_importable(value: Any) -> bool:
    module = importlib.import_module(getattr(value, "__module__", None) or "builtins")
    name = getattr(value, "__name__", None)
    return name is not None and getattr(module, name, None) is value


def _encoded(value: Any, arrays: list[np.ndarray]) -> Any:
    """Return a plain value as JSON; arrays go beside it."""
    if isinstance(value, dict):
        return {"dict": {name: _encoded(item, arrays) for name, item in value.items()}}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_encoded(item, arrays) for item in value]}
    if isinstance(value, np.ndarray | np.generic):
        arrays.append(np.asarray(value))
        return {"array": len(arrays) - 1}
    if callable(value):
        return {"function": [value.__module__, value.__name__]}
    return value


def _decoded(value: Any, arrays: Sequence[np.ndarray]) -> Any:
    """Return the value that `_encoded` made the JSON from."""
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "array":
        return arrays[content][()]  # a number again, if it was one
    if kind == "function":
        return getattr(importlib.import_module(content[0]), content[1])
    if kind == "dict":
        return {name: _decoded(item, arrays) for name, item in content.items()}
    items = [_decoded(item, arrays) for item in content]
    return tuple(items) if kind == "tuple" else items
