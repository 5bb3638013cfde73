"""What a trial costs beside its training, from the first trials of a search to the last ones.

    python -m benchmarks.bookkeeping --trials 5000

Trials train nothing. Ours are run by the real tuner and kept in the real journal and weights files;
KerasTuner's are run by its own tuner, which keeps them in its own files.
"""

import argparse
import tempfile
import warnings
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from rich.table import Table
from sklearn.exceptions import ConvergenceWarning

from benchmarks.measuring import hardware, show
from benchmarks.no_training import OURS, Ran, Untrained, run_ours, run_theirs

_SPAN = 500  # trials at the beginning and at the end whose cost is compared
_BAYESIAN_TRIALS = 300  # its Gaussian process, not its bookkeeping, is what takes time


def milliseconds(ran: Ran, part: slice) -> float:
    """Return the mean time of a trial among some.

    Args:
        ran: A search.
        part: Which trials.

    Returns:
        Milliseconds.
    """
    times = [end - start for start, end in pairwise([0.0, *ran.ends])]
    return 1000 * fmean(times[part])


def report(measured: Sequence[tuple[str, str, Ran]]) -> Table:
    """Return the figures as a table.

    Args:
        measured: Strategies, who ran them, and what that took.

    Returns:
        A row each.
    """
    table = Table(title=f"Milliseconds a trial that trains nothing ({hardware()})")
    titles = (
        f"first {_SPAN}",
        f"last {_SPAN}",
        "ratio",
        "oracle",
        "journal",
        "weights",
        "MB grown",
        "seconds",
    )
    table.add_column("strategy")
    table.add_column("who")
    for title in ("trials", *titles):
        table.add_column(title, justify="right")
    for strategy, who, ran in measured:
        count = len(ran.ends)
        span = min(_SPAN, count // 3)
        first, last = milliseconds(ran, slice(span)), milliseconds(ran, slice(-span, None))
        shares = [ran.parts.get(part) for part in ("oracle", "journal", "weights")]
        parts = ["" if share is None else f"{1000 * share / count:.2f}" for share in shares]
        cells = [f"{first:.2f}", f"{last:.2f}", f"{last / first:.2f}", *parts]
        cells += [f"{ran.grown:.0f}", f"{ran.ends[-1]:.1f}"]
        table.add_row(strategy, who, str(count), *cells)
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=5000)
    parser.add_argument("--strategies", nargs="+", choices=OURS, default=list(OURS))
    parser.add_argument(
        "--few", action="store_true", help="600 combinations, which a long search exhausts"
    )
    options = parser.parse_args()
    # KerasTuner's Gaussian process warns with every trial.
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    measured = []
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".benchmark-") as folder:
        for strategy in options.strategies:
            trials = options.trials
            if strategy == "bayesian":
                trials = min(trials, _BAYESIAN_TRIALS)
            search = Untrained(strategy, trials, options.few)
            for who, run in (("ours", run_ours), ("keras_tuner", run_theirs)):
                place = Path(folder, f"{who}-{strategy}")
                place.mkdir()
                measured.append((strategy, who, run(search, place)))
    show(report(measured))


if __name__ == "__main__":
    main()
