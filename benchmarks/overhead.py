"""What a trial costs beside its training, with tracking and without.

    python -m benchmarks.overhead --trials 10 100 1000 10000

Trials of random search train nothing and report ten epochs of four metrics. Ours are run by the
real tuner with the real journal and weights files, and with MLflow on SQLite, which a thread of its
own feeds and whose experiment is there already; KerasTuner's by its own tuner, with its own files
and no tracking. With every number of trials another contender begins.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from benchmarks.measuring import empty_table, in_fresh_process, in_turn, machine, show

if TYPE_CHECKING:
    from benchmarks.untrained import Untrained

# Milliseconds a trial: of the search, of its parts within it, of the tracking's thread beside it
# and after it, and until everything is where it belongs.
_COLUMNS = ("search", "oracle", "journal", "weights", "tracking", "thread", "CPU", "delivered")
_SEARCH = "search"
_DELIVERED = "delivered"

Cost = Mapping[str, float]
"""Milliseconds a trial, by column; what does not apply is missing."""


def keras_tuner(trials: int, folder: Path) -> Cost:
    """Run KerasTuner's random search.

    Args:
        trials: How many.
        folder: Where it keeps its files.

    Returns:
        Its cost.
    """
    from benchmarks.untrained_theirs import run_theirs

    ran = run_theirs(_untrained(trials), folder)
    return _a_trial(trials, {_SEARCH: ran.seconds, _DELIVERED: ran.seconds})


def ours(trials: int, folder: Path) -> Cost:
    """Run ours without tracking.

    Args:
        trials: How many.
        folder: The search's.

    Returns:
        Its cost, and that of its parts.
    """
    from benchmarks.untrained_ours import run_ours

    ran = run_ours(_untrained(trials), folder)
    parts = {name: ran.parts[name] for name in ("oracle", "journal", "weights")}
    return _a_trial(trials, {_SEARCH: ran.seconds, _DELIVERED: ran.seconds, **parts})


def ours_tracked(trials: int, folder: Path) -> Cost:
    """Run ours with MLflow on SQLite.

    Args:
        trials: How many.
        folder: The search's, also the store's.

    Returns:
        Its cost, that of its parts, and what the tracking's thread did.
    """
    from benchmarks.clocks import Clock
    from benchmarks.untrained_ours import run_ours
    from pipeline.tracking import Tracking
    from pipeline.tracking.delivery import Courier
    from pipeline.tracking.store import connect

    thread = Clock()
    thread.watch(Courier, "deliver")
    uri = f"sqlite:///{folder}/mlflow.db"
    connect(uri, "untrained")  # a new database takes more than a second, once for all searches
    tracking = Tracking(folder, uri=uri, experiment="untrained", registered_model=None)
    ran = run_ours(_untrained(trials), folder, [tracking])
    ended = time.perf_counter()
    delivery = tracking.close()
    delivered = ran.seconds + time.perf_counter() - ended
    if delivery.undelivered:
        raise RuntimeError(f"{delivery.undelivered} records were not delivered: {delivery.error}")
    seconds = {
        **ran.parts,
        _SEARCH: ran.seconds,
        "tracking": ran.parts["callbacks"],
        "thread": thread.seconds,
        "CPU": thread.processor_seconds,
        _DELIVERED: delivered,
    }
    return _a_trial(trials, seconds)


_CONTENDERS: dict[str, Callable[[int, Path], Cost]] = {
    "keras_tuner": keras_tuner,
    "ours": ours,
    "ours, MLflow": ours_tracked,
}


def _untrained(trials: int) -> "Untrained":
    from benchmarks.untrained import Untrained

    metrics = ("loss", "accuracy", "val_loss", "val_accuracy")
    return Untrained("random", trials, epochs=10, metrics=metrics)


def _a_trial(trials: int, seconds: Mapping[str, float]) -> Cost:
    return {name: 1000 * value / trials for name, value in seconds.items()}


def measure(who: str, trials: int) -> Cost:
    """Run a contender in a fresh process, in a folder deleted afterwards.

    Args:
        who: One of the contenders.
        trials: How many.

    Returns:
        Its cost.
    """
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".benchmark-") as folder:
        return in_fresh_process(_CONTENDERS[who], trials, Path(folder))


def add_rows(table: Table, trials: int, number: int) -> None:
    """Measure every contender, and add its row.

    Args:
        table: Where to.
        trials: How many each runs.
        number: The round's; in each another contender begins.
    """
    costs = {who: measure(who, trials) for who in in_turn(list(_CONTENDERS), number)}
    base = costs[next(iter(_CONTENDERS))][_DELIVERED]
    for who in _CONTENDERS:
        cost = costs[who]
        cells = [f"{cost[column]:.2f}" if column in cost else "" for column in _COLUMNS]
        table.add_row(f"{trials}, {who}", *cells, f"{cost[_DELIVERED] / base:.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[10, 100, 1000, 10000])
    options = parser.parse_args()
    columns = (*_COLUMNS, "ratio")
    table = empty_table("Milliseconds a trial that trains nothing", "trials", columns, machine())
    for number, trials in enumerate(options.trials):
        add_rows(table, trials, number)
    show(table)


if __name__ == "__main__":
    main()
