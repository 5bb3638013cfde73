"""Optuna with its MLflow callback, on SQLite: one run a trial, with its final score alone."""

from pathlib import Path

import keras
import optuna
from optuna_integration import MLflowCallback

from benchmarks import cases
from benchmarks.work import OBJECTIVE, Outcome, Work


def search(work: Work, folder: Path) -> Outcome:
    """Search the enqueued trials; each is built afresh after clearing Keras's session."""
    case = cases.load(work)

    def objective(trial: optuna.Trial) -> float:
        values = {
            name: trial.suggest_categorical(name, sorted({one[name] for one in work.sets}))
            for name in work.sets[0]
        }
        keras.backend.clear_session()
        model = case.hypermodel.build(cases.hyperparameters(values))
        history = model.fit(**case.fit_arguments(work.epochs))
        return float(min(history.history[OBJECTIVE]))

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize")
    for values in work.sets:
        study.enqueue_trial(dict(values))
    tracking = MLflowCallback(f"sqlite:///{folder}/mlflow.db", metric_name=OBJECTIVE)
    study.optimize(objective, n_trials=len(work.sets), callbacks=[tracking])
    return Outcome([trial.params for trial in study.trials], study.best_value)
