"""KerasTuner with MLflow's own Keras callback, on SQLite.

The callback logs to the active run, so that a user has to begin one for every trial: here it is a
nested run around `run_trial`, with the hyperparameters as its parameters. KerasTuner copies the
callback for every fit, which does it no harm.
"""

from pathlib import Path
from typing import Any

import keras_tuner
import mlflow
import mlflow.keras

from benchmarks import cases
from benchmarks.cases import Case
from benchmarks.contenders import keras_tuner_plain
from benchmarks.work import Outcome, Work


class Tracked(keras_tuner.Tuner):
    """Begins a run a trial."""

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        """Train a trial within a run of its own."""
        with mlflow.start_run(run_name=trial.trial_id, nested=True):
            mlflow.log_params(trial.hyperparameters.values)
            return super().run_trial(trial, *args, **kwargs)


def search(work: Work, folder: Path) -> Outcome:
    """Search with the callback's defaults."""
    return run(cases.load(work), work, folder)


def run(case: Case, work: Work, folder: Path) -> Outcome:
    """Search within one run.

    Args:
        case: What is searched.
        work: The search.
        folder: Where the tuner keeps its files, and MLflow its store.

    Returns:
        The outcome.
    """
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.create_experiment("search", artifact_location=str(folder / "artifacts"))
    mlflow.set_experiment("search")
    with mlflow.start_run():
        callbacks = [mlflow.keras.MlflowCallback()]
        return keras_tuner_plain.run(case, work, folder, Tracked, callbacks=callbacks)
