"""KerasTuner without training: its own tuner, with its own files."""

import os
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import keras_tuner

from benchmarks.clocks import Ran, Times
from benchmarks.process_memory import resident_megabytes
from benchmarks.untrained import OBJECTIVE, NoModel, Untrained

_THEIRS: dict[str, Any] = {
    "random": keras_tuner.RandomSearch,
    "grid": keras_tuner.GridSearch,
    "bayesian": keras_tuner.BayesianOptimization,
    "hyperband": keras_tuner.Hyperband,
}


def run_theirs(search: Untrained, folder: Path) -> Ran:
    """Run a search of KerasTuner's, with its own files.

    Args:
        search: The search; KerasTuner is told of a trial's last metrics alone.
        folder: Where it keeps its files.

    Returns:
        How long it took.
    """
    base: Any = _THEIRS[search.strategy]
    times = Times()

    class UntrainedTuner(base):
        def run_trial(self, trial: Any, *_: Any, **__: Any) -> dict[str, float]:
            return search.logs(trial.hyperparameters.values)

        def on_trial_end(self, trial: Any) -> None:
            super().on_trial_end(trial)
            times.note()

    tuner = UntrainedTuner(
        NoModel(search),
        objective=OBJECTIVE,
        directory=str(folder),
        project_name="search",
        seed=1,
        **search.budget(),
    )
    before = resident_megabytes()
    times.start()
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        tuner.search(verbose=0)
        seconds = times.seconds()
    return Ran(times.ends, seconds, resident_megabytes() - before, {})
