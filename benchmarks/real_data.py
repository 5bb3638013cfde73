"""Searches of real data of every kind: what the best model makes of the test, beside no model.

    python -m benchmarks.real_data --trials 5

`benchmarks/real_sets.py` says what has to be installed. The metric of each is the most telling
that is tested; the baseline predicts the majority, the mean or nothing.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.measuring import empty_table, machine, show, told_by_command
from benchmarks.real_sets import CASES, Case


def search(case: Case, folder: Path, *, trials: int) -> dict[str, Any]:
    """Write the data of a case into a folder, search there, and return what the command tells.

    Args:
        case: What is searched.
        folder: An empty one.
        trials: Of a random search.
    """
    case.write(folder)
    random = ("strategy=random", f"strategy.max_trials={trials}", "verbose=0")
    return told_by_command([*case.arguments, *random], folder)


def row(case: Case, told: dict[str, Any]) -> list[str]:
    """Return what one search came to, as the table has it."""
    baseline = told["baseline"].get(case.metric)
    return [
        case.metric,
        f"{told['test'][case.metric]:.4f}",
        "" if baseline is None else f"{baseline:.4f}",
        f"{told['duration_seconds']:.1f}",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    options = parser.parse_args(arguments)
    title = f"{options.trials} trials"
    columns = ("metric", "test", "baseline", "seconds")
    table = empty_table(title, "data", columns, machine())
    for name in options.cases:
        with tempfile.TemporaryDirectory() as folder:
            told = search(CASES[name], Path(folder), trials=options.trials)
        Console(stderr=True).print(f"{name}: {told['test']}")
        table.add_row(name, *row(CASES[name], told))
    show(table)


if __name__ == "__main__":
    main()
