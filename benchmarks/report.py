"""What the report of a long search takes to make, and how large it is.

    python -m benchmarks.report --trials 2000 --epochs 20

The journal is made: nothing is trained.
"""

import argparse
import math
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring import empty_table, machine, show
from pipeline.journal.callbacks import (
    EpochEnd,
    Record,
    SearchBegin,
    SearchEnd,
    Status,
    TrialBegin,
    TrialEnd,
)
from pipeline.journal.encoding import encode
from pipeline.journal.history import FILE_NAME
from pipeline.report.page import write_report

_SPACE = (
    ("Float", {"name": "learning_rate", "min_value": 1e-4, "max_value": 1e-1, "sampling": "log"}),
    ("Float", {"name": "dropout", "min_value": 0.0, "max_value": 0.9, "sampling": "linear"}),
    ("Int", {"name": "units", "min_value": 8, "max_value": 512, "sampling": "log"}),
    ("Int", {"name": "layers", "min_value": 1, "max_value": 6, "sampling": "linear"}),
    ("Choice", {"name": "activation", "values": ["relu", "tanh", "gelu"]}),
    ("Boolean", {"name": "batch_normalization"}),
)


def records(trials: int, epochs: int) -> Iterator[Record]:
    """Yield a random search's records, in which the learning rate matters most.

    Args:
        trials: How many.
        epochs: Of each.

    Yields:
        The records in order.
    """
    chance, now = random.Random(0), 1_700_000_000.0
    yield _begin(trials, epochs, now)
    for number in range(trials):
        trial, values = f"{number:04}", _values(chance)
        yield TrialBegin(trial, 0, values, {}, 0, epochs, now)
        final = abs(math.log10(values["learning_rate"]) + 2) + 0.3 * values["dropout"]
        curve = [final + 2 / (epoch + 1) + chance.gauss(0, 0.02) for epoch in range(epochs)]
        for epoch, loss in enumerate(curve):
            logs = {"loss": loss / 2, "accuracy": 1 / (1 + loss), "val_loss": loss}
            yield EpochEnd(trial, 0, 0, epoch, logs, now + epoch)
        best, now = min(curve), now + epochs
        yield TrialEnd(
            trial,
            0,
            Status.COMPLETED,
            score=best,
            best_epoch=curve.index(best),
            metrics={"val_loss": best},
            epochs_trained=epochs,
            duration_seconds=float(epochs),
            final=True,
            message=None,
            traceback=None,
            time=now,
        )
    yield SearchEnd(Status.COMPLETED, None, None, now)


def _values(chance: random.Random) -> dict[str, float]:
    return {
        "learning_rate": 10 ** chance.uniform(-4, -1),
        "dropout": chance.uniform(0, 0.9),
        "units": round(2 ** chance.uniform(3, 9)),
        "layers": chance.randint(1, 6),
        "activation": chance.choice(["relu", "tanh", "gelu"]),
        "batch_normalization": chance.random() < 0.5,
    }


def _begin(trials: int, epochs: int, now: float) -> SearchBegin:
    common = {"step": None, "conditions": []}
    return SearchBegin(
        search="made",
        name="made",
        strategy="random",
        dataset="made",
        model="made",
        task="classification",
        objective="val_loss",
        direction="min",
        fingerprint="",
        sweep=None,
        seed=0,
        executions_per_trial=1,
        total_trials=trials,
        total_epochs=trials * epochs,
        dataset_info={},
        space=[{"class_name": kind, "config": {**common, **config}} for kind, config in _SPACE],
        config={},
        overrides=[],
        versions={},
        time=now,
    )


def measure(trials: int, epochs: int, folder: Path) -> tuple[float, float, float]:
    """Make the report of a made search.

    Args:
        trials: How many it has.
        epochs: Of each.
        folder: The search's, which exists.

    Returns:
        The journal's megabytes, the seconds it took, and the report's megabytes.
    """
    journal = folder / FILE_NAME
    lines = (encode(record) + "\n" for record in records(trials, epochs))
    journal.write_text("".join(lines), encoding="utf-8")
    start = time.perf_counter()
    report = write_report(folder)
    seconds = time.perf_counter() - start
    return journal.stat().st_size / 1e6, seconds, report.stat().st_size / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    columns = ("epochs", "journal MB", "seconds", "report MB")
    table = empty_table("The report of a search", "trials", columns, machine("optuna", "plotly"))
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".benchmark-") as folder:
        figures = measure(options.trials, options.epochs, Path(folder))
    cells = [f"{figure:.1f}" for figure in figures]
    table.add_row(str(options.trials), str(options.epochs), *cells)
    show(table)


if __name__ == "__main__":
    main()
