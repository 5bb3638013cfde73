"""The report of a running search, renewed by a process of its own."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.journal.callbacks import EpochEnd, SearchCallback, SearchEnd, TrialEnd

_SILENCE = 5.0  # seconds after which whoever waits is told for what


class Reporting(SearchCallback):
    """Has the report renewed at trial ends; the search never waits for it.

    To import what draws it takes two seconds, and to draw it one or more, as long as a small trial:
    the process does both beside the trainings, at a low priority (`pipeline.report.live`). It ends
    with this one, however this one ends.

    Args:
        directory: The search's folder; its journal must hear of each event before this does.
        every_seconds: Least time between two versions; the last one is made at once.

    Example:
        >>> reporting = Reporting(folder, every_seconds=30)
        >>> callbacks = [Journal(folder), reporting]
        >>> ...  # the search
        >>> reporting.close(60.0, waits=lambda: None)  # None: folder / "report.html" is complete
    """

    def __init__(self, directory: Path, *, every_seconds: float) -> None:
        self._command = [
            *(sys.executable, "-m", "pipeline.report.live"),
            *(str(directory), str(every_seconds)),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def on_epoch_end(self, record: EpochEnd) -> None:  # noqa: ARG002
        """Start the process; what comes before the first epoch needs all cores."""
        self._start()

    def on_trial_end(self, record: TrialEnd) -> None:  # noqa: ARG002
        """Tell it that there is something new."""
        process = self._start()
        assert process.stdin is not None
        # Of one that hangs the pipe may be full, one that died says why when it is waited for.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(b"\n")

    def on_search_end(self, record: SearchEnd) -> None:  # noqa: ARG002
        """Start the process, if no trial was left to do."""
        self._start()

    def close(self, patience: float, waits: Callable[[], None]) -> str | None:
        """Wait for the last version of the report; Ctrl-C ends the waiting.

        Args:
            patience: Seconds after which the process is killed: it may have been stopped.
            waits: Called once, if it takes longer than a few of them.

        Returns:
            Why it could not be made, in one line; None if it was.
        """
        process = self._process
        if process is None:
            return None
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return _reason(process, min(_SILENCE, patience))
            waits()
            return _reason(process, max(0.0, patience - _SILENCE))
        except KeyboardInterrupt:
            return "interrupted"
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return f"it was not ready within {patience:g} seconds"

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is not meant for it
                bufsize=0,
            )
            assert self._process.stdin is not None
            os.set_blocking(self._process.stdin.fileno(), False)
        return self._process


def _reason(process: subprocess.Popen[bytes], seconds: float) -> str | None:
    """Wait for a process; return the last line of its errors if it failed."""
    _, errors = process.communicate(timeout=seconds)
    lines = errors.decode(errors="replace").strip().splitlines() or ["unknown error"]
    return lines[-1] if process.returncode else None
