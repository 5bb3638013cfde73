"""What Keras computes with, found out before it is imported."""

import json
import os
from pathlib import Path

from pipeline.configuration.config import ConfigError

_OURS = "tensorflow"


def check_backend() -> None:
    """Refuse another backend than TensorFlow, whose functions the trainer traces and reuses.

    Keras reads the variable first, and then its own file (keras.io, "Configuring your backend").

    Raises:
        ConfigError: The variable or the file names another one.
    """
    file = _keras_home() / "keras.json"
    variable = os.environ.get("KERAS_BACKEND")
    name, where = (variable, "KERAS_BACKEND") if variable else (_of_file(file), str(file))
    if name != _OURS:
        raise ConfigError(
            f"the pipeline trains on TensorFlow; {where} says {name}: set KERAS_BACKEND={_OURS}"
        )


def _keras_home() -> Path:
    if home := os.environ.get("KERAS_HOME"):
        return Path(home)
    return (Path.home() if os.access(Path.home(), os.W_OK) else Path("/tmp")) / ".keras"


def _of_file(file: Path) -> str:
    try:
        told = json.loads(file.read_text())
    except (OSError, ValueError):  # Keras goes on with its defaults too
        return _OURS
    return str(told.get("backend", _OURS)) if isinstance(told, dict) else _OURS
