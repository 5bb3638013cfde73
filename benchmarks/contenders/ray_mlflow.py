"""Ray Tune with its MLflow callback, on SQLite: one trial at a time, told of every epoch.

Its one worker process is used for all trials, which Ray does only when asked to.
"""

import functools
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import ray
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback

from benchmarks.cases import CASES, Case, fit_arguments, hyperparameters
from benchmarks.work import OBJECTIVE, Work


@functools.cache
def _case(name: str) -> Case:
    """Load a case once in the worker process."""
    return CASES[name]()


def _train(config: Mapping[str, Any]) -> None:
    work: Work = config["work"]
    dataset, hypermodel = _case(work.case)
    keras.backend.clear_session()
    report = keras.callbacks.LambdaCallback(on_epoch_end=lambda _epoch, logs: tune.report(logs))
    model = hypermodel.build(hyperparameters(config["hyperparameters"]))
    model.fit(**fit_arguments(dataset, work), callbacks=[report])


def search(work: Work, folder: Path) -> float:
    """Search the given trials, from the start of Ray to their end."""
    ray.init(include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    tracking = MLflowLoggerCallback(
        tracking_uri=f"sqlite:///{folder}/mlflow.db", experiment_name="search"
    )
    tuner = tune.Tuner(
        _train,
        param_space={
            "work": replace(work, sets=()),
            "hyperparameters": tune.grid_search([dict(values) for values in work.sets]),
        },
        tune_config=tune.TuneConfig(
            metric=OBJECTIVE, mode="min", max_concurrent_trials=1, reuse_actors=True
        ),
        run_config=tune.RunConfig(
            name="search", storage_path=str(folder), verbose=0, callbacks=[tracking]
        ),
    )
    epochs = tuner.fit().get_best_result(scope="all").metrics_dataframe
    assert epochs is not None
    return float(epochs[OBJECTIVE].min())
