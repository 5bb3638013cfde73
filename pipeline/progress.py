"""The terminal: how far a search is, its best trial, and what runs now."""

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pipeline.callbacks import (
    EpochEnd,
    Record,
    SearchBegin,
    SearchCallback,
    SearchEnd,
    Status,
    TrialBegin,
    TrialEnd,
)
from pipeline.wording import assignments, clock_time, count, duration, number

_STYLES = {Status.COMPLETED: "green", Status.FAILED: "red", Status.INTERRUPTED: "yellow"}


class Progress(SearchCallback):
    """Shows a search while it runs.

    On a terminal a live display at the bottom of the screen: the epochs done of all that are
    planned, the time left, the best trial so far and the trial that runs. Elsewhere, in a log
    file for example, one line a trial.

    Args:
        console: Where to write.
        verbose: 0 shows nothing; 1 the display or the lines; 2 also a line for each epoch, and
            the traceback of a trial that failed.

    Raises:
        ValueError: `verbose` is none of these.

    Example:
        progress = Progress(Console(stderr=True), verbose=1)
        try:
            tuner.search(callbacks=[progress])
        finally:
            progress.close()
    """

    def __init__(self, console: Console, verbose: int = 1) -> None:
        if verbose not in (0, 1, 2):
            raise ValueError(f"verbose must be 0, 1 or 2; received {verbose!r}")
        self._console = console
        self._verbose = verbose
        self._live: Live | None = None
        self._state: _State | None = None
        self._clock = _Clock(0.0, 0.0, 0)
        self._features: tuple[int, int] | None = None

    def replay(self, records: Iterable[Record]) -> None:
        """Learn what a search did before it was interrupted; draws nothing.

        Args:
            records: The search's journal so far. Call it before `on_search_begin`.
        """
        for record in records:
            self._state = _advance(self._state, record)

    def on_search_begin(self, record: SearchBegin) -> None:
        """State what is searched, and start the live display."""
        self._state = _advance(self._state, record)
        now = self._console.get_time()
        self._clock = _Clock(now, now, self._state.epochs)
        if self._verbose == 0:
            return
        self._print(_opening(self._state))
        if self._console.is_interactive:
            self._live = Live(
                get_renderable=self._render,
                console=self._console,
                refresh_per_second=4,
                transient=True,
                redirect_stdout=sys.stdout.isatty(),
                redirect_stderr=sys.stderr.isatty(),
            )
            self._live.start()

    def on_trial_begin(self, record: TrialBegin) -> None:
        """Show the trial's hyperparameters."""
        self._follow(record)

    def on_epoch_end(self, record: EpochEnd) -> None:
        """Show the epoch's metrics."""
        state = self._follow(record)
        if self._verbose == 2:
            self._print(_epoch_line(state, record))

    def on_trial_end(self, record: TrialEnd) -> None:
        """Tell how the trial ended; on a live display only if it failed."""
        running = self._current_state().running[record.trial]
        state = self._follow(record)
        if self._verbose == 0:
            return
        if self._live is None or self._verbose == 2 or record.status is Status.FAILED:
            self._print(_trial_line(state, running.begin, record))
        if self._verbose == 2 and record.traceback is not None:
            self._print(Text(record.traceback.rstrip()))

    def on_features(self, done: int, total: int) -> None:
        """Show how many examples the frozen layers have seen; tell when it is all."""
        self._features = (done, total) if done < total else None
        if done == total and self._verbose > 0:
            self._print(Text(f"features of {count(total, 'example')} computed, to be reused"))

    def on_features_refused(self, reason: str) -> None:
        """Tell why models with frozen layers are trained as a whole."""
        if self._verbose > 0:
            self._print(Text(f"features of frozen layers are not reused: {reason}"))

    def on_search_end(self, record: SearchEnd) -> None:
        """Take the live display away, and sum the search up in one line."""
        self.close()
        if self._verbose > 0:
            elapsed = self._console.get_time() - self._clock.start
            self._print(_closing(self._current_state(), record, elapsed))

    def close(self) -> None:
        """Take the live display away and show the cursor; harmless if there is none."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _follow(self, record: Record) -> "_State":
        self._state = _advance(self._state, record)
        if not isinstance(record, TrialBegin):
            self._clock = replace(self._clock, latest=self._console.get_time())
        return self._state

    def _current_state(self) -> "_State":
        if self._state is None:
            raise RuntimeError("on_search_begin must be the first hook that is called")
        return self._state

    def _print(self, line: Text) -> None:
        in_file = not self._console.is_interactive  # a line there is a line, however long
        self._console.print(line, soft_wrap=in_file, highlight=False)

    def _render(self) -> RenderableType:
        shown = _display(self._current_state(), self._clock, self._console.get_time())
        if (features := self._features) is None:
            return shown
        done, total = features
        return Group(shown, Text(f"features of frozen layers: {done}/{count(total, 'example')}"))


@dataclass(frozen=True)
class _Running:
    begin: TrialBegin
    latest: EpochEnd | None = None
    epochs: int = 0


@dataclass(frozen=True)
class _Best:
    score: float
    trial: str
    hyperparameters: Mapping[str, Any]


@dataclass(frozen=True)
class _State:
    """What the records told so far. Replaced as a whole: another thread draws it."""

    search: SearchBegin
    running: Mapping[str, _Running] = field(default_factory=dict)
    best: _Best | None = None
    completed: int = 0
    failed: int = 0
    epochs_of_ended: int = 0

    @property
    def epochs(self) -> int:
        """Epochs done: what ended trials had planned, and what running trials trained."""
        return self.epochs_of_ended + sum(
            min(running.epochs, self.planned(running.begin)) for running in self.running.values()
        )

    @property
    def trials(self) -> int:
        """Trials that are over."""
        return self.completed + self.failed

    def planned(self, begin: TrialBegin) -> int:
        """Return the epochs an attempt trains at most, executions included."""
        return (begin.epochs - begin.initial_epoch) * self.search.executions_per_trial


@dataclass(frozen=True)
class _Clock:
    """When the display started, when an epoch last counted (seconds), and the epochs before."""

    start: float
    latest: float
    epochs_before: int

    def seconds_left(self, state: _State, now: float) -> float | None:
        """Return the time left at the mean speed so far; None if it cannot be known yet."""
        done = state.epochs - self.epochs_before
        if state.search.total_epochs is None or done <= 0:
            return None
        left = (self.latest - self.start) / done * (state.search.total_epochs - state.epochs)
        return max(0.0, left - (now - self.latest))


def _advance(state: _State | None, record: Record) -> _State:
    if isinstance(record, SearchBegin):
        return _State(record) if state is None else replace(state, search=record, running={})
    if state is None:
        raise RuntimeError("on_search_begin must be the first hook that is called")
    match record:
        case TrialBegin():
            running = {**state.running, record.trial: _Running(record)}
            return replace(state, running=running)
        case EpochEnd():
            before = state.running[record.trial]
            after = replace(before, latest=record, epochs=before.epochs + 1)
            return replace(state, running={**state.running, record.trial: after})
        case TrialEnd():
            return _end_trial(state, record)
        case _:
            return state


def _end_trial(state: _State, record: TrialEnd) -> _State:
    begin = state.running[record.trial].begin
    running = {trial: other for trial, other in state.running.items() if trial != record.trial}
    state = replace(state, running=running)
    if not record.final or record.status is Status.INTERRUPTED:
        return state
    state = replace(state, epochs_of_ended=state.epochs_of_ended + state.planned(begin))
    if record.status is Status.FAILED:
        return replace(state, failed=state.failed + 1)
    best = state.best
    if record.score is not None and _better(record.score, best, state.search.direction):
        best = _Best(record.score, record.trial, begin.hyperparameters)
    return replace(state, completed=state.completed + 1, best=best)


def _better(score: float, best: _Best | None, direction: str) -> bool:
    if not math.isfinite(score):
        return False
    return best is None or (score > best.score if direction == "max" else score < best.score)


def _opening(state: _State) -> Text:
    search = state.search
    parts = [f"{search.strategy} on {search.dataset} with {search.model}"]
    parts.append(f"{search.objective} ({search.direction})")
    if search.total_trials is not None:
        parts.append(f"{search.total_trials} trials")
    if search.total_epochs is not None:
        parts.append(f"{search.total_epochs} epochs at most")
    line = Text.assemble((f"search {search.search}", "bold"), "  ", "  ".join(parts))
    if state.trials:
        line.append(f"  continued after {count(state.trials, 'trial')}")
    return line


def _epoch_line(state: _State, record: EpochEnd) -> Text:
    running = state.running[record.trial]
    return Text.assemble(
        (f"trial {record.trial}", "bold"),
        f"  {_position(state, running)}  ",
        _metrics(record.logs, state.search.objective),
    )


def _trial_line(state: _State, begin: TrialBegin, record: TrialEnd) -> Text:
    status = (f"{record.status.value:9}", _STYLES[record.status])
    line = Text.assemble((f"trial {record.trial}", "bold"), "  ", status)
    if record.score is not None:
        line.append(f"  {state.search.objective} {number(record.score)} ({_rank(state, record)})")
    if record.message is not None:
        line.append("  " + " ".join(record.message.split()))
    if not record.final and record.status is Status.FAILED:
        line.append(f"  (attempt {record.attempt + 1}, will be retried)")
    line.append(f"  {count(record.epochs_trained, 'epoch')}")
    if begin.lineage.get("parent") is not None:
        line.append(f" after trial {begin.lineage['parent']}")
    line.append(f"  {duration(record.duration_seconds)}")
    line.append(f"  {assignments(begin.hyperparameters)}")
    return line


def _rank(state: _State, record: TrialEnd) -> str:
    if state.best is None:
        return "no best yet"
    if state.best.trial == record.trial:
        return "best so far"
    return f"best {number(state.best.score)}, trial {state.best.trial}"


def _closing(state: _State, record: SearchEnd, elapsed: float) -> Text:
    line = Text.assemble(("search", "bold"), " ", (record.status.value, _STYLES[record.status]))
    line.append(f"  {count(state.completed, 'trial')} completed")
    if state.failed:
        line.append(f", {state.failed} failed")
    line.append(f"  {duration(elapsed)}")
    if state.best is not None:
        best = f"{state.search.objective} {number(state.best.score)}"
        line.append(f"  best {best} (trial {state.best.trial})")
    if record.message is not None:
        line.append("  " + " ".join(record.message.split()))
    return line


def _display(state: _State, clock: _Clock, now: float) -> RenderableType:
    rows = Table.grid(padding=(0, 2), expand=True)
    rows.add_column(style="dim", no_wrap=True, min_width=5)
    rows.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    if state.best is not None:
        score = f"{state.search.objective} {number(state.best.score)}"
        values = assignments(state.best.hyperparameters)
        rows.add_row(
            "best", Text.assemble((score, "bold green"), f"  trial {state.best.trial}  {values}")
        )
    for trial, running in state.running.items():
        line = Text(f"{trial}  {_position(state, running)}  ")
        if running.latest is not None:
            line.append_text(_metrics(running.latest.logs, state.search.objective))
        rows.add_row("trial", line)
        rows.add_row("", Text(assignments(running.begin.hyperparameters), style="dim"))
    return Group(_bar(state, clock, now), rows)


def _bar(state: _State, clock: _Clock, now: float) -> Table:
    search = state.search
    left = clock.seconds_left(state, now)
    trials = f"{state.trials}{_of(search.total_trials)} trials"
    if state.failed:
        trials += f", {state.failed} failed"
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(ratio=1)
    cells: list[RenderableType] = [
        ProgressBar(total=search.total_epochs, completed=state.epochs, pulse=False)
        if search.total_epochs is not None
        else "",
        f"{state.epochs}{_of(search.total_epochs)} epochs",
        trials,
        clock_time(now - clock.start),
        f"{clock_time(left)} left" if left is not None else "",
    ]
    for _ in cells[1:]:
        grid.add_column(no_wrap=True, justify="right")
    grid.add_row(*cells)
    return grid


def _position(state: _State, running: _Running) -> str:
    epochs_seen = running.begin.initial_epoch
    execution = 0
    if running.latest is not None:
        epochs_seen, execution = running.latest.epoch + 1, running.latest.execution
    position = f"epoch {epochs_seen}/{running.begin.epochs}"
    if state.search.executions_per_trial > 1:
        position += f"  execution {execution + 1}/{state.search.executions_per_trial}"
    return position


def _metrics(logs: Mapping[str, float], objective: str) -> Text:
    """Return the epoch's metrics, the objective first."""
    names = sorted(logs, key=lambda name: name != objective)
    text = Text()
    for name in names:
        style = "bold" if name == objective else ""
        text.append(f"{name} {number(logs[name])}", style=style).append("  ")
    text.rstrip()
    return text


def _of(total: int | None) -> str:
    return "" if total is None else f"/{total}"
