"""KerasTuner as its users make it fast, with MLflow's callback and asynchronous logging."""

from pathlib import Path

import mlflow

from benchmarks import cases
from benchmarks.contenders import keras_tuner_mlflow
from benchmarks.contenders.keras_tuner_tuned import tuned
from benchmarks.work import Outcome, Work


def search(work: Work, folder: Path) -> Outcome:
    """Search with tuned models; what is logged has arrived when its run ends."""
    mlflow.config.enable_async_logging()
    return keras_tuner_mlflow.run(tuned(cases.load(work)), work, folder)
