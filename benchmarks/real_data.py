"""Searches of real data of every kind: what the best model makes of the test, beside no model.

    python -m benchmarks.real_data --trials 5

`benchmarks/real_sets.py` says what has to be installed. The metric of each is the most telling
that is tested; the baseline predicts the majority, the mean or nothing.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.measuring import empty_table, machine, show
from benchmarks.real_sets import CASES

_CONF = Path(__file__).parent / "conf"
_TOLD = {
    "yeast": "auc",
    "solar flares": "mae",
    "messages": "accuracy",
    "gun or point": "accuracy",
    "consumption": "mae",
    "nuclei": "iou",
    "textures, ImageNet": "accuracy",
    "textures, random": "accuracy",
}


def search(case: str, folder: Path, *, trials: int) -> dict[str, Any]:
    """Write the data of a case into a folder, search there, and return what the command tells.

    Args:
        case: One of `CASES`.
        folder: An empty one.
        trials: Of a random search.
    """
    write, arguments = CASES[case]
    write(folder)
    command = [
        *(sys.executable, "-m", "pipeline", "--json", f"--config-dir={_CONF}", *arguments),
        *("strategy=random", f"strategy.max_trials={trials}", "verbose=0"),
    ]
    ended = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True, text=True)
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def row(case: str, told: dict[str, Any]) -> list[str]:
    """Return what one search came to, as the table has it."""
    metric = _TOLD[case]
    baseline = (told.get("baseline") or {}).get(metric)
    return [
        metric,
        f"{told['test'][metric]:.4f}",
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
    for case in options.cases:
        with tempfile.TemporaryDirectory() as folder:
            told = search(case, Path(folder), trials=options.trials)
        Console(stderr=True).print(f"{case}: {told['test']}")
        table.add_row(case, *row(case, told))
    show(table)


if __name__ == "__main__":
    main()
