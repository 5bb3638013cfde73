"""What an oracle has to know of an earlier process's trials."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_STATUSES = ("COMPLETED", "PRUNED", "FAILED", "RUNNING")


@dataclass(frozen=True)
class RestoredTrial:
    """A trial of an earlier process, as its journal tells of it.

    Attributes:
        trial_id: Its identifier.
        values: Its hyperparameters, KerasTuner's own `tuner/…` values included.
        status: COMPLETED, PRUNED, FAILED for good, or RUNNING if it has to be tried (again).
        score: The objective's value, if COMPLETED.
        best_step: Absolute epoch of the score, None if unknown.
        attempts: Attempts that count against `max_attempts` so far.
        metrics: All metrics, the objective among them, if COMPLETED.
        message: Why it failed.
        declared: Hyperparameters that the space did not have before this trial, as
            `Oracle.declared_by` returned them.
        partial: The objective by absolute epoch, as far as it was trained, if PRUNED.
        unused: Names of values that its model did not ask for.

    Raises:
        ValueError: The status is unknown, or a COMPLETED trial has no finite score.
    """

    trial_id: str
    values: Mapping[str, Any]
    status: str
    score: float | None = None
    best_step: int | None = None
    attempts: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    message: str | None = None
    declared: Sequence[Mapping[str, Any]] = ()
    partial: Mapping[int, float] = field(default_factory=dict)
    unused: Collection[str] = ()

    def __post_init__(self) -> None:
        if self.status not in _STATUSES:
            raise ValueError(
                f"trial {self.trial_id} must be {', '.join(_STATUSES[:-1])} or {_STATUSES[-1]}; "
                f"it is {self.status}"
            )
        scored = self.score is not None and math.isfinite(self.score)
        if self.status == "COMPLETED" and not scored:
            raise ValueError(
                f"trial {self.trial_id} is COMPLETED, so its score must be finite; "
                f"it is {self.score}"
            )
