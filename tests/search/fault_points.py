"""Where a search can be killed: its places are counted in one process, and one kills another.

A place is the n-th event of an area. Events are the lines that run of our own modules, the calls
within MLflow's store and its database driver, and what is handed to the operating system for
the files of a search: of a write, any part may be there when the process is gone.
"""

import builtins
import io
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import mlflow
import sqlalchemy

import pipeline
from tests.processes import ROOT

_LINES = {
    "training": (
        *("training/trainer.py", "training/best_epoch.py", "training/checkpoint.py"),
        *("training/results.py", "training/weights.py", "search/fault_training.py"),
        *("journal/arrays.py", "journal/files.py"),
    ),
    "loop": (
        *("search/search.py", "search/tuner.py", "search/attempts.py", "search/executions.py"),
        *("search/trial_records.py", "search/storage.py", "search/trial_files.py"),
        *("search/continuation.py", "journal/history.py"),
        *("strategies/oracle.py", "strategies/durable.py", "strategies/scores.py"),
        "strategies/hyperband.py",
    ),
    "evaluation": (
        *("evaluation/best_model.py", "evaluation/model_file.py", "evaluation/predictions.py"),
        *("tracking/registry.py", "tracking/models.py"),
    ),
    "tracking": (
        *("tracking/curves.py", "tracking/delivery.py", "tracking/follower.py"),
        *("tracking/position.py", "tracking/projection.py", "tracking/runs.py"),
        *("tracking/database.py", "tracking/store.py", "tracking/summary.py"),
    ),
}
AREAS = (*_LINES, "mlflow", "journal", "weights", "files")
_OURS = (Path(pipeline.__file__).parent, ROOT / "tests")
_STORE = str(Path(mlflow.__file__).parent / "store")
_DRIVER = str(Path(sqlalchemy.__file__).parent / "engine/default.py")


@dataclass(frozen=True)
class Point:
    """One place at which a process dies.

    Attributes:
        area: What it is doing.
        number: How many events of the area come before.
        share: Of a write, how much gets to the file; of another request, 1 if it is carried out.
    """

    area: str
    number: int
    share: float = 0.0

    def __str__(self) -> str:
        return f"{self.area} {self.number} (share {self.share:.2f})"


class Watch:
    """Counts the events of a process, and kills it at one of them.

    Args:
        folder: Where the search runs; only files in it count.
        point: Where to die; None only counts.
    """

    def __init__(self, folder: Path, point: Point | None) -> None:
        self.counts: Counter[str] = Counter()
        self._folder = folder
        self._point = point
        self._lock = threading.Lock()
        self._known: dict[CodeType, str | None] = {}
        self._write = os.write

    def begin(self) -> None:
        """Watch this process from now on."""
        self._watch_files()
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    def _due(self, area: str) -> bool:
        """Count an event; return whether it is the last."""
        with self._lock:
            number = self.counts[area]
            self.counts[area] += 1
        point = self._point
        return point is not None and (area, number) == (point.area, point.number)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Callable | None:
        code = frame.f_code
        if code not in self._known:
            self._known[code] = _area_of(code)
        area = self._known[code]
        if area is None:
            return None
        if area == "mlflow":
            self._pass(area)
            return None
        in_tracking = threading.current_thread().name == "tracking"
        area = "tracking" if in_tracking and area == "loop" else area

        def trace_line(frame: FrameType, event: str, argument: Any) -> Callable:
            if event == "line":
                self._pass(area)
            return trace_line

        return trace_line

    def _pass(self, area: str) -> None:
        if self._due(area):
            die()

    def _watch_files(self) -> None:
        watch = self

        class Raw(io.FileIO):
            """A file whose writes can be cut off."""

            def write(self, data: Any) -> int:
                return watch.request(self.name, super().write, data)

        opened = io.open

        def open_file(
            file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, **rest
        ):
            if rest or not set(mode) & set("wax+") or watch.area(file) is None:
                return opened(file, mode, buffering, encoding, errors, newline, **rest)
            raw = Raw(file, mode.replace("b", "").replace("t", ""))
            if buffering == 0:
                return raw
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            if "b" in mode:
                return buffered
            return io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)

        builtins.open = io.open = open_file
        write, fsync, replace = os.write, os.fsync, os.replace
        os.write = lambda file, data: watch.request(file, lambda part: write(file, part), data)
        os.fsync = lambda file: watch.request(file, lambda _: fsync(file))
        os.replace = lambda source, target: watch.request(target, lambda _: replace(source, target))

    def request(self, file: Any, carry_out: Callable[[bytes], Any], data: Any = None) -> Any:
        """Carry out what is asked of the operating system, or a part of it before dying."""
        area = self.area(file)
        if area is None or not self._due(area):
            return carry_out(data)
        share = self._point.share
        if data is None:
            if share == 1:
                carry_out(data)
        elif length := round(share * memoryview(data).nbytes):
            carry_out(bytes(data)[:length])
        return die()

    def area(self, file: Any) -> str | None:
        """Return which part of the search's state a file (a path or a descriptor) belongs to."""
        try:
            path = Path(f"/proc/self/fd/{file}").readlink() if isinstance(file, int) else Path(file)
            path = path.absolute().relative_to(self._folder)
        except (OSError, TypeError, ValueError):
            return None
        if path.name == "journal.jsonl":
            return "journal"
        return "weights" if "trials" in path.parts else "files"


def die() -> None:
    """End this process as the kernel does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()  # never returns


def _area_of(code: CodeType) -> str | None:
    name = code.co_filename
    if name.startswith(_STORE) or (name == _DRIVER and code.co_name in ("do_execute", "do_commit")):
        return "mlflow"
    return _AREAS.get(name)


def _existing(name: str) -> str:
    """Return the path of one of our own modules; one that was moved must not go unwatched."""
    found = [folder / name for folder in _OURS if (folder / name).is_file()]
    if not found:
        raise FileNotFoundError(f"{name}, in which searches are killed, is no module")
    return str(found[0])


_AREAS = {_existing(name): area for area, names in _LINES.items() for name in names}
