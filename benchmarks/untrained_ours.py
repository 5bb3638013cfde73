"""Ours without training: the real tuner, journal and weights files."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np

from benchmarks.clocks import Clock, Ran, Times
from benchmarks.process_memory import resident_megabytes
from benchmarks.untrained import OBJECTIVE, NoModel, Untrained
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

_WEIGHTS = Weights((np.zeros((8, 8), np.float32),), ())

OURS: dict[str, Any] = {
    "random": strategies.RandomSearch,
    "grid": strategies.GridSearch,
    "bayesian": strategies.BayesianOptimization,
    "hyperband": strategies.Hyperband,
}


class _Noting(SearchCallback):
    """Notes when trials end; it is the last callback."""

    def __init__(self, times: Times) -> None:
        self._times = times

    def on_trial_end(self, record: TrialEnd) -> None:  # noqa: ARG002
        self._times.note()


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
        objective=OBJECTIVE, hyperparameters=space, seed=1, **search.budget()
    )
    dataset = wine(validation_size=0.2, test_size=0.2, seed=0)
    journal, files = Journal(folder), TrialFiles(folder, keep_best=5, direction="min")
    before, times = resident_megabytes(), Times()
    tuner = Tuner(
        oracle=oracle,
        trainer=_NoTraining(NoModel(search), dataset, OBJECTIVE, batch_size=1),
        begin=_begin(search, folder, dataset),
        directory=folder,
        files=files,
        epochs=search.epochs,
        callbacks=[journal, *callbacks, _Noting(times)],
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
        objective=OBJECTIVE.name,
        direction=OBJECTIVE.direction,
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
