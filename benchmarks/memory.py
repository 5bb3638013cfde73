"""How much a process grows with every trial of a search that really trains.

    python -m benchmarks.memory --trials 200

A small network on the digits, two epochs a trial: ours with everything on, KerasTuner's random
search with its own files. Each runs in a process of its own; growth counts from the 20th trial on.
"""

import argparse
import os
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.measuring import in_fresh_process, resident_megabytes, show

_WARM_UP = 20  # trials, after which all code and buffers are there
_EPOCHS = 2


def ours(trials: int, folder: Path) -> list[float]:
    """Run a search of ours; return the process's megabytes after each trial."""
    from pipeline.configuration.composition import compose_config
    from pipeline.search import run_search

    megabytes: list[float] = []
    _watch_journal(megabytes)
    overrides = [
        f"strategy.max_trials={trials}",
        f"training.epochs={_EPOCHS}",
        f"storage={folder}/searches",
        f"tracking.uri=sqlite:///{folder}/mlflow.db",
        "verbose=0",
    ]
    run_search(compose_config(overrides))
    return megabytes


def _watch_journal(megabytes: list[float]) -> None:
    """Note the size whenever the journal has been told of a trial's end."""
    from pipeline.journal.callbacks import TrialEnd
    from pipeline.journal.history import Journal

    tell = Journal.on_trial_end

    def on_trial_end(self: Journal, record: TrialEnd) -> None:
        tell(self, record)
        megabytes.append(resident_megabytes())

    Journal.on_trial_end = on_trial_end  # type: ignore[method-assign]


def theirs(trials: int, folder: Path) -> list[float]:
    """Run the same with plain KerasTuner."""
    import keras_tuner

    from pipeline.datasets import digits
    from pipeline.hypermodels import MLP

    megabytes: list[float] = []
    dataset = digits(validation_size=0.2, test_size=0.2, seed=0)

    class Watched(keras_tuner.RandomSearch):
        def on_trial_end(self, trial: Any) -> None:
            super().on_trial_end(trial)
            megabytes.append(resident_megabytes())

    tuner = Watched(
        MLP(dataset=dataset),
        objective=keras_tuner.Objective("val_loss", "min"),
        max_trials=trials,
        directory=str(folder),
        seed=1,
    )
    validation = (dataset.validation.x, dataset.validation.y)
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        tuner.search(
            dataset.train.x,
            dataset.train.y,
            validation_data=validation,
            epochs=_EPOCHS,
            verbose=0,
        )
    return megabytes


def _measure(who: str, trials: int) -> tuple[float, float, float]:
    """Return the megabytes after the warm-up and at the end, and the seconds of it all."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        sizes = {"ours": ours, "keras_tuner": theirs}[who](trials, Path(folder))
        return sizes[_WARM_UP - 1], sizes[-1], time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    options = parser.parse_args()
    table = Table(title=f"Memory over {options.trials} trials")
    for column in ("who", f"MB after {_WARM_UP}", "MB at the end", "MB a trial", "seconds"):
        table.add_column(column, justify="left" if column == "who" else "right")
    for who in ("ours", "keras_tuner"):
        first, last, seconds = in_fresh_process(_measure, who, options.trials)
        grown = (last - first) / (options.trials - _WARM_UP)
        table.add_row(who, f"{first:.0f}", f"{last:.0f}", f"{grown:.2f}", f"{seconds:.0f}")
    show(table)


if __name__ == "__main__":
    main()
