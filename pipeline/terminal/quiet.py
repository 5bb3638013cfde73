"""Keeps the libraries below from talking: a search tells what there is to know."""

import contextlib
import logging
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator

_STARTUP_NOISE = re.compile(
    r"WARNING: All log messages before absl|[IW]\d{4} |E\d{4} .*Unable to register cu\w+ factory"
)
"""The last is no error: TensorFlow 2.18 says it whenever it is loaded."""


def quieten() -> None:
    """Ask the libraries for no more than errors; call it before they are imported."""
    for name, value in {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "GIT_PYTHON_REFRESH": "quiet",
    }.items():
        os.environ.setdefault(name, value)
    # Keras traces anew for every trial, which TensorFlow takes for a mistake.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # tqdm, which Optuna imports, misses a package for bars that nobody draws in a notebook.
    warnings.filterwarnings("ignore", "IProgress not found")
    # Keras says so of its own default, whoever gives `fit` a tf.data.Dataset.
    warnings.filterwarnings("ignore", "`shuffle=True` was passed, but will be ignored")


@contextlib.contextmanager
def without_startup_noise() -> Iterator[None]:
    """Drop what TensorFlow's libraries write to the terminal when they are loaded, nothing else.

    They write before their log level is read, straight to the file descriptor.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            lines = held.read().decode(errors="replace").splitlines(keepends=True)
            sys.stderr.writelines(line for line in lines if not _STARTUP_NOISE.match(line))
