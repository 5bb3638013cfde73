"""Whole searches compared: each contender in processes of its own, in turn, on one machine."""

import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measured import Measured, outcome_file, work_file
from benchmarks.measuring import empty_table, in_fresh_process, in_turn
from benchmarks.work import Outcome, Work

_ROOT = Path(__file__).parents[1]
_COLUMNS = (
    *("whole s", "min", "max", "ratio", "search s", "search ratio"),
    *("imports s", "first trial s", "best", "peak MB"),
)


@dataclass(frozen=True)
class Timing:
    """What one search took.

    Attributes:
        whole: Seconds from the start of its process to the process's end.
        imports: Seconds from that start until the interpreter was there and all was imported.
        search: Seconds from then to the end of the search.
        first_trial: Seconds from the start of the process to the end of the first training.
        best: The best objective, which shows that the contenders did the same.
        megabytes: The most that its process had in memory.
    """

    whole: float | None
    imports: float | None
    search: float
    first_trial: float | None
    best: float | None
    megabytes: float | None


def draw_sets(case: str, count: int) -> tuple[Mapping[str, Any], ...]:
    """Draw hyperparameters as `cases.draw_sets` does, in a process that may import Keras.

    Args:
        case: One of `cases.CASES`.
        count: How many sets.

    Returns:
        The sets.
    """
    return in_fresh_process(_draw_sets, case, count)


def _draw_sets(case: str, count: int) -> tuple[Mapping[str, Any], ...]:
    from benchmarks import cases

    return cases.draw_sets(case, count)


def compare(contenders: Mapping[str, str], work: Work, repeats: int) -> dict[str, list[Timing]]:
    """Let contenders do the same work, each time in a fresh process.

    In every round another one begins, and the others follow in their order, so that each has every
    place as often if there are as many rounds as contenders.

    Args:
        contenders: Their names, and their modules in `benchmarks.contenders`.
        work: The search.
        repeats: How often each does it.

    Returns:
        Their timings, by name.
    """
    timings: dict[str, list[Timing]] = {name: [] for name in contenders}
    for number in range(repeats):
        for name in in_turn(list(contenders), number):
            timing = timed(contenders[name], work)
            timings[name].append(timing)
            Console(stderr=True).print(f"round {number + 1}, {name}: {timing.search:.2f} s")
    return timings


def timed(module: str, work: Work) -> Timing:
    """Time a contender's search in a folder of its own, deleted afterwards.

    Args:
        module: The contender's, in `benchmarks.contenders`.
        work: The search.

    Returns:
        What it took.

    Raises:
        RuntimeError: It failed, or trained other hyperparameters than it should.
    """
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".benchmark-") as folder:
        start, end, measured = in_process(module, work, Path(folder))
    outcome = measured.outcome
    check(module, outcome, work)
    if outcome.seconds is not None:
        return Timing(None, None, outcome.seconds, None, None, None)
    first = measured.first_trial
    return Timing(
        whole=end - start,
        imports=measured.imported - start,
        search=measured.searched - measured.imported,
        first_trial=None if first is None else first - start,
        best=outcome.best,
        megabytes=measured.megabytes,
    )


def in_process(module: str, work: Work, folder: Path) -> tuple[float, float, Measured]:
    """Let a contender search in a process of its own.

    Args:
        module: The contender's, in `benchmarks.contenders`.
        work: The search.
        folder: For all that it writes.

    Returns:
        When the process began and ended, on the clock of all processes, and what it told.

    Raises:
        RuntimeError: It failed.
    """
    work_file(folder).write_bytes(pickle.dumps(work))
    command = [sys.executable, "-m", "benchmarks.contenders", module, str(folder)]
    said = folder / "said"
    with said.open("w") as file:
        start = time.monotonic()
        code = subprocess.call(command, cwd=_ROOT, stdout=file, stderr=subprocess.STDOUT)
        end = time.monotonic()
    if code:
        raise RuntimeError(f"{module}: exit code {code}\n{said.read_text()}")
    return start, end, pickle.loads(outcome_file(folder).read_bytes())


def check(module: str, outcome: Outcome, work: Work) -> None:
    """Check that a contender has trained what it should.

    Args:
        module: The contender's.
        outcome: What it made of the work.
        work: The search.

    Raises:
        RuntimeError: It trained other hyperparameters, or in another order.
    """
    if work.sets and list(outcome.trained) != list(work.sets):
        raise RuntimeError(f"{module} trained {outcome.trained}; it should train {work.sets}")


def timings_table(title: str, caption: str) -> Table:
    """Return an empty table of timings.

    Args:
        title: What was done.
        caption: Where and when it was measured.

    Returns:
        A table for `add_timings`.
    """
    return empty_table(title, "who", _COLUMNS, caption)


def add_timings(table: Table, timings: Mapping[str, Sequence[Timing]], prefix: str = "") -> None:
    """Add a row a contender: medians, extremes, and ratios to the first contender's medians.

    Args:
        table: Where to.
        timings: The contenders' timings.
        prefix: What goes before their names.
    """
    base: dict[str, float | None] = {}
    for who, measured in timings.items():
        whole, search = _median(measured, "whole"), _median(measured, "search")
        base = base or {"whole": whole, "search": search}
        extremes = [f([one.whole for one in measured]) if whole else None for f in (min, max)]
        cells = [_cell(figure, 2) for figure in (whole, *extremes)]
        cells += [_cell(_ratio(whole, base["whole"]), 3)]
        cells += [_cell(search, 2), _cell(_ratio(search, base["search"]), 3)]
        cells += [_cell(_median(measured, name), 2) for name in ("imports", "first_trial")]
        cells += [_cell(measured[-1].best, 6), _cell(_median(measured, "megabytes"), 0)]
        table.add_row(prefix + who, *cells)


def _median(measured: Sequence[Timing], name: str) -> float | None:
    values = [getattr(timing, name) for timing in measured]
    return None if None in values else median(values)


def _ratio(value: float | None, base: float | None) -> float | None:
    return None if value is None or base is None else value / base


def _cell(figure: float | None, decimals: int) -> str:
    return "" if figure is None else f"{figure:.{decimals}f}"
