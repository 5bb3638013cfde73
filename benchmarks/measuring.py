"""How contenders are compared: each in fresh processes, in turn, on one machine."""

import argparse
import importlib
import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from benchmarks.work import Work

Answer = TypeVar("Answer")

# Spawned processes inherit them: nobody logs at length, or waits for a server of its maker's.
for _name, _value in {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "RAY_USAGE_STATS_ENABLED": "0",
}.items():
    os.environ.setdefault(_name, _value)

_PACKAGES = ("keras", "tensorflow", "keras-tuner", "mlflow")


@dataclass(frozen=True)
class Timing:
    """What one search took.

    Attributes:
        imports: Seconds until the contender's module was imported.
        seconds: Seconds from then to the end of the search.
        best: The best objective, which shows that the contenders did the same.
    """

    imports: float
    seconds: float
    best: float


def in_fresh_process(function: Callable[..., Answer], *arguments: object) -> Answer:
    """Call a module's function in a spawned process of its own.

    Args:
        function: What to call.
        *arguments: What to call it with.

    Returns:
        What it returned.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def draw_sets(case: str, count: int) -> tuple[Mapping[str, Any], ...]:
    """Draw hyperparameters as `cases.draw_sets` does, while this process imports nothing heavy.

    A spawned process imports what the command's module imports, before its time is taken.

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
    """Let contenders do the same work in turn, each time in a fresh process.

    Args:
        contenders: Their names, and their modules in `benchmarks.contenders`.
        work: The search.
        repeats: How often each does it.

    Returns:
        Their timings, by name.
    """
    timings: dict[str, list[Timing]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, module in contenders.items():
            timings[name].append(in_fresh_process(_timed, module, work))
    return timings


def _timed(module: str, work: Work) -> Timing:
    """Time a contender's search in a folder of its own, deleted afterwards."""
    with (
        tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".benchmark-") as folder,
        Path(os.devnull).open("w") as nowhere,
        redirect_stdout(nowhere),
    ):
        start = time.perf_counter()
        contender = importlib.import_module(f"benchmarks.contenders.{module}")
        imported = time.perf_counter()
        best = contender.search(work, Path(folder))
        return Timing(imported - start, time.perf_counter() - imported, float(best))


def timings_table(title: str, timings: Mapping[str, Sequence[Timing]], caption: str) -> Table:
    """Return a table of timings.

    Args:
        title: What was done.
        timings: The contenders' timings; the last column compares with the first contender.
        caption: Where it was measured.

    Returns:
        A row a contender: the medians, the extremes, and the ratio to the first row's median.
    """
    columns = ("imports s", "search s", "min", "max", "best", "ratio")
    table = ratio_table(title, "who", columns, caption)
    base = median(timing.seconds for timing in next(iter(timings.values())))
    for name, measured in timings.items():
        seconds = [timing.seconds for timing in measured]
        imports = median(timing.imports for timing in measured)
        figures = [imports, median(seconds), min(seconds), max(seconds)]
        cells = [*(f"{figure:.2f}" for figure in figures), f"{measured[-1].best:.4f}"]
        table.add_row(name, *cells, f"{median(seconds) / base:.3f}")
    return table


def ratio_table(title: str, first: str, columns: Sequence[str], caption: str) -> Table:
    """Return an empty table: one column of names, then columns of figures.

    Args:
        title: What was done.
        first: The title of the column of names.
        columns: The titles of the columns of figures.
        caption: Where it was measured.

    Returns:
        The table.
    """
    table = Table(title=title, caption=caption)
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def machine(*packages: str) -> str:
    """Say where it is measured: processor, cores, Python and the versions of packages.

    Args:
        *packages: Peers' distributions, beside Keras, TensorFlow, KerasTuner and MLflow.

    Returns:
        One line.
    """
    versions = [f"{name} {version(name)}" for name in (*_PACKAGES, *packages)]
    return ", ".join([hardware(), f"Python {platform.python_version()}", *versions])


def hardware() -> str:
    """Return the number of cores and the processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} x {names[0] if names else platform.machine()}"


def resident_megabytes() -> float:
    """Return the size of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def search_arguments(description: str | None, *, trials: int) -> argparse.ArgumentParser:
    """Return a parser of what the comparisons of whole searches have in common.

    Args:
        description: The module's docstring, of which the first line is shown.
        trials: The default number of trials.

    Returns:
        The parser, with `--trials`, `--epochs` and `--repeats`.
    """
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=trials)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    return parser


def show(table: Table) -> None:
    """Print a table, whether to a terminal or into a file."""
    Console(width=120).print(table)
