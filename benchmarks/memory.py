"""How much memory a search that really trains takes, and how much it grows with every trial.

    python -m benchmarks.memory --trials 200 --epochs 2

Small networks on the digits: KerasTuner without tracking and with MLflow's callback, and ours with
everything on. Each runs in a process of its own, whose size is read whenever a training has ended;
growth counts from the 20th on. What the process starts, such as the one that draws our report, is
counted too: four times a second it is looked at what all descendants have, and all together.
"""

import argparse
import importlib
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from benchmarks.comparison import draw_sets
from benchmarks.measuring import empty_table, in_fresh_process, machine, show
from benchmarks.process_memory import Most, resident_megabytes
from benchmarks.work import Work

_WARM_UP = 20  # trials, after which all code and buffers are there, of a search that is longer
_CONTENDERS = {
    "keras_tuner, no tracking": "keras_tuner_plain",
    "keras_tuner, MLflow's callback": "keras_tuner_mlflow",
    "ours, everything on": "ours",
}


@dataclass(frozen=True)
class Sizes:
    """What a search took of the memory.

    Attributes:
        after: Megabytes of its process after each trial.
        children: The most that all descendants had together.
        together: The most that they had with the process.
        seconds: How long the search took.
    """

    after: Sequence[float]
    children: float
    together: float
    seconds: float


def measure(module: str, work: Work) -> Sizes:
    """Search in a fresh process, in a folder deleted afterwards.

    Args:
        module: A contender's, in `benchmarks.contenders`.
        work: The search.

    Returns:
        What it took.
    """
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".benchmark-") as folder:
        return in_fresh_process(_measured, module, work, Path(folder))


def _measured(module: str, work: Work, folder: Path) -> Sizes:
    contender = importlib.import_module(f"benchmarks.contenders.{module}")
    from benchmarks import trainings

    after: list[float] = []
    trainings.watch(lambda: after.append(resident_megabytes()))
    start = time.perf_counter()
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), Most() as most:
        contender.search(work, folder)
    return Sizes(after, most.children, most.together, time.perf_counter() - start)


def _warm_up(trials: int) -> int:
    return min(_WARM_UP, trials // 2)


def add_row(table: Table, who: str, sizes: Sizes) -> None:
    """Add a contender's row.

    Args:
        table: Where to.
        who: The contender.
        sizes: What its search took.
    """
    warm = _warm_up(len(sizes.after))
    first, last = sizes.after[warm - 1], sizes.after[-1]
    grown = (last - first) / (len(sizes.after) - warm)
    most = (f"{megabytes:.0f}" for megabytes in (sizes.children, sizes.together))
    table.add_row(who, f"{first:.0f}", f"{last:.0f}", f"{grown:.2f}", *most, f"{sizes.seconds:.0f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args()
    columns = (f"MB after {_warm_up(options.trials)}", "MB at the end", "MB a trial")
    columns += ("children, most", "together, most", "seconds")
    title = f"Memory over {options.trials} trials of {options.epochs} epochs"
    table = empty_table(title, "who", columns, machine())
    work = Work("small", options.epochs, draw_sets("small", options.trials))
    for who, module in _CONTENDERS.items():
        add_row(table, who, measure(module, work))
    show(table)


if __name__ == "__main__":
    main()
