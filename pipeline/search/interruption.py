"""Ctrl-C and SIGTERM: the first one waits for a good moment, the second one does not."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_TOLD = b"\ninterrupted: the search ends after this epoch; once more, and it ends at once\n"


class Interruption:
    """Whether somebody has asked the search to stop.

    Args:
        tells: Whether to say on a terminal that the first signal has come. A live display must do
            so itself: what is written into it tears it.

    Example:
        >>> interruption = Interruption()
        >>> with interruption.awaited():
        ...     while not interruption.requested():
        ...         train_an_epoch()
    """

    def __init__(self, *, tells: bool = True) -> None:
        self._tells = tells
        self._requested = False

    def requested(self) -> bool:
        """Return whether the first signal has come."""
        return self._requested

    @contextlib.contextmanager
    def awaited(self) -> Iterator[None]:
        """Keep the first signal for `requested` while the block runs; the second one interrupts.

        Signals that are ignored, as by `nohup`, stay so. Outside of the main thread, which alone
        may handle signals, nothing is changed.

        Raises:
            KeyboardInterrupt: A second signal came.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self._requested:
            raise KeyboardInterrupt
        self._requested = True
        if self._tells and os.isatty(2):
            os.write(2, _TOLD)  # a handler may not use a stream that is being written to
