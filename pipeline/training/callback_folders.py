"""A folder of its own for what the callbacks of each training write.

Callbacks are made anew for every execution, but all by the same configuration: they would write
over each other's files. KerasTuner 1.4.8 parts TensorBoard's alone
(`Tuner._configure_tensorboard_dir`).
"""

import os
from collections.abc import Mapping
from pathlib import Path

import keras

_FOLDERS: Mapping[type, str] = {
    keras.callbacks.TensorBoard: "log_dir",
    keras.callbacks.BackupAndRestore: "backup_dir",
}
_FILES: Mapping[type, str] = {
    keras.callbacks.ModelCheckpoint: "filepath",
    keras.callbacks.CSVLogger: "filename",
}


def give_folder(callback: keras.callbacks.Callback, folder: str) -> None:
    """Let a callback write into a folder of its own, below what it names.

    TensorBoard's `logs` becomes `logs/FOLDER`, and a checkpoint's `kept/best.keras`
    `kept/FOLDER/best.keras`. It is to be told before its training begins.

    Args:
        callback: One of Keras's that write files; of others nobody knows what they write.
        folder: A relative path, for example `0003/execution0`.
    """
    for kind, name in _FOLDERS.items():
        if isinstance(callback, kind):
            old = os.fspath(getattr(callback, name)).rstrip("/")
            _move(callback, old, f"{old}/{folder}")
    for kind, name in _FILES.items():
        if isinstance(callback, kind):
            old = os.fspath(getattr(callback, name))
            above, slash, file = old.rpartition("/")
            _move(callback, old, f"{above}{slash}{folder}/{file}")
    if isinstance(callback, keras.callbacks.CSVLogger) and "://" not in callback.filename:
        Path(callback.filename).parent.mkdir(parents=True, exist_ok=True)  # Keras makes none


def _move(callback: keras.callbacks.Callback, old: str, new: str) -> None:
    """Replace a path, also in what the callback has made of it."""
    for name, value in list(vars(callback).items()):
        if isinstance(value, str | os.PathLike):
            path = os.fspath(value).rstrip("/")
            if path == old or path.startswith(f"{old}/"):
                setattr(callback, name, new + path[len(old) :])
