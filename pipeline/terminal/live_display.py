"""The live display of a search at the bottom of a terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.terminal.lines import cut, metrics, position, reason
from pipeline.terminal.running import Running
from pipeline.terminal.sparkline import sparkline
from pipeline.terminal.state import State
from pipeline.terminal.wording import assignments, clock_time, count, number

_LABEL = 8
_SHORTEST_BAR = 10
_ENDS = "after this epoch; interrupted once more, at once"


@dataclass(frozen=True)
class LiveDisplay:
    """A search as the terminal shows it while it runs; every line fits its width.

    Attributes:
        state: How far it is.
        elapsed: Seconds since this process began with it.
        left: Seconds that are left; None if that is not known.
        features: How many examples of how many the frozen layers have seen; None if they are not
            being computed.
        interrupted: Whether somebody has asked it to stop.
    """

    state: State
    elapsed: float
    left: float | None
    features: tuple[int, int] | None = None
    interrupted: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield its lines."""
        width = options.max_width
        yield from self._header(width)
        for label, text in self._rows(width - _LABEL, options.ascii_only):
            line = Text.assemble((f"{label:{_LABEL}}", "dim"), text)
            yield cut(line, width, options.ascii_only)

    def _header(self, width: int) -> Iterator[Table | Text]:
        """Yield the bar beside the facts, or the facts in as many lines as they need."""
        search, facts = self.state.search, self._facts()
        room = width - len("  ".join(facts)) - 2
        if search.total_epochs is None or room < _SHORTEST_BAR:
            yield from _filled(facts, width)
            return
        line = Table.grid(padding=(0, 2, 0, 0))
        bar = ProgressBar(search.total_epochs, min(self.state.epochs, search.total_epochs), room)
        line.add_row(bar, Text("  ".join(facts), no_wrap=True))
        yield line

    def _facts(self) -> list[str]:
        state, search = self.state, self.state.search
        trials = _of(state.trials, search.total_trials, "trial")
        if state.pruned:
            trials += f", {state.pruned} pruned"
        if state.failed:
            trials += f", {state.failed} failed"
        facts = [_of(state.epochs, search.total_epochs, "epoch"), trials, clock_time(self.elapsed)]
        return facts if self.left is None else [*facts, f"{clock_time(self.left)} left"]

    def _rows(self, width: int, ascii_only: bool) -> Iterator[tuple[str, Text]]:
        state = self.state
        if (best := state.best) is not None:
            score = f"{state.search.objective} {number(best.score)}"
            rest = f"  trial {best.trial}  {assignments(best.hyperparameters)}"
            yield "best", Text.assemble((score, "bold green"), rest)
        # Between two trials the last one stays, so that the lines below do not jump.
        for running in state.running.values() or filter(None, [state.ended]):
            yield from self._running(running, width, ascii_only)
        if self.features is not None:
            done, total = self.features
            yield "frozen", Text(f"features of {done}/{count(total, 'example')} computed")
        label = "failed"
        for failure in state.failures:
            yield label, Text(f"{failure.begin.trial}  {reason(failure.end)}", style="red")
            label = ""
        if self.interrupted:
            yield "ends", Text(_ENDS, style="yellow")

    def _running(
        self, running: Running, width: int, ascii_only: bool
    ) -> Iterator[tuple[str, Text]]:
        state = self.state
        line = Text(f"{running.begin.trial}  {position(state, running)}  ")
        if running.latest is not None:
            line.append_text(metrics(running.latest.logs, state.search.objective))
        yield "trial", line
        yield "", Text(assignments(running.begin.hyperparameters), style="dim")
        if running.epochs == 0 or running.curve:
            yield "curve", _curve(running.curve, width, ascii_only)


def _curve(values: Sequence[float], width: int, ascii_only: bool) -> Text:
    """Return the newest values as a curve that fits the width, and where it began and is now."""
    if len(values) < 2:
        return Text(sparkline(values, ascii_only=ascii_only))
    ends = f"  {number(values[0])} {'->' if ascii_only else '→'} {number(values[-1])}"
    shown = values[-max(1, width - len(ends)) :]
    return Text.assemble(sparkline(shown, ascii_only=ascii_only), (ends, "dim"))


def _filled(parts: Sequence[str], width: int) -> Iterator[Text]:
    """Yield the parts in as few lines as hold them."""
    line = ""
    for part in parts:
        longer = f"{line}  {part}" if line else part
        if line and len(longer) > width:
            yield cut(Text(line), width, ascii_only=True)
            longer = part
        line = longer
    yield cut(Text(line), width, ascii_only=True)


def _of(number: int, total: int | None, noun: str) -> str:
    return count(number, noun) if total is None else f"{number}/{count(total, noun)}"
