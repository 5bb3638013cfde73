"""Records and journals made by hand, for the tests of what reads them."""

from pathlib import Path

from pipeline.journal.callbacks import (
    EpochEnd,
    EvaluationEnd,
    Record,
    SearchBegin,
    SearchCallback,
    SearchEnd,
    Status,
    TrialBegin,
    TrialEnd,
)
from pipeline.journal.history import Journal


def search_begin(**changes) -> SearchBegin:
    fields = {
        "search": "digits-mlp-random-1",
        "name": "digits-mlp-random",
        "strategy": "random",
        "dataset": "digits",
        "model": "mlp",
        "task": "classification",
        "objective": "val_loss",
        "direction": "min",
        "fingerprint": "f",
        "sweep": None,
        "seed": 0,
        "executions_per_trial": 1,
        "total_trials": 2,
        "total_epochs": 4,
        "dataset_info": {"digest": "d"},
        "space": [],
        "config": {"seed": 0},
        "overrides": ["strategy=random"],
        "versions": {"keras": "3"},
        "time": 1.0,
    }
    return SearchBegin(**(fields | changes))


def trial_begin(trial="0000", attempt=0) -> TrialBegin:
    return TrialBegin(trial, attempt, {"units": 8, "rate": 0.1, "on": True}, {}, 0, 2, 2.0)


def epoch_end(trial="0000", epoch=0, attempt=0, execution=0, **logs) -> EpochEnd:
    return EpochEnd(trial, attempt, execution, epoch, logs or {"val_loss": 0.5}, 3.0)


def trial_end(trial="0000", score=0.5, status=Status.COMPLETED, attempt=0, final=True) -> TrialEnd:
    done = status is Status.COMPLETED
    return TrialEnd(
        trial=trial,
        attempt=attempt,
        status=status,
        score=score if done else None,
        best_epoch=1 if done else None,
        metrics={"val_loss": score} if done else {},
        epochs_trained=2,
        duration_seconds=1.5,
        final=final,
        message=None if done else "ValueError: no",
        traceback=None,
        time=4.0,
    )


def tell(callback: SearchCallback, *records: Record) -> None:
    """Call the hook of each record."""
    hooks = {
        SearchBegin: callback.on_search_begin,
        TrialBegin: callback.on_trial_begin,
        EpochEnd: callback.on_epoch_end,
        TrialEnd: callback.on_trial_end,
        SearchEnd: callback.on_search_end,
        EvaluationEnd: callback.on_evaluation_end,
    }
    for record in records:
        hooks[type(record)](record)


def write(directory: Path, *records: Record) -> None:
    """Append records to the journal of a folder."""
    journal = Journal(directory)
    tell(journal, *records)
    journal.close()
