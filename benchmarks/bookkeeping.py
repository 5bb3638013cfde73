"""What a trial costs beside its training, from the first trials of a search to the last ones.

    python -m benchmarks.bookkeeping --trials 5000

Trials train nothing. Ours are run by the real tuner and kept in the real journal and weights files;
KerasTuner's are run by its own tuner, which keeps them in its own files.
"""

import argparse
import os
import platform
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import keras_tuner
import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.exceptions import ConvergenceWarning

from pipeline import strategies
from pipeline.callbacks import SearchBegin
from pipeline.datasets import wine
from pipeline.history import Journal
from pipeline.results import TrainingResult
from pipeline.trainer import Execution, Trainer
from pipeline.trial_files import TrialFiles
from pipeline.tuner import Tuner
from pipeline.weights import Weights

_OBJECTIVE = keras_tuner.Objective("val_loss", "min")
_WEIGHTS = Weights((np.zeros((8, 8), np.float32),), ())
_SPAN = 500  # trials at the beginning and at the end whose cost is compared
_BAYESIAN_TRIALS = 300  # its Gaussian process, not its bookkeeping, is what takes time


@dataclass(frozen=True)
class Measured:
    """How long the trials of a search took.

    Attributes:
        strategy: The strategy's name.
        who: `ours` or `keras_tuner`.
        ends: When each trial ended, in seconds since the search began.
        grown: By how many megabytes the process grew.
        oracle: Seconds of it that the oracle took; None if not measured.
        journal: Seconds of it that the journal took; None if not measured.
        files: Seconds of it that the weights took; None if not measured.
    """

    strategy: str
    who: str
    ends: Sequence[float]
    grown: float
    oracle: float | None = None
    journal: float | None = None
    files: float | None = None

    def milliseconds(self, part: slice) -> float:
        """Return the mean time of a trial among some."""
        starts = [0.0, *self.ends[:-1]]
        times = [end - start for start, end in zip(starts, self.ends, strict=True)]
        return 1000 * fmean(times[part])


class Clock:
    """Adds up the time that some methods take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watch(self, owner: Any, *names: str) -> None:
        """Measure methods of an object from now on; none of them may call another."""
        for name in names:
            setattr(owner, name, self._timed(getattr(owner, name)))

    def _timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - start

        return timed


class NoTraining(Trainer):
    """Trains nothing; its scores are made of the hyperparameters."""

    def train(self, execution: Execution, on_epoch_end: Any, should_stop: Any = None) -> Any:  # noqa: ARG002
        """Report one epoch."""
        logs = {"val_loss": score(execution.hyperparameters.values)}
        on_epoch_end(execution.initial_epoch, logs)
        return TrainingResult(
            logs["val_loss"],
            execution.initial_epoch,
            logs,
            _WEIGHTS,
            {execution.initial_epoch: logs},
        )


class NoModel(keras_tuner.HyperModel):
    """Declares hyperparameters; its model is never trained.

    Args:
        few: As in `declare`.
    """

    def __init__(self, few: bool) -> None:
        super().__init__()
        self._few = few

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return a model that KerasTuner accepts."""
        declare(hp, self._few)
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])


def declare(hp: keras_tuner.HyperParameters, few: bool) -> None:
    """Declare hyperparameters: five with 60,000 combinations, or a few with 600."""
    hp.Int("units", 1, 20)
    hp.Int("layers", 1, 10)
    hp.Choice("activation", ["relu", "tanh", "elu"])
    if not few:
        hp.Float("dropout", 0.0, 0.9, step=0.1)
        hp.Int("kernel", 1, 10)


def score(values: dict[str, Any]) -> float:
    """Return a score that depends on the hyperparameters."""
    return float(values["units"] % 7 + values.get("dropout", 0) + values["layers"] / 10)


def ours(strategy: str, trials: int, folder: Path, few: bool) -> Measured:
    """Run a search of ours."""
    space = keras_tuner.HyperParameters()
    declare(space, few)
    common = {"objective": _OBJECTIVE, "hyperparameters": space, "seed": 1}
    oracle = _OURS[strategy](**common, **_budget(strategy, trials))
    journal, times = Journal(_made(folder)), _Times()
    clocks = {name: Clock() for name in ("oracle", "journal", "files")}
    clocks["oracle"].watch(oracle, "create_trial", "update_trial", "end_trial", "needed_trials")
    hooks = ("on_trial_begin", "on_epoch_end", "on_trial_end")
    clocks["journal"].watch(journal, *hooks)
    files = TrialFiles(folder, keep_best=5, direction="min")
    clocks["files"].watch(files, "delete_others")
    dataset = wine(validation_size=0.2, test_size=0.2, seed=0)
    tuner = Tuner(
        oracle=oracle,
        trainer=NoTraining(NoModel(few), dataset, _OBJECTIVE, batch_size=1),
        begin=_begin(strategy),
        directory=folder,
        files=files,
        epochs=1,
        callbacks=[journal, times],
        max_failed_trials=3,
    )
    saved = TrainingResult.save
    clocks["files"].watch(TrainingResult, "save")
    before = _megabytes()
    times.start()
    try:
        tuner.search()
    finally:
        TrainingResult.save = saved  # type: ignore[method-assign]
        journal.close()
    seconds = {name: clock.seconds for name, clock in clocks.items()}
    return Measured(strategy, "ours", times.ends, _megabytes() - before, **seconds)


def theirs(strategy: str, trials: int, folder: Path, few: bool) -> Measured:
    """Run a search of KerasTuner's."""
    times = _Times()

    class Untrained(_THEIRS[strategy]):  # type: ignore[misc]
        def run_trial(self, trial: Any, *_: Any, **__: Any) -> dict[str, float]:
            return {"val_loss": score(trial.hyperparameters.values)}

        def on_trial_end(self, trial: Any) -> None:
            super().on_trial_end(trial)
            times.on_trial_end(trial)

    tuner = Untrained(
        NoModel(few),
        objective=_OBJECTIVE,
        directory=str(folder),
        project_name="search",
        seed=1,
        **_budget(strategy, trials),
    )
    before = _megabytes()
    times.start()
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        tuner.search(verbose=0)
    return Measured(strategy, "keras_tuner", times.ends, _megabytes() - before)


_OURS: dict[str, Any] = {
    "random": strategies.RandomSearch,
    "grid": strategies.GridSearch,
    "bayesian": strategies.BayesianOptimization,
    "hyperband": strategies.Hyperband,
}
_THEIRS: dict[str, Any] = {
    "random": keras_tuner.RandomSearch,
    "grid": keras_tuner.GridSearch,
    "bayesian": keras_tuner.BayesianOptimization,
    "hyperband": keras_tuner.Hyperband,
}


def _budget(strategy: str, trials: int) -> dict[str, Any]:
    if strategy != "hyperband":
        return {"max_trials": trials}
    # 81 epochs and a factor of 3 make 211 trials an iteration.
    return {"max_epochs": 81, "factor": 3, "hyperband_iterations": max(1, round(trials / 211))}


class _Times:
    """Notes when trials end; in ours it is the last callback."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self._start = 0.0

    def start(self) -> None:
        self._start = time.perf_counter()

    def on_trial_end(self, record: Any) -> None:  # noqa: ARG002
        self.ends.append(time.perf_counter() - self._start)

    def _ignore(self, record: Any) -> None:
        pass

    on_search_begin = on_trial_begin = on_epoch_end = on_search_end = _ignore


def _begin(strategy: str) -> SearchBegin:
    fields: dict[str, Any] = dict.fromkeys(SearchBegin.__dataclass_fields__, "")
    fields |= {"direction": "min", "objective": "val_loss", "seed": 1, "executions_per_trial": 1}
    fields |= {"strategy": strategy, "total_trials": None, "total_epochs": None, "sweep": None}
    fields |= {"dataset_info": {}, "space": [], "config": {}, "overrides": [], "versions": {}}
    return SearchBegin(**fields | {"time": time.time()})


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def report(measured: Sequence[Measured]) -> Table:
    """Return the figures as a table."""
    table = Table(title=f"Milliseconds a trial that trains nothing ({_hardware()})")
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
    for one in measured:
        count = len(one.ends)
        span = min(_SPAN, count // 3)
        first, last = one.milliseconds(slice(span)), one.milliseconds(slice(-span, None))
        shares = (one.oracle, one.journal, one.files)
        parts = ["" if part is None else f"{1000 * part / count:.2f}" for part in shares]
        cells = [f"{first:.2f}", f"{last:.2f}", f"{last / first:.2f}", *parts]
        cells += [f"{one.grown:.0f}", f"{one.ends[-1]:.1f}"]
        table.add_row(one.strategy, one.who, str(count), *cells)
    return table


def _hardware() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} x {names[0] if names else platform.machine()}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=5000)
    parser.add_argument("--strategies", nargs="+", choices=_OURS, default=list(_OURS))
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
            for run in (ours, theirs):
                place = Path(folder, f"{run.__name__}-{strategy}")
                measured.append(run(strategy, trials, place, options.few))
    Console(width=120).print(report(measured))


if __name__ == "__main__":
    main()
