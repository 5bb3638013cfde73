"""All trials briefly, and the best of them to its end."""

import math
from collections.abc import Sequence

from pipeline.configuration.arguments import check_whole_number
from pipeline.pruners.comparison import Comparison, trained
from pipeline.pruners.curves import Curve
from pipeline.pruners.pruner import Pruner


class OneEpoch(Pruner):
    """Stops every trial after the same few epochs, and trains the best of them on in the end.

    The plainest of all pruners, which more elaborate ones often fail to beat (Egele et al., "The
    Unreasonable Effectiveness Of Early Discarding After One Epoch In Neural Network
    Hyperparameter Optimization", Neurocomputing 2024).

    Args:
        direction: `min` or `max`.
        max_epochs: Epochs of a whole training, at least 1.
        i_epoch: Epochs of every trial, at least 1.
        compare: `best` or `last` value of a trial up to then.

    Raises:
        ValueError: An argument is out of range.
    """

    keeps_pruned = True

    def __init__(
        self, *, direction: str, max_epochs: int, i_epoch: int = 1, compare: str = "best"
    ) -> None:
        check_whole_number("max_epochs", max_epochs, 1)
        check_whole_number("i_epoch", i_epoch, 1, max_epochs)
        self._comparison = Comparison(direction, compare)
        self._max_epochs = max_epochs
        self._epochs = i_epoch

    def prunes(self, running: Curve, others: Sequence[Curve]) -> bool:  # noqa: ARG002
        """Return whether the trial has trained for its few epochs."""
        return (
            len(running.executions) == 1
            and trained(running.executions[0]) == self._epochs < self._max_epochs
        )

    def resumes(self, trials: Sequence[Curve], *, exhausted: bool) -> str | None:
        """Return the best trial, once all have had their turn and none runs."""
        if not exhausted or any(not (_ended(trial) or trial.pruned) for trial in trials):
            return None
        found = [(self._comparison.after(trial, self._epochs), trial) for trial in trials]
        able = [(loss, trial) for loss, trial in found if loss is not None and not trial.failed]
        loss, best = min(able, key=lambda one: one[0], default=(math.inf, None))
        return best.trial if best is not None and best.pruned and loss < math.inf else None


def _ended(trial: Curve) -> bool:
    return trial.completed or trial.failed
