"""The command line: called in this process, which is fast, or in one of its own."""

import gc
import importlib
import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes import ENVIRONMENT, arguments_of
from tests.warm import PATIENCE, Warm

# What the command line sets for its own process.
_VARIABLES = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "GIT_PYTHON_REFRESH": "quiet",
    "HYDRA_FULL_ERROR": None,
    "MLFLOW_TRACKING_URI": None,
}

# Nothing is downloaded, and the command quietens its libraries itself.
_NOBODY = "http://127.0.0.1:9"
_ALONE = {name: value for name, value in ENVIRONMENT.items() if name not in _VARIABLES} | {
    "https_proxy": _NOBODY,
    "http_proxy": _NOBODY,
}


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


class Command:
    """Runs `python -m pipeline` in this process, as if in a folder of the user's.

    Args:
        folder: The working directory; modules in it can be imported.
        monkeypatch: Undoes what the command line does to the process.
        capfd: Reads what it writes.
    """

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch
        self._capfd = capfd
        self._level = logging.getLogger("tensorflow").level
        for name, value in _VARIABLES.items():
            monkeypatch.setenv(name, value or "")
            if value is None:
                monkeypatch.delenv(name)
        monkeypatch.chdir(folder)
        monkeypatch.syspath_prepend(folder)

    def __call__(self, line: str) -> Ended:
        """Run one command line, without its `python -m pipeline`."""
        return self.run("pipeline", arguments_of(line))

    def run(self, module: str, arguments: list[str]) -> Ended:
        """Run `python -m` with one of the pipeline's commands."""
        main = importlib.import_module(f"{module}.__main__").main
        importlib.invalidate_caches()
        gc.freeze()  # a search before has unfrozen what was imported
        self._monkeypatch.setattr(sys, "argv", [module, *arguments])
        self._capfd.readouterr()
        try:
            code = main()
        except SystemExit as stop:  # --help
            code = int(stop.code or 0)
        finally:
            os.environ.pop("HYDRA_FULL_ERROR", None)
        told = self._capfd.readouterr()
        return Ended(code, told.out, told.err)

    def close(self) -> None:
        """Forget the user's modules, so that the next test can have others of the same names."""
        logging.getLogger("tensorflow").setLevel(self._level)
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None)).startswith(f"{self._folder}{os.sep}"):
                del sys.modules[name]


def start(line: str, folder: Path, **environment: str) -> Warm:
    """Start `python -m pipeline` in a process of its own, on a machine without a network."""
    return Warm(arguments_of(line), folder, _ALONE | environment)


def alone(line: str, folder: Path, **environment: str) -> Ended:
    """Run `python -m pipeline` in a process of its own."""
    return Ended(*start(line, folder, **environment).wait())


def start_fresh(line: str, folder: Path, **environment: str) -> subprocess.Popen[str]:
    """Start `python -m pipeline` in a process that imports all itself; nothing is downloaded."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", *arguments_of(line)],
        cwd=folder,
        env={**_ALONE, "KERAS_HOME": f"{folder}-keras", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fresh(line: str, folder: Path, **environment: str) -> Ended:
    """Run `python -m pipeline` in a process that imports all itself."""
    process = start_fresh(line, folder, **environment)
    out, err = process.communicate(timeout=PATIENCE)
    return Ended(process.returncode, out, err)
