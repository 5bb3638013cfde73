"""`python -m pipeline.report.live DIRECTORY SECONDS`: renews the report of a running search.

A line of input says that there is something new; the end of the input, that the search has ended.
"""

import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

_SHARE = 0.05  # of the time, at most, goes into renewing a report that nobody may be looking at


def follow(
    lines: Iterable[object],
    renew: Callable[[], object],
    *,
    every_seconds: float,
) -> None:
    """Renew a report as long as something new comes, but not all the time.

    Args:
        lines: Yields whenever something is new, waiting for it; their end asks for a last version.
        renew: Makes a version.
        every_seconds: Least time between two versions, the last one excepted.
    """
    news: queue.Queue[bool] = queue.Queue()

    def listen() -> None:
        for _ in lines:
            news.put(True)
        news.put(False)

    threading.Thread(target=listen, daemon=True).start()
    due = time.monotonic()
    while news.get():
        if _ended_before(due, news):
            break
        start = time.monotonic()
        renew()
        took = time.monotonic() - start
        due = start + took + max(every_seconds, took / _SHARE)
    renew()


def _ended_before(due: float, news: "queue.Queue[bool]") -> bool:
    """Wait until a time, or until nothing more comes; return whether it was the latter."""
    while True:
        try:
            if not news.get(timeout=max(0.0, due - time.monotonic())):
                return True
        except queue.Empty:
            return False


def main() -> None:
    """Run the command line."""
    directory, every_seconds = Path(sys.argv[1]), float(sys.argv[2])
    if hasattr(os, "nice"):
        os.nice(10)
    from pipeline.report.page import write_report  # at a low priority: it imports a lot

    follow(sys.stdin, lambda: write_report(directory), every_seconds=every_seconds)


if __name__ == "__main__":
    main()
