"""Processes that run one command of the pipeline each, forked from one that has it imported."""

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from tests.processes import ROOT

PATIENCE = 300.0
_IMPORTED = (
    "pytest",
    "tests.warm",
    "tests.search.fault_training",
    "pipeline.__main__",
    "pipeline.search.search",
    "pipeline.tracking.models",
    "pipeline.evaluation.best_model",
    "matplotlib.backends.backend_agg",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
)


def context() -> ForkServerContext:
    """Return what starts the processes; Keras and MLflow take seconds to import, a fork none."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_IMPORTED))
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, dict.fromkeys(paths)))
    return context


def settle(folder: Path, out: Path, err: Path) -> None:
    """Make this process one that was started in a folder, whose output goes to two files."""
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    for number, path in ((1, out), (2, err)):
        file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    sys.stdout, sys.stderr = (os.fdopen(file, "w", closefd=False) for file in (1, 2))


def elsewhere(function: Callable[[], Any]) -> Any:
    """Return what a function of a module gives in a process that hashes texts otherwise."""
    given, sent = context().Pipe(duplex=False)
    process = context().Process(target=_send, args=(function, sent), daemon=True)
    process.start()
    sent.close()  # so that to wait for a process that fails is an EOFError
    assert given.poll(PATIENCE)
    result, hashed = given.recv()
    process.join()
    assert hashed != hash("text"), "PYTHONHASHSEED is set"
    return result


def _send(function: Callable[[], Any], sent: Connection) -> None:
    sent.send((function(), hash("text")))


class Warm:
    """A `python -m pipeline` that was forked.

    Args:
        arguments: Its command line.
        folder: The working directory; modules in it can be imported.
        environment: All its variables; what the libraries read at their import they have read.
    """

    def __init__(self, arguments: list[str], folder: Path, environment: dict[str, str]) -> None:
        with tempfile.NamedTemporaryFile(delete=False) as out:
            self._out = Path(out.name)
        self._err = self._out.with_name(f"{self._out.name}-errors")
        written = (self._out, self._err)
        self._process = context().Process(
            target=live, args=(arguments, folder, environment, *written), daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Return its exit code, or a signal's number below 0; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, if it runs."""
        self._process.kill()
        self._process.join()

    def wait(self) -> tuple[int, str, str]:
        """Wait until it has ended; return its exit code, output and errors."""
        self._process.join(PATIENCE)
        code = self.poll()
        if code is None:
            self.send_signal(signal.SIGABRT)
            raise TimeoutError(f"it did not end within {PATIENCE:g} seconds")
        return code, self._out.read_text(), self._err.read_text() if self._err.exists() else ""


def live(
    arguments: list[str], folder: Path, environment: dict[str, str], out: Path, err: Path
) -> None:
    """Be `python -m pipeline` in this process, which was forked."""
    import pipeline
    from pipeline.__main__ import main

    assert Path(pipeline.__file__).is_relative_to(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    settle(folder, out, err)
    sys.argv = ["pipeline", *arguments]
    sys.exit(main())
