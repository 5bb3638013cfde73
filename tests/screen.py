"""A terminal to look at: a program runs in it, and what it writes is drawn on a screen."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pyte

from tests.processes import ENVIRONMENT
from tests.warm import context, live

# pytest-xdist tells its workers a size, which programs believe more than their terminal.
_PLAIN = {name: value for name, value in ENVIRONMENT.items() if name not in ("COLUMNS", "LINES")}


class Terminal:
    """Runs a Python program in a terminal of a size, as a person would.

    Args:
        arguments: The interpreter's; of a pipeline that is forked, the pipeline's.
        columns: The terminal's width.
        rows: Its height.
        directory: The program's working directory.
        environment: What is different in its environment.
        forked: Run `python -m pipeline`, forked from a process that has it imported.

    Attributes:
        looks: What was on the screen after each of the program's writes, without empty lines.
        screen: What is on it now; its `cursor` too.
    """

    def __init__(
        self,
        *arguments: str,
        columns: int = 80,
        rows: int = 24,
        directory: Path,
        environment: Mapping[str, str] | None = None,
        forked: bool = False,
    ) -> None:
        self.looks: list[list[str]] = []
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        changed = {**_PLAIN, "TERM": "xterm-256color", "PYTHONUTF8": "1", **(environment or {})}
        start = _fork if forked else _start
        self._process = start(arguments, directory, changed, theirs)
        os.close(theirs)

    def lines(self) -> list[str]:
        """Return what is on the screen, without empty lines."""
        return [line.rstrip() for line in self.screen.display if line.strip()]

    def read_until(self, seen: Callable[[str], bool], seconds: float = 60.0) -> str:
        """Draw what the program writes until the screen shows something; return the screen."""
        deadline = time.monotonic() + seconds
        while not seen(text := "\n".join(self.lines())):
            if not self._read() or time.monotonic() > deadline:
                raise AssertionError(f"the screen never showed it:\n{text}")
        return text

    def press(self, keys: str) -> None:
        """Type keys; `\\x03` is Ctrl-C."""
        os.write(self._ours, keys.encode())

    def end(self) -> int:
        """Draw all that the program writes until it ends; return its exit code."""
        while self._read():
            pass
        return self._wait()

    def close(self) -> None:
        """End the program if it still runs."""
        self._process.kill()
        self._wait()
        os.close(self._ours)

    def _wait(self) -> int:
        if isinstance(self._process, subprocess.Popen):
            return self._process.wait(timeout=30)
        self._process.join(30)
        assert self._process.exitcode is not None
        return self._process.exitcode

    def _read(self) -> bool:
        try:
            written = os.read(self._ours, 65536)
        except OSError:  # nobody has the other end open any more
            return False
        self._stream.feed(written)
        self.looks.append(self.lines())
        return bool(written)


def _start(
    arguments: Sequence[str], directory: Path, environment: dict[str, str], terminal: int
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=directory,
        env=environment,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # Ctrl-C reaches it
    )


def _fork(
    arguments: Sequence[str], directory: Path, environment: dict[str, str], terminal: int
) -> ForkServerProcess:
    given = Connection(os.dup(terminal))  # what can be sent to the process
    process = context().Process(
        target=_live_in, args=(given, [*arguments], directory, environment), daemon=True
    )
    process.start()
    given.close()
    return process


def _live_in(
    given: Connection, arguments: list[str], directory: Path, environment: dict[str, str]
) -> None:
    os.setsid()
    fcntl.ioctl(given.fileno(), termios.TIOCSCTTY, 0)  # Ctrl-C reaches it
    os.dup2(given.fileno(), 0)
    given.close()
    name = Path(os.ttyname(0))
    live(arguments, directory, environment, name, name)
