"""`--json`: what each search of a command achieved, as a line of JSON for scripts."""

import contextlib
import dataclasses
import json
import math
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.journal.attempts import Attempt
from pipeline.journal.callbacks import Status
from pipeline.journal.files import write_all
from pipeline.journal.history import History, JournalError, fold, follow
from pipeline.sweep.standings import running_seconds


@dataclass(frozen=True)
class Summary:
    """How a search ended; its fields are the keys of the JSON, and what there is not is None.

    Attributes:
        status: `COMPLETED`, `FAILED` or `INTERRUPTED`.
        exit_code: That of the command line, for this search.
        message: Why it did not complete, or ended early.
        search: Its identifier; None if it never began.
        directory: Its folder.
        strategy: Choice of the `strategy` group.
        dataset: Choice of the `dataset` group.
        model: Choice of the `model` group.
        seed: Its seed.
        objective: Name of the metric that is optimised.
        direction: `min` or `max`.
        duration_seconds: How long its loop ran, without the pauses between interruptions.
        trials: How many are `COMPLETED`, `PRUNED`, `FAILED` and `INTERRUPTED`.
        best: The best trial: `trial`, `score`, `best_epoch`, `epochs_trained` and
            `duration_seconds` as in trials.csv, and its `hyperparameters`.
        test: Metrics of the best model on the test split.
        baseline: Of these, what predicting the same for every row achieves, as far as is known.
        model_path: The best model's `.keras` file.
        registered_model: Its `name` and `version` in MLflow's registry.
        mlflow: `tracking_uri`, `experiment_id`, and the `run_id` of the search's own run.
    """

    status: Status
    exit_code: int
    message: str | None = None
    search: str | None = None
    directory: str | None = None
    strategy: str | None = None
    dataset: str | None = None
    model: str | None = None
    seed: int | None = None
    objective: str | None = None
    direction: str | None = None
    duration_seconds: float | None = None
    trials: Mapping[str, int] | None = None
    best: Mapping[str, Any] | None = None
    test: Mapping[str, float] | None = None
    baseline: Mapping[str, float] | None = None
    model_path: str | None = None
    registered_model: Mapping[str, str] | None = None
    mlflow: Mapping[str, str | None] | None = None

    def line(self) -> str:
        """Return it as one line of valid JSON; a number that is not finite becomes null."""
        return json.dumps(_finite(dataclasses.asdict(self)), allow_nan=False) + "\n"


def summarise(exit_code: int, message: str | None, directory: Path | None) -> Summary:
    """Summarise how a search ended, from what is in its folder.

    Args:
        exit_code: That of the command line, for this search.
        message: Why it did not complete; None if it did.
        directory: The search's folder; None if it never began.

    Returns:
        The summary.
    """
    status = {0: Status.COMPLETED, 130: Status.INTERRUPTED}.get(exit_code, Status.FAILED)
    bare = Summary(status, exit_code, message)
    if directory is None:
        return bare
    try:
        records = [record for _, record in follow(directory)]
        history = fold(records)
    except (FileNotFoundError, JournalError):  # it ended before its first word
        return replace(bare, directory=str(directory.absolute()))
    summary = _searched(bare, history, directory)
    return _delivered(replace(summary, duration_seconds=running_seconds(records)), directory)


@contextlib.contextmanager
def reserved_stdout() -> Iterator[Callable[[str], None]]:
    """Keep standard output for the lines of the block alone.

    Yields:
        A function that writes to it, in vain if nobody reads it any more: Ctrl-C also ends the
        other end of a pipe. All else that this process writes there, and those that it starts,
        goes to standard error until the block ends.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)

    def write(text: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            write_all(kept, text.encode())

    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield write
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _searched(summary: Summary, history: History, directory: Path) -> Summary:
    begin, ranked, tested = history.begin, history.ranked(), history.evaluation
    newest = {attempt.begin.trial: attempt for attempt in history.attempts}
    counts = Counter(map(_status, newest.values()))
    early = None if history.end is None else history.end.message
    return replace(
        summary,
        message=summary.message or early,
        search=begin.search,
        directory=str(directory.absolute()),
        strategy=begin.strategy,
        dataset=begin.dataset,
        model=begin.model,
        seed=begin.seed,
        objective=begin.objective,
        direction=begin.direction,
        trials={str(status): counts[status] for status in Status},
        best=_best(ranked[0]) if ranked else None,
        test=None if tested is None else dict(tested.metrics),
        baseline=None if tested is None else dict(tested.baseline),
        model_path=None if tested is None else str((directory / tested.model).absolute()),
    )


def _delivered(summary: Summary, directory: Path) -> Summary:
    """Return a summary with what became of the search in MLflow."""
    from pipeline.tracking.position import Position  # imports MLflow

    position = Position.read(directory)
    if position is None or position.run_id is None:
        return summary
    registered = None
    if position.registered_model is not None and position.version is not None:
        registered = {"name": position.registered_model, "version": position.version}
    mlflow = {
        "tracking_uri": position.uri,
        "experiment_id": position.experiment_id,
        "run_id": position.run_id,
    }
    return replace(summary, registered_model=registered, mlflow=mlflow)


def _status(attempt: Attempt) -> Status:
    """Return the status of a trial by its newest attempt; one that will go on is interrupted."""
    if not attempt.finished:
        return Status.INTERRUPTED
    return attempt.end.status if attempt.end is not None else Status.FAILED


def _best(attempt: Attempt) -> dict[str, Any]:
    end = attempt.end
    names = ("trial", "score", "best_epoch", "epochs_trained", "duration_seconds")
    best = {name: getattr(end, name) for name in names}
    return best | {"hyperparameters": attempt.hyperparameters}


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
