"""Ray Tune with its MLflow callback, on SQLite: one trial at a time, told of every epoch.

Its one worker process has all cores, and is used for all trials, which Ray does only when asked to.
"""

import functools
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import ray
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback

from benchmarks import trainings
from benchmarks.cases import CASES, Case, hyperparameters, seeded
from benchmarks.work import OBJECTIVE, Outcome, Work


@functools.cache
def _case(name: str) -> Case:
    """Load a case once in the worker process."""
    return CASES[name]()


def _train(config: Mapping[str, Any], work: Work, folder: Path) -> None:
    trainings.note_first(folder)
    case = seeded(_case(work.case), work)
    keras.backend.clear_session()
    report = keras.callbacks.LambdaCallback(on_epoch_end=lambda _epoch, logs: tune.report(logs))
    model = case.hypermodel.build(hyperparameters(config["hyperparameters"]))
    model.fit(**case.fit_arguments(work.epochs), callbacks=[report])


def search(work: Work, folder: Path) -> Outcome:
    """Search the given trials, from the start of Ray to their end."""
    ray.init(include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    tracking = MLflowLoggerCallback(
        tracking_uri=f"sqlite:///{folder}/mlflow.db", experiment_name="search"
    )
    trainable = tune.with_parameters(_train, work=work, folder=folder)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": os.cpu_count()}),
        param_space={"hyperparameters": tune.grid_search([dict(values) for values in work.sets])},
        tune_config=tune.TuneConfig(
            metric=OBJECTIVE, mode="min", max_concurrent_trials=1, reuse_actors=True
        ),
        run_config=tune.RunConfig(
            name="search", storage_path=str(folder), verbose=0, callbacks=[tracking]
        ),
    )
    results = tuner.fit()
    trained = [result.config["hyperparameters"] for result in results if result.config]
    epochs = results.get_best_result(scope="all").metrics_dataframe
    assert epochs is not None
    return Outcome(trained, float(epochs[OBJECTIVE].min()))
