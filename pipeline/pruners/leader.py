"""The trial that a search whose trials have all had their turn should end with."""

import math
from collections.abc import Sequence

from pipeline.pruners.comparison import Comparison
from pipeline.pruners.curves import Curve


def paused_leader(
    comparison: Comparison, trials: Sequence[Curve], epochs: int | None = None
) -> str | None:
    """Return the best of all trials if it is a paused one and none runs.

    Args:
        comparison: Says which is best.
        trials: All trials; those that failed are out of it.
        epochs: After how many epochs they are compared; None for all that each has.

    Returns:
        Its identifier; None if it runs, has completed, or no trial has a finite value.
    """
    if any(not (trial.completed or trial.pruned or trial.failed) for trial in trials):
        return None
    able = [trial for trial in trials if not trial.failed and trial.executions]
    found: list[tuple[float, Curve]] = []
    for trial in able:
        loss = comparison.of(trial.executions[0])
        if epochs is not None:
            after = comparison.after(trial, epochs)
            if after is None:
                continue
            loss = after
        found.append((loss, trial))
    loss, best = min(found, key=lambda one: one[0], default=(math.inf, None))
    return best.trial if best is not None and best.pruned and loss < math.inf else None
