"""How long trials and methods take: clocks for searches whose trials train nothing."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ran:
    """How long the trials of a search took.

    Attributes:
        ends: When each trial ended, in seconds since the search began.
        seconds: When the search itself ended.
        grown: By how many megabytes the process grew.
        parts: Seconds of it that our parts took: `oracle`, `journal`, `weights`, `callbacks`.
    """

    ends: Sequence[float]
    seconds: float
    grown: float
    parts: Mapping[str, float]


class Clock:
    """Adds up the time that some methods take.

    Attributes:
        seconds: Time on the wall.
        processor_seconds: Time of the thread that called them on a processor.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.processor_seconds = 0.0

    def watch(self, owner: object, *names: str) -> None:
        """Measure methods of an object or a class from now on; none of them may call another."""
        for name in names:
            setattr(owner, name, self._timed(getattr(owner, name)))

    def _timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            start, processor_start = time.perf_counter(), time.thread_time()
            try:
                return method(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - start
                self.processor_seconds += time.thread_time() - processor_start

        return timed


class Times:
    """Notes when the trials of a search end.

    Attributes:
        ends: When each ended, in seconds since the search began.
    """

    def __init__(self) -> None:
        self.ends: list[float] = []
        self._start = 0.0

    def start(self) -> None:
        """Note that the search begins now."""
        self._start = time.perf_counter()

    def note(self) -> None:
        """Note that a trial ends now."""
        self.ends.append(self.seconds())

    def seconds(self) -> float:
        """Return for how long the search has been running."""
        return time.perf_counter() - self._start
