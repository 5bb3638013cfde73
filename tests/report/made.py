"""Searches made by hand, for the tests of the report."""

import random
from collections.abc import Iterable, Mapping

from pipeline.journal.callbacks import (
    EpochEnd,
    EvaluationEnd,
    Record,
    SearchEnd,
    Status,
    TrialBegin,
    TrialEnd,
)
from pipeline.journal.history import History, fold
from tests import records

_RANGE = {"step": None, "sampling": "linear", "conditions": []}


def number(name, low, high, kind="Float", **changes) -> dict:
    """A range, as KerasTuner's configuration has it."""
    config = {**_RANGE, "name": name, "min_value": low, "max_value": high, **changes}
    return {"class_name": kind, "config": config}


def choice(name, *values, conditions=()) -> dict:
    config = {"name": name, "values": list(values), "conditions": list(conditions)}
    return {"class_name": "Choice", "config": config}


def trial(name: str, values: Mapping, score: float | None = 0.5, **how) -> list[Record]:
    """A trial that completed with a score, or failed without one; `how` says what differs.

    `epochs` are planned, `trained` of them done, `best_epoch` the best; `start` is when it began.
    """
    epochs, initial = how.get("epochs", 5), how.get("initial_epoch", 0)
    trained = range(initial, initial + how.get("trained", epochs - initial))
    start, attempt = how.get("start", 10.0 * int(name)), how.get("attempt", 0)
    status = how.get("status", Status.FAILED if score is None else Status.COMPLETED)
    begin = TrialBegin(name, attempt, dict(values), how.get("lineage", {}), initial, epochs, start)
    base = 1.0 if score is None else score
    losses = {n: base + 0.1 * (trained[-1] - n) for n in trained}
    told = [
        EpochEnd(name, attempt, 0, n, {"loss": loss / 2, "val_loss": loss}, start + n + 1)
        for n, loss in losses.items()
    ]
    last = trained[-1] if trained else None
    end = TrialEnd(
        trial=name,
        attempt=attempt,
        status=status,
        score=score,
        best_epoch=how.get("best_epoch", last) if score is not None else None,
        metrics={},
        epochs_trained=len(trained),
        duration_seconds=8.0,
        final=how.get("final", status is not Status.INTERRUPTED),
        message=how.get("message"),
        traceback=how.get("traceback"),
        time=start + 8,
    )
    return [begin, *told] if how.get("running") else [begin, *told, end]


def search(
    trials: Iterable[list[Record]],
    *space: dict,
    end: SearchEnd | None = None,
    evaluation: EvaluationEnd | None = None,
    **changes,
) -> History:
    """A search of trials; `changes` are those of its beginning."""
    told = [record for one in trials for record in one]
    begin = records.search_begin(space=list(space), **changes)
    return fold([begin, *told, *([end] if end else []), *([evaluation] if evaluation else [])])


def completed(**changes) -> SearchEnd:
    fields = {"status": Status.COMPLETED, "best_trial": None, "message": None, "time": 1e4}
    return SearchEnd(**(fields | changes))


SPACE = (
    number("rate", 1e-4, 1e-1, sampling="log"),
    number("dropout", 0.0, 0.9),
    number("units", 8, 64, "Int", step=8),
    choice("activation", "relu", "tanh"),
)


def plain(count: int, **changes) -> History:
    """A search in which the rate decides much, the dropout something, and the others nothing."""
    chance = random.Random(7)
    trials = []
    for index in range(count):
        values = {
            "rate": 10 ** chance.uniform(-4, -1),
            "dropout": chance.uniform(0, 0.9),
            "units": 8 * chance.randint(1, 8),
            "activation": chance.choice(["relu", "tanh"]),
        }
        score = 0.1 + 100 * abs(values["rate"] - 0.01) + abs(values["dropout"] - 0.3)
        trials.append(trial(f"{index:04}", values, score))
    return search(trials, *SPACE, **({"end": completed()} | changes))
