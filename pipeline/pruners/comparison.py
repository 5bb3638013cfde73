"""Which value of a trial is compared with those of others, and which is better."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.pruners.arguments import check_choice
from pipeline.pruners.curves import Curve


@dataclass(frozen=True)
class Comparison:
    """Makes of what trials reported losses: of two, the lower is better, whatever the direction.

    What is not finite is the worst, as it never is a score.

    Attributes:
        direction: `min` or `max`: which values of the objective are better.
        compare: `best`, a trial's best value so far, or `last`, its newest.

    Raises:
        ValueError: An attribute is none of these.
    """

    direction: str
    compare: str = "best"

    def __post_init__(self) -> None:
        check_choice("direction", self.direction, ("min", "max"))
        check_choice("compare", self.compare, ("best", "last"))

    def after(self, curve: Curve, epochs: int) -> float | None:
        """Return a trial's loss after so many epochs of its first execution.

        A training that ended earlier by itself keeps the loss of its end for all later epochs.

        Args:
            curve: The trial.
            epochs: Absolute epochs, at least 1.

        Returns:
            The loss, infinite if it has no finite value; None if it has not got that far, or
            began behind it.
        """
        if not curve.executions:
            return None
        first = curve.executions[0]
        if trained(first) < epochs and not _ended_first(curve):
            return None
        values = [value for epoch, value in first.items() if epoch < epochs]
        return self._loss(values) if values else None

    def of(self, execution: Mapping[int, float]) -> float:
        """Return the loss of a whole execution, infinite if it has no finite value."""
        return self._loss(list(execution.values()))

    def _loss(self, values: list[float]) -> float:
        sign = -1.0 if self.direction == "max" else 1.0
        losses = [sign * value if math.isfinite(value) else math.inf for value in values]
        chosen = losses[-1:] if self.compare == "last" else losses
        return min(chosen, default=math.inf)


def trained(execution: Mapping[int, float]) -> int:
    """Return how many absolute epochs an execution has behind it, 0 if none."""
    return max(execution, default=-1) + 1


def _ended_first(curve: Curve) -> bool:
    return curve.completed or len(curve.executions) > 1
