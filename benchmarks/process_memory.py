"""How much memory a process has, and all processes that descend from it; read from /proc."""

import os
import resource
import threading
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Self

_SECONDS = 0.25  # between two looks


def resident_megabytes(process: int | None = None) -> float:
    """Return the resident size of a process.

    Args:
        process: Its id; None for this one.

    Returns:
        Megabytes, what it shares with others included; 0 if it has ended.
    """
    try:
        text = Path(f"/proc/{process or os.getpid()}/statm").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def most_megabytes() -> float:
    """Return the most that this process has had in memory, what it shares with others included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def descendants(process: int) -> list[int]:
    """Return the ids of a process's children, of their children, and so on."""
    children: dict[int, list[int]] = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children[int(after_name[1])].append(int(path.parent.name))
    found = list(children[process])
    for one in found:  # which grows meanwhile
        found += children[one]
    return found


class Most(threading.Thread):
    """Looks four times a second, while a block runs, at this process and all that it started.

    What processes have in common is counted in each, so that the sums are rather too large.

    Attributes:
        children: The most megabytes that its descendants had together.
        together: The most that it had with them.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.children = 0.0
        self.together = 0.0
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        """Look until the block ends, and once more."""
        own = os.getpid()
        while True:
            children = sum(map(resident_megabytes, descendants(own)))
            self.children = max(self.children, children)
            self.together = max(self.together, children + resident_megabytes())
            if self._ended.wait(_SECONDS):
                return
