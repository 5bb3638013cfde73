"""The rungs of successive halving, and who stands on them."""

import math
from collections.abc import Iterable

from pipeline.pruners.comparison import Comparison
from pipeline.pruners.curves import Curve


def rungs(min_epochs: int, max_epochs: int, reduction_factor: int) -> list[int]:
    """Return after how many epochs trials are compared.

    Args:
        min_epochs: The first rung, at least 1.
        max_epochs: Epochs of a whole training.
        reduction_factor: How many times further each rung is than the one before, at least 2.

    Returns:
        The epochs, rising, none in the last third of a training but the first if it is there: so
        late there is little left to save. None at all if the first is no earlier than the end.
    """
    found: list[int] = []
    rung = min_epochs
    while rung < max_epochs and (not found or 3 * rung <= 2 * max_epochs):
        found.append(rung)
        rung *= reduction_factor
    return found


def losses(comparison: Comparison, curves: Iterable[Curve], rung: int) -> list[float]:
    """Return the losses at a rung of all trials that have reached it or ended before it."""
    found = (comparison.after(curve, rung) for curve in curves)
    return [loss for loss in found if loss is not None]


def is_among(loss: float, all_losses: list[float], places: int) -> bool:
    """Return whether a loss is among the best; all equal ones are if one of them is.

    Args:
        loss: One of the losses.
        all_losses: All of them.
        places: How many the best are.

    Returns:
        The answer; False if the loss is infinite.
    """
    return loss < math.inf and sum(other < loss for other in all_losses) < places
