"""A search in plain lines: its beginning, epochs, trials and end."""

import math
from collections.abc import Mapping

from rich.text import Text

from pipeline.journal.callbacks import EpochEnd, SearchEnd, Status, TrialEnd
from pipeline.terminal.running import Running
from pipeline.terminal.state import State
from pipeline.terminal.wording import assignments, count, duration, number

_STYLES = {
    Status.COMPLETED: "green",
    Status.PRUNED: "cyan",
    Status.FAILED: "red",
    Status.INTERRUPTED: "yellow",
}


def opening(state: State) -> Text:
    """Return what is searched, and how much of it."""
    search = state.search
    parts = [f"{search.strategy} on {search.dataset} with {search.model}"]
    if search.pruner != "none":
        parts.append(f"pruner {search.pruner}")
    parts.append(f"{search.objective} ({search.direction})")
    if search.total_trials is not None:
        parts.append(count(search.total_trials, "trial"))
    if search.total_epochs is not None:
        parts.append(f"{count(search.total_epochs, 'epoch')} at most")
    line = Text.assemble((f"search {search.search}", "bold"), "  ", "  ".join(parts))
    if state.trials:
        line.append(f"  continued after {count(state.trials, 'trial')}")
    return line


def epoch_line(state: State, record: EpochEnd) -> Text:
    """Return an epoch's metrics."""
    running = state.running[record.trial]
    return Text.assemble(
        (f"trial {record.trial}", "bold"),
        f"  {position(state, running)}  ",
        metrics(record.logs, state.search.objective),
    )


def trial_line(state: State, record: TrialEnd) -> Text:
    """Return how the attempt that has just ended did so, and what it was."""
    assert state.ended is not None
    begin = state.ended.begin
    status = (f"{record.status.value:9}", _STYLES[record.status])
    line = Text.assemble((f"trial {record.trial}", "bold"), "  ", status)
    if record.score is not None:
        line.append(f"  {state.search.objective} {number(record.score)} ({_rank(state, record)})")
    if record.message is not None:
        line.append(f"  {reason(record)}")
    if record.status is Status.PRUNED and state.ended.latest is not None:
        value = state.ended.latest.logs.get(state.search.objective, math.nan)
        line.append(f"  {state.search.objective} {number(value)}")
    line.append(f"  {count(record.epochs_trained, 'epoch')}")
    if record.status is Status.PRUNED:
        line.append(f" of {state.planned(begin)}")
    if begin.lineage.get("parent") is not None:
        line.append(f" after trial {begin.lineage['parent']}")
    line.append(f"  {duration(record.duration_seconds)}")
    line.append(f"  {assignments(begin.hyperparameters)}")
    return line


def closing(state: State, record: SearchEnd, elapsed: float, *, before: float = 0.0) -> Text:
    """Return how the search ended, after how many seconds here and before, and its best trial."""
    line = Text.assemble(("search", "bold"), " ", (record.status.value, _STYLES[record.status]))
    line.append(f"  {count(state.completed, 'trial')} completed")
    if state.pruned:
        line.append(f", {state.pruned} pruned")
    if state.failed:
        line.append(f", {state.failed} failed")
    line.append(f"  {duration(elapsed)}")
    if before > 0:
        line.append(f", and {duration(before)} before it was continued")
    if state.best is not None:
        best = f"{state.search.objective} {number(state.best.score)}"
        line.append(f"  best {best} (trial {state.best.trial})")
    if record.message is not None:
        line.append("  " + " ".join(record.message.split()))
    return line


def position(state: State, running: Running) -> str:
    """Return which epoch and execution an attempt has reached."""
    epochs_seen = running.begin.initial_epoch
    execution = 0
    if running.latest is not None:
        epochs_seen, execution = running.latest.epoch + 1, running.latest.execution
    text = f"epoch {epochs_seen}"
    if epochs_seen <= running.begin.epochs:  # a hypermodel's own `fit` may train more
        text += f"/{running.begin.epochs}"
    if state.search.executions_per_trial > 1:
        text += f"  execution {execution + 1}/{state.search.executions_per_trial}"
    return text


def metrics(logs: Mapping[str, float], objective: str) -> Text:
    """Return an epoch's metrics, the objective first."""
    names = sorted(logs, key=lambda name: name != objective)
    text = Text()
    for name in names:
        style = "bold" if name == objective else ""
        text.append(f"{name} {number(logs[name])}", style=style).append("  ")
    text.rstrip()
    return text


def reason(record: TrialEnd) -> str:
    """Return why an attempt failed, in one line, and whether another one follows."""
    text = " ".join((record.message or "").split())
    if not record.final and record.status is Status.FAILED:
        text += f"  (attempt {record.attempt + 1}, will be retried)"
    return text


def cut(line: Text, width: int, ascii_only: bool) -> Text:
    """Return a line without line breaks that is at most so wide."""
    line.plain = "".join(c if c.isprintable() else " " for c in line.plain)
    if line.cell_len > width:
        mark = "..." if ascii_only else "…"
        line.truncate(max(0, width - len(mark)))
        line.append(mark)
    return line


def _rank(state: State, record: TrialEnd) -> str:
    if state.best is None:
        return "no best yet"
    if state.best.trial == record.trial:
        return "best so far"
    return f"best {number(state.best.score)}, trial {state.best.trial}"
