"""Which value of a trial is compared with those of others, and which is better."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.configuration.arguments import check_choice
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
        found = self._losses(curve)
        if epochs < len(found):
            return found[epochs]
        return found[-1] if curve.completed or len(curve.executions) > 1 else None

    def _losses(self, curve: Curve) -> list[float | None]:
        """Return a trial's losses by the epochs behind them; None up to where it began."""
        known = curve.compared.get(self)
        if known is not None:
            return known
        first = curve.executions[0]
        found: list[float | None] = [None]
        best = math.inf
        for epoch, value in first.items():
            found += [found[-1]] * (epoch + 1 - len(found))
            newest = self._loss(value)
            best = min(best, newest)
            found.append(newest if self.compare == "last" else best)
        curve.compared[self] = found
        return found

    def of(self, execution: Mapping[int, float]) -> float:
        """Return the loss of a whole execution, infinite if it has no finite value."""
        losses = [self._loss(value) for value in execution.values()]
        return losses[-1] if self.compare == "last" else min(losses)

    def _loss(self, value: float) -> float:
        if not math.isfinite(value):
            return math.inf
        return -value if self.direction == "max" else value


def trained(execution: Mapping[int, float]) -> int:
    """Return how many absolute epochs an execution has behind it, 0 if none."""
    return max(execution, default=-1) + 1
