"""Searches whose trials train nothing: what is left is what a trial costs beside its training."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

from benchmarks.measuring import resident_megabytes
from pipeline import strategies
from pipeline.datasets import Dataset, wine
from pipeline.journal.callbacks import SearchBegin, SearchCallback, TrialEnd
from pipeline.journal.history import Journal
from pipeline.search.trial_files import TrialFiles
from pipeline.search.tuner import Tuner
from pipeline.training.best_epoch import EpochListener
from pipeline.training.results import TrainingResult
from pipeline.training.trainer import Execution, Trainer
from pipeline.training.weights import Weights

_OBJECTIVE = keras_tuner.Objective("val_loss", "min")
_WEIGHTS = Weights((np.zeros((8, 8), np.float32),), ())

OURS: dict[str, Any] = {
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


@dataclass(frozen=True)
class Untrained:
    """A search to run.

    Attributes:
        strategy: One of `OURS`.
        trials: How many, about; Hyperband's brackets decide.
        few: Whether the space has 600 combinations instead of 60,000.
        epochs: Epochs a trial reports.
        metrics: What it reports of each; the objective is among them.
    """

    strategy: str
    trials: int
    few: bool = False
    epochs: int = 1
    metrics: tuple[str, ...] = ("val_loss",)

    def declare(self, hp: keras_tuner.HyperParameters) -> None:
        """Declare hyperparameters: five with 60,000 combinations, or a few with 600."""
        hp.Int("units", 1, 20)
        hp.Int("layers", 1, 10)
        hp.Choice("activation", ["relu", "tanh", "elu"])
        if not self.few:
            hp.Float("dropout", 0.0, 0.9, step=0.1)
            hp.Int("kernel", 1, 10)

    def logs(self, values: Mapping[str, Any]) -> dict[str, float]:
        """Return the metrics of every epoch, which depend on the hyperparameters."""
        score = float(values["units"] % 7 + values.get("dropout", 0) + values["layers"] / 10)
        return dict.fromkeys(self.metrics, score)

    def budget(self) -> dict[str, int]:
        """Return the arguments that limit the number of trials."""
        if self.strategy != "hyperband":
            return {"max_trials": self.trials}
        # 81 epochs and a factor of 3 make 211 trials an iteration.
        iterations = max(1, round(self.trials / 211))
        return {"max_epochs": 81, "factor": 3, "hyperband_iterations": iterations}


@dataclass(frozen=True)
class Ran:
    """How long the trials of a search took.

    Attributes:
        ends: When each trial ended, in seconds since the search began.
        seconds: When the search itself ended.
        grown: By how many megabytes the process grew.
        parts: Seconds of it that our parts took: `oracle`, `journal`, `weights`, `callbacks`.
    """

    ends: Sequence[float]
    seconds: float
    grown: float
    parts: Mapping[str, float]


class Clock:
    """Adds up the time that some methods take.

    Attributes:
        seconds: Time on the wall.
        processor_seconds: Time of the thread that called them on a processor.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.processor_seconds = 0.0

    def watch(self, owner: object, *names: str) -> None:
        """Measure methods of an object or a class from now on; none of them may call another."""
        for name in names:
            setattr(owner, name, self._timed(getattr(owner, name)))

    def _timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            start, processor_start = time.perf_counter(), time.thread_time()
            try:
                return method(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - start
                self.processor_seconds += time.thread_time() - processor_start

        return timed


class _Times(SearchCallback):
    """Notes when trials end; in ours it is the last callback."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self._start = 0.0

    def start(self) -> None:
        """Note that the search begins now."""
        self._start = time.perf_counter()

    def on_trial_end(self, record: TrialEnd) -> None:  # noqa: ARG002
        self.note()

    def note(self) -> None:
        """Note that a trial ends now."""
        self.ends.append(self.seconds())

    def seconds(self) -> float:
        """Return for how long the search has been running."""
        return time.perf_counter() - self._start


class _NoModel(keras_tuner.HyperModel):
    """Declares hyperparameters; its model is never trained."""

    def __init__(self, search: Untrained) -> None:
        super().__init__()
        self.search = search

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return a model that KerasTuner accepts."""
        self.search.declare(hp)
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])


class _NoTraining(Trainer):
    """Trains nothing; its scores are made of the hyperparameters."""

    def train(
        self,
        execution: Execution,
        on_epoch_end: EpochListener,
        should_stop: Callable[[], bool] = lambda: False,  # noqa: ARG002
    ) -> TrainingResult:
        """Report the epochs."""
        search: Untrained = self.hypermodel.search
        logs = search.logs(execution.hyperparameters.values)
        first = execution.initial_epoch
        epochs = range(first, first + search.epochs)
        for epoch in epochs:
            on_epoch_end(epoch, logs)
        return TrainingResult(logs["val_loss"], first, logs, _WEIGHTS, dict.fromkeys(epochs, logs))


def run_ours(search: Untrained, folder: Path, callbacks: Sequence[SearchCallback] = ()) -> Ran:
    """Run a search of ours, with the real journal and weights files.

    Args:
        search: The search.
        folder: The search's, which exists.
        callbacks: Told of every event after the journal.

    Returns:
        How long it took.
    """
    space = keras_tuner.HyperParameters()
    search.declare(space)
    oracle = OURS[search.strategy](
        objective=_OBJECTIVE, hyperparameters=space, seed=1, **search.budget()
    )
    dataset = wine(validation_size=0.2, test_size=0.2, seed=0)
    journal, files = Journal(folder), TrialFiles(folder, keep_best=5, direction="min")
    before, times = resident_megabytes(), _Times()
    tuner = Tuner(
        oracle=oracle,
        trainer=_NoTraining(_NoModel(search), dataset, _OBJECTIVE, batch_size=1),
        begin=_begin(search, folder, dataset),
        directory=folder,
        files=files,
        epochs=search.epochs,
        callbacks=[journal, *callbacks, times],
        max_failed_trials=3,
    )
    with _watched(oracle, journal, files, callbacks) as clocks:
        times.start()
        tuner.search()
        seconds = times.seconds()
    journal.close()
    parts = {name: clock.seconds for name, clock in clocks.items()}
    return Ran(times.ends, seconds, resident_megabytes() - before, parts)


@contextmanager
def _watched(
    oracle: keras_tuner.Oracle,
    journal: Journal,
    files: TrialFiles,
    callbacks: Sequence[SearchCallback],
) -> Iterator[Mapping[str, Clock]]:
    """Measure our parts."""
    clocks = {name: Clock() for name in ("oracle", "journal", "weights", "callbacks")}
    clocks["oracle"].watch(oracle, "create_trial", "update_trial", "end_trial", "needed_trials")
    for name, heard in [("journal", journal), *(("callbacks", one) for one in callbacks)]:
        clocks[name].watch(heard, "on_trial_begin", "on_epoch_end", "on_trial_end")
    clocks["weights"].watch(files, "delete_others")
    saved = TrainingResult.save
    clocks["weights"].watch(TrainingResult, "save")
    try:
        yield clocks
    finally:
        TrainingResult.save = saved  # type: ignore[method-assign]


def _begin(search: Untrained, folder: Path, dataset: Dataset) -> SearchBegin:
    space = keras_tuner.HyperParameters()
    search.declare(space)
    return SearchBegin(
        search=folder.name,
        name="untrained",
        strategy=search.strategy,
        dataset=dataset.name,
        model="none",
        task=dataset.task,
        objective=_OBJECTIVE.name,
        direction=_OBJECTIVE.direction,
        fingerprint="",
        sweep=None,
        seed=1,
        executions_per_trial=1,
        total_trials=None,
        total_epochs=None,
        dataset_info=dataset.info(),
        space=space.get_config()["space"],
        config={},
        overrides=[],
        versions={},
        time=time.time(),
    )


def run_theirs(search: Untrained, folder: Path) -> Ran:
    """Run a search of KerasTuner's, with its own files.

    Args:
        search: The search; KerasTuner is told of a trial's last metrics alone.
        folder: Where it keeps its files.

    Returns:
        How long it took.
    """
    base: Any = _THEIRS[search.strategy]
    times = _Times()

    class UntrainedTuner(base):
        def run_trial(self, trial: Any, *_: Any, **__: Any) -> dict[str, float]:
            return search.logs(trial.hyperparameters.values)

        def on_trial_end(self, trial: Any) -> None:
            super().on_trial_end(trial)
            times.note()

    tuner = UntrainedTuner(
        _NoModel(search),
        objective=_OBJECTIVE,
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
