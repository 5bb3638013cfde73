"""What a trial has reported so far."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from pipeline.journal.attempts import Attempt
from pipeline.journal.callbacks import Status


@dataclass(frozen=True)
class Curve:
    """A trial as a pruner sees it.

    Attributes:
        trial: Identifier of the trial; as a number, its place in the search, from 0.
        executions: The objective by absolute epoch, from 0, a mapping an execution; the epochs
            of each in rising order. Values may be NaN or infinite.
        completed: Whether it trained to its end, be it by its own early stopping.
        pruned: Whether a pruner has stopped it, and it has not been taken up again.
        failed: Whether it failed.
        compared: What has been computed of it, so that it is computed once.
    """

    trial: str
    executions: tuple[Mapping[int, float], ...]
    completed: bool = False
    pruned: bool = False
    failed: bool = False
    compared: dict[Hashable, list[float | None]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )


def curve_of(attempt: Attempt, objective: str) -> Curve:
    """Return an attempt as a pruner sees it.

    Args:
        attempt: What the journal tells of it.
        objective: Name of the metric that is compared; where it is missing, its value is NaN.
    """
    executions: dict[int, dict[int, float]] = {}
    for epoch in attempt.epochs:
        values = executions.setdefault(epoch.execution, {})
        values[epoch.epoch] = epoch.logs.get(objective, math.nan)
    status = None if attempt.end is None else attempt.end.status
    return Curve(
        trial=attempt.begin.trial,
        executions=tuple(executions.values()),
        completed=status is Status.COMPLETED,
        pruned=status is Status.PRUNED,
        failed=status is Status.FAILED,
    )
