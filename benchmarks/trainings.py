"""Ends of trainings, noted where `keras.Model.fit` runs, whoever calls it in whatever process."""

import functools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

_FIRST = "first_trial"


def watch(told: Callable[[], None]) -> None:
    """Have a function called at the end of every training of this process from now on."""
    end = keras.callbacks.CallbackList.on_train_end

    def on_train_end(self: Any, logs: Mapping[str, Any] | None = None) -> None:
        end(self, logs)
        told()

    keras.callbacks.CallbackList.on_train_end = on_train_end


@functools.cache
def note_first(folder: Path) -> None:
    """Note in a folder when the first training of this process, or of another, has ended."""
    path = folder / _FIRST

    def note() -> None:
        if not path.exists():
            path.write_text(repr(time.monotonic()))

    watch(note)


def first(folder: Path) -> float | None:
    """Return when the first training ended, on the clock of all processes; None if none did."""
    path = folder / _FIRST
    return float(path.read_text()) if path.exists() else None
