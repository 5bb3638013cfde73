"""What stays at the bottom of a terminal, below all lines that are printed meanwhile."""

import contextlib
import sys
import threading
from collections.abc import Callable
from typing import IO, cast

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.control import Control
from rich.file_proxy import FileProxy
from rich.segment import ControlType, Segment

_SECONDS = 0.25  # between two drawings
# Rich has no names for these: erase the rest of the screen, wrap no lines (DECAWM), wrap them.
_ERASE = Segment("\r\x1b[J", None, [(ControlType.CARRIAGE_RETURN,)])
# What is drawn for a terminal that was made narrower meanwhile is cut there, not folded.
_CUT = Segment("\x1b[?7l", None, [(ControlType.CARRIAGE_RETURN,)])
_FOLD = Segment("\x1b[?7h", None, [(ControlType.CARRIAGE_RETURN,)])


class Footer(RenderHook):
    """Draws something below whatever a console prints, and anew four times a second.

    Rich's own `Live` goes back up by as many lines as it has written, and leaves parts of them
    where the terminal has folded them since, having been made narrower. Here the cursor waits in an
    empty line above what is drawn, where a terminal keeps it, and what is below it is erased before
    anything is written. What other programs write there, such as the `^C` of a key, tears nothing.

    Args:
        console: It writes to a terminal that is none of Windows' old ones.
        draw: Returns what is shown now; called from several threads.

    Example:
        >>> footer = Footer(console, lambda: Text("half of it"))
        >>> footer.start()
        >>> console.print("a line above")
        >>> footer.stop()
    """

    def __init__(self, console: Console, draw: Callable[[], ConsoleRenderable]) -> None:
        self._console = console
        self._draw = draw
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._refresh, name="footer", daemon=True)
        self._redirected = contextlib.ExitStack()

    def start(self) -> None:
        """Hide the cursor and begin to draw; what Python code prints goes above."""
        self._console.show_cursor(False)
        self._console.push_render_hook(self)
        self._redirect()
        self._thread.start()

    def stop(self) -> None:
        """Leave the terminal as if nothing had been drawn; call it once."""
        try:
            self._ended.set()
            self._thread.join()
            sys.stdout.flush()  # a line that was printed without its end
            sys.stderr.flush()
        finally:
            self._redirected.close()
            self._console.pop_render_hook()
            self._console.control(_control(_ERASE))
            self._console.show_cursor(True)

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Return what is printed between what erases the old drawing and the new one."""
        return [_control(_ERASE), *renderables, _Below(self._draw())]

    def _refresh(self) -> None:
        while True:
            self._console.print(Control())
            if self._ended.wait(_SECONDS):
                return

    def _redirect(self) -> None:
        if sys.stdout.isatty():
            out = cast(IO[str], FileProxy(self._console, sys.stdout))
            self._redirected.enter_context(contextlib.redirect_stdout(out))
        if sys.stderr.isatty():
            err = cast(IO[str], FileProxy(self._console, sys.stderr))
            self._redirected.enter_context(contextlib.redirect_stderr(err))


class _Below:
    """A renderable from the next line on, as far as the screen reaches; the cursor comes back."""

    def __init__(self, renderable: ConsoleRenderable) -> None:
        self._renderable = renderable

    def __rich_console__(
        self,
        console: Console,
        options: ConsoleOptions,  # those of what is printed, which may be longer than the screen
    ) -> RenderResult:
        """Yield its lines."""
        lines = console.render_lines(self._renderable, pad=False)
        lines = lines[: max(1, console.height - 1)]
        yield _CUT
        for line in lines:
            yield Segment.line()
            yield from line
        yield _FOLD
        yield Control(ControlType.CARRIAGE_RETURN, (ControlType.CURSOR_UP, len(lines)))


def _control(segment: Segment) -> Control:
    control = Control()
    control.segment = segment
    return control
