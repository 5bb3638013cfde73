"""Optuna with its MLflow callback, on SQLite: one run a trial, with its final score alone."""

from pathlib import Path

import keras
import optuna
from optuna_integration import MLflowCallback

from benchmarks.cases import CASES, fit_arguments, hyperparameters
from benchmarks.work import OBJECTIVE, Work


def search(work: Work, folder: Path) -> float:
    """Search the enqueued trials; each is built afresh after clearing Keras's session."""
    dataset, hypermodel = CASES[work.case]()

    def objective(trial: optuna.Trial) -> float:
        values = {
            name: trial.suggest_categorical(name, sorted({one[name] for one in work.sets}))
            for name in work.sets[0]
        }
        keras.backend.clear_session()
        model = hypermodel.build(hyperparameters(values))
        history = model.fit(**fit_arguments(dataset, work))
        return float(min(history.history[OBJECTIVE]))

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize")
    for values in work.sets:
        study.enqueue_trial(dict(values))
    tracking = MLflowCallback(f"sqlite:///{folder}/mlflow.db", metric_name=OBJECTIVE)
    study.optimize(objective, n_trials=len(work.sets), callbacks=[tracking])
    return study.best_value
