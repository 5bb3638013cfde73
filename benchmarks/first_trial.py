"""When a person sees what of the README's first command: its first line, its first trial, its end.

    python -m benchmarks.first_trial --repeats 3

Each is a fresh process in a terminal of its own and in an empty folder.
"""

import argparse
import os
import pty
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from statistics import median

from benchmarks.measuring import empty_table, machine, show

_COMMAND = ("-m", "pipeline", "strategy=hyperband")
_SEEN = {
    "the first line": b"\n",
    "what is searched": b"search digits",
    "the first trial begins": b"trial   0000",
    "its line": b"trial 0000",
}
_END = "the prompt again"
_CONTROL = re.compile(rb"\x1b\[[\d;?]*[A-Za-z]")


def moments(arguments: tuple[str, ...] = _COMMAND) -> dict[str, float]:
    """Run a command in a fresh process.

    Args:
        arguments: Those of the interpreter.

    Returns:
        Seconds after its start at which each thing is seen first.

    Raises:
        RuntimeError: It failed, or something was never seen.
    """
    written, seen = b"", {}
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        process, ours = _start(arguments, folder)
        for part in _read(ours):
            written += _CONTROL.sub(b"", part)
            now = time.perf_counter() - started
            for name, text in _SEEN.items():
                if name not in seen and text in written:
                    seen[name] = now
        code = process.wait()
        seen[_END] = time.perf_counter() - started
        os.close(ours)
    if code != 0 or len(seen) <= len(_SEEN):
        raise RuntimeError(f"exit code {code}, seen {[*seen]}: {written[-500:]!r}")
    return seen


def _start(arguments: tuple[str, ...], folder: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start a command in a terminal; return it, and where what it writes is read."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    return process, ours


def _read(terminal: int) -> Iterator[bytes]:
    with suppress(OSError):  # nobody has the other end open any more
        while part := os.read(terminal, 65536):
            yield part


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    rounds = [moments() for _ in range(repeats)]
    title = f"Seconds until it is seen, of {repeats} runs"
    table = empty_table(title, "what", ("median", "min", "max"), machine())
    for name in rounds[0]:
        own = [seen[name] for seen in rounds]
        table.add_row(name, *(f"{x:.1f}" for x in (median(own), min(own), max(own))))
    show(table)


if __name__ == "__main__":
    main()
