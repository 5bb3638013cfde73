"""The records that open and close an attempt at a trial."""

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from pipeline.journal.callbacks import Status, TrialBegin, TrialEnd
from pipeline.search.trial_values import epoch_range, hyperparameters, lineage
from pipeline.training.failures import can_be_continued, sentence
from pipeline.training.results import TrainingResult, best_result, mean_metrics
from pipeline.training.stopping import PrunedError


@dataclass(frozen=True)
class Outcome:
    """How an attempt went.

    Attributes:
        results: One an execution; none if it raised.
        failure: What it raised; None if it did not.
        epochs_trained: By this process, executions included.
        seconds: Time spent on it by all processes.
    """

    results: Sequence[TrainingResult]
    failure: BaseException | None
    epochs_trained: int
    seconds: float


def trial_begin(trial: Trial, attempt: int, epochs: int) -> TrialBegin:
    """Return the record of an attempt that starts now.

    Args:
        trial: What the oracle proposed.
        attempt: 0 for the first try at it.
        epochs: As in `epoch_range`.

    Returns:
        The record.
    """
    values = trial.hyperparameters.values
    first, last = epoch_range(values, epochs)
    return TrialBegin(
        trial=trial.trial_id,
        attempt=attempt,
        hyperparameters=hyperparameters(values),
        lineage=lineage(values),
        initial_epoch=first,
        epochs=last,
        time=time.time(),
    )


def trial_end(
    oracle: keras_tuner.Oracle, began: TrialBegin, outcome: Outcome, direction: str
) -> TrialEnd:
    """Return the record of an attempt that ends now.

    Args:
        oracle: It has judged the attempt, unless that ends the search.
        began: How the attempt started.
        outcome: How it went.
        direction: Whether the `min` or the `max` objective is the best.

    Returns:
        The record.
    """
    ended, failure = oracle.get_trial(began.trial), outcome.failure
    completed = failure is None and ended.status == TrialStatus.COMPLETED
    pruned = isinstance(failure, PrunedError)
    interrupted = failure is not None and can_be_continued(failure)
    best = best_result(outcome.results, direction) if completed else None
    again = interrupted or ended.status == TrialStatus.INVALID
    return TrialEnd(
        trial=began.trial,
        attempt=began.attempt,
        status=_status(failure, completed=completed, interrupted=interrupted),
        score=float(ended.score) if completed else None,
        best_epoch=best.best_epoch if best else None,
        metrics=mean_metrics(outcome.results) if completed else {},
        epochs_trained=outcome.epochs_trained,
        duration_seconds=outcome.seconds,
        final=not again,
        message=sentence(failure) if failure and not pruned else ended.message,
        traceback=_traceback(failure),
        time=time.time(),
        **({} if interrupted else _declared(oracle, ended, began)),
    )


def _traceback(failure: BaseException | None) -> str | None:
    if failure is None or isinstance(failure, PrunedError):
        return None
    return "".join(traceback.format_exception(failure))


def _status(failure: BaseException | None, *, completed: bool, interrupted: bool) -> Status:
    if completed:
        return Status.COMPLETED
    if isinstance(failure, PrunedError):
        return Status.PRUNED
    return Status.INTERRUPTED if interrupted else Status.FAILED


def _declared(oracle: keras_tuner.Oracle, ended: Trial, began: TrialBegin) -> dict[str, Any]:
    """Return what the trial's own training added to the search space, and what it did not use.

    An oracle that is none of ours does not say what its space has gained.
    """
    values = hyperparameters(ended.hyperparameters.values)
    late = {name: values[name] for name in sorted(values.keys() - began.hyperparameters.keys())}
    declared = oracle.declared_by(ended.trial_id) if hasattr(oracle, "declared_by") else []
    unused = oracle.unused_by(ended.trial_id) if hasattr(oracle, "unused_by") else []
    return {"declared": declared, "declared_values": late, "unused": unused}
