"""What a trial costs beside its training, from the first trials of a search to the last ones.

    python -m benchmarks.bookkeeping --trials 5000

Trials train nothing. Ours are run by the real tuner and kept in the real journal and weights files;
KerasTuner's are run by its own tuner, which keeps them in its own files. Each search has a process
of its own; who begins changes from strategy to strategy.
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

from benchmarks.clocks import Ran
from benchmarks.measuring import empty_table, in_fresh_process, in_turn, machine, show
from benchmarks.untrained import Untrained
from benchmarks.untrained_ours import OURS, run_ours
from benchmarks.untrained_theirs import run_theirs

_SPAN = 500  # trials at the beginning and at the end whose cost is compared
_BAYESIAN_TRIALS = 300  # its Gaussian process, not its bookkeeping, is what takes time
_RUN = {"ours": run_ours, "keras_tuner": run_theirs}


def run(who: str, search: Untrained) -> Ran:
    """Run a search in a folder deleted afterwards.

    Args:
        who: `ours` or `keras_tuner`.
        search: The search.

    Returns:
        How long it took.
    """
    # KerasTuner's Gaussian process warns with every trial.
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".benchmark-") as folder:
        return _RUN[who](search, Path(folder))


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
    columns = ("trials", f"first {_SPAN}", f"last {_SPAN}", "ratio")
    columns += ("oracle", "journal", "weights", "MB grown", "seconds")
    title = "Milliseconds a trial that trains nothing"
    table = empty_table(title, "strategy, who", columns, machine())
    for strategy, who, ran in measured:
        count = len(ran.ends)
        span = min(_SPAN, count // 3)
        first, last = milliseconds(ran, slice(span)), milliseconds(ran, slice(-span, None))
        shares = [ran.parts.get(part) for part in ("oracle", "journal", "weights")]
        parts = ["" if share is None else f"{1000 * share / count:.2f}" for share in shares]
        cells = [f"{first:.2f}", f"{last:.2f}", f"{last / first:.2f}", *parts]
        cells += [f"{ran.grown:.0f}", f"{ran.ends[-1]:.1f}"]
        table.add_row(f"{strategy}, {who}", str(count), *cells)
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
    measured = []
    for number, strategy in enumerate(options.strategies):
        bayesian = strategy == "bayesian"
        trials = min(options.trials, _BAYESIAN_TRIALS) if bayesian else options.trials
        search = Untrained(strategy, trials, options.few)
        ran = {who: in_fresh_process(run, who, search) for who in in_turn(list(_RUN), number)}
        measured += [(strategy, who, ran[who]) for who in _RUN]
    show(report(measured))


if __name__ == "__main__":
    main()
