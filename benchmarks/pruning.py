"""What a pruner saves of real searches, and what it costs: time, epochs, and the best model's test.

    python -m benchmarks.pruning --datasets digits garments --pruners asha --seeds 5

Each search runs in a process of its own, with and without the pruner in turn, with equal seeds.
"""

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.measuring import empty_table, in_turn, machine, show, told_by_command
from pipeline.journal.history import read

_COLUMNS = ("seconds", "of none", "epochs", "of none", "best val_loss", "test loss", "sd of it")


@dataclass(frozen=True)
class Ended:
    """What came of a search.

    Attributes:
        seconds: How long its loop ran.
        epochs: How many were trained in all.
        score: The best trial's.
        test: Loss of the best model on the test split.
    """

    seconds: float
    epochs: int
    score: float
    test: float


def search(dataset: str, pruner: str, seed: int, *, trials: int, epochs: int) -> Ended:
    """Run one search, with everything on but early stopping, which would be a pruner too.

    Args:
        dataset: Choice of the group.
        pruner: Choice of the group, or `asha,promote` for that with promotion.
        seed: Of the search.
        trials: How many.
        epochs: Of a whole training.
    """
    name, _, promote = pruner.partition(",")
    with tempfile.TemporaryDirectory() as folder:
        arguments = [
            *(f"dataset={dataset}", "model=mlp", "strategy=random", f"seed={seed}"),
            *(f"strategy.max_trials={trials}", f"training.epochs={epochs}", f"pruner={name}"),
            *(["pruner.promote=true"] if promote else []),
            *("~callbacks.early_stopping", "~callbacks.reduce_learning_rate", "verbose=0"),
        ]
        told = told_by_command(arguments, Path(folder))
        attempts = read(Path(told["directory"])).attempts
        epochs_trained = sum(len(attempt.epochs) for attempt in attempts)
    best, test = told["best"]["score"], told["test"]["loss"]
    return Ended(told["duration_seconds"], epochs_trained, best, test)


def compare(
    dataset: str, pruners: Sequence[str], *, seeds: int, trials: int, epochs: int
) -> dict[str, list[Ended]]:
    """Return how the searches of each pruner ended, one a seed."""
    found: dict[str, list[Ended]] = {pruner: [] for pruner in pruners}
    for seed in range(seeds):
        for pruner in in_turn(pruners, seed):
            ended = search(dataset, pruner, seed, trials=trials, epochs=epochs)
            Console(stderr=True).print(f"{dataset}, seed {seed}, {pruner}: {ended}")
            found[pruner].append(ended)
    return found


def row(searches: Sequence[Ended], plain: Sequence[Ended]) -> list[str]:
    """Return the means over the seeds, and the shares of what the searches without pruner took."""
    seconds, epochs, score, test = (
        statistics.fmean(getattr(one, name) for one in searches)
        for name in ("seconds", "epochs", "score", "test")
    )
    spread = statistics.stdev(one.test for one in searches) if len(searches) > 1 else 0.0
    return [
        f"{seconds:.1f}",
        f"{seconds / statistics.fmean(one.seconds for one in plain):.2f}",
        f"{epochs:.0f}",
        f"{epochs / statistics.fmean(one.epochs for one in plain):.2f}",
        f"{score:.4f}",
        f"{test:.4f}",
        f"{spread:.4f}",
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--datasets", nargs="+", default=["digits", "garments"])
    parser.add_argument("--pruners", nargs="+", default=["asha"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    title = f"{options.trials} trials of at most {options.epochs} epochs, {options.seeds} seeds"
    table = empty_table(title, "dataset, pruner", _COLUMNS, machine())
    for dataset in options.datasets:
        pruners = ["none", *options.pruners]
        sizes = {"seeds": options.seeds, "trials": options.trials, "epochs": options.epochs}
        found = compare(dataset, pruners, **sizes)
        for pruner, searches in found.items():
            table.add_row(f"{dataset}, {pruner}", *row(searches, found["none"]))
    show(table)


if __name__ == "__main__":
    main()
