"""The display in a terminal that folds its lines anew when it is resized, as tmux does."""

import os
import shlex
import shutil
import subprocess
import sys
import time

import pytest

from tests.processes import ENVIRONMENT, ROOT

pytestmark = pytest.mark.skipif(
    shutil.which("tmux") is None and "REQUIRE_BROWSER" not in os.environ,
    reason="tmux is not installed",
)

TRIALS = 30
PROGRAM = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from dataclasses import replace
from rich.console import Console
from pipeline.terminal.progress import Progress
from tests.terminal.test_progress import END, SEARCH, epoch_end, failed, tell
from tests.terminal.test_progress import trial_begin, trial_end

progress = Progress(Console())
tell(progress, replace(SEARCH, total_trials={TRIALS}, total_epochs={TRIALS}))
for number in range({TRIALS}):
    trial = f"{{number:04}}"
    tell(progress, trial_begin(trial, epochs=1, time=time.time()))
    time.sleep(0.1)
    logs = {{"val_loss": 0.5, "loss": 0.5, "accuracy": 0.5, "val_accuracy": 0.5}}
    tell(progress, epoch_end(trial, time=time.time(), **logs))
    bad = number % 10 == 9
    tell(progress, failed(trial, message="MemoryError: " + 50 * "x ") if bad else trial_end(trial))
tell(progress, END)
"""


class Tmux:
    """A tmux of its own, whose one window runs a program.

    Args:
        socket: Path of the server's socket.
        columns: The window's width.
        rows: Its height.
    """

    def __init__(self, socket: str, columns: int, rows: int) -> None:
        self._socket = socket
        command = f"{shlex.join([sys.executable, '-c', PROGRAM])}; echo ended; sleep 600"
        size = ("-x", str(columns), "-y", str(rows))
        self._run("-f", os.devnull, "new-session", "-d", *size, command)

    def resize(self, columns: int, rows: int) -> None:
        self._run("resize-window", "-x", str(columns), "-y", str(rows))

    def lines(self) -> list[str]:
        """Return all that was written, each line as one, however it is folded."""
        return self._run("capture-pane", "-p", "-J", "-S", "-").splitlines()

    def read_until(self, text: str) -> list[str]:
        """Return the lines as soon as one begins with a text."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            lines = self.lines()
            if any(line.startswith(text) for line in lines):
                return lines
            time.sleep(0.05)
        raise AssertionError("\n".join([f"no line begins with {text!r}", *lines]))

    def close(self) -> None:
        self._run("kill-server")

    def _run(self, *arguments: str) -> str:
        environment = {**ENVIRONMENT, "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"}
        command = ["tmux", "-S", self._socket, *arguments]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return ended.stdout


def test_each_trial_leaves_a_line_and_the_display_nothing(tmp_path):
    terminal = Tmux(str(tmp_path / "s"), 120, 40)
    try:
        for trial, columns, rows in (("0004", 80, 24), ("0012", 40, 20), ("0020", 120, 40)):
            terminal.read_until(f"trial {trial}")
            terminal.resize(columns, rows)
        lines = [line.rstrip() for line in terminal.read_until("ended") if line]
    finally:
        terminal.close()
    opening, *trials, closing, _ = lines
    assert [line[:10] for line in trials] == [f"trial {number:04}" for number in range(TRIALS)]
    assert [line[12:18] for line in trials[9::10]] == ["FAILED"] * (TRIALS // 10)
    assert all(line.endswith("rate=0.001235") for line in trials[9::10])
    assert opening.startswith("search digits-mlp-random")
    assert closing.startswith("search COMPLETED")
