"""Pruning of trials of which some executions show that they are worse than the best."""

import math
from collections.abc import Sequence

from pipeline.configuration.arguments import check_between, check_whole_number
from pipeline.pruners.comparison import Comparison, trained
from pipeline.pruners.curves import Curve
from pipeline.pruners.pruner import Pruner


class Wilcoxon(Pruner):
    """Stops a trial whose executions, or folds, so far are worse than the same of the best trial.

    The rule of Optuna's `WilcoxonPruner`: a signed-rank test of the pairs, one-sided, and the
    mean must be worse as well. The best trial is the completed one with the best mean. An
    execution counts once it has ended: when the next one tells of its first epoch, or at
    `max_epochs`. Within its executions no trial is stopped.

    With four pairs p is 1/16 at least, with three 1/8: of the default `p_threshold` nothing is
    pruned before the fourth.

    Args:
        direction: `min` or `max`.
        max_epochs: Epochs of a whole training, at least 1.
        p_threshold: Below which p a trial is stopped, between 0 and 1.
        n_startup_executions: Executions that must have ended before, at least 1.
        compare: `best` or `last` value of an execution.

    Raises:
        ValueError: An argument is out of range.
    """

    def __init__(
        self,
        *,
        direction: str,
        max_epochs: int,
        p_threshold: float = 0.1,
        n_startup_executions: int = 2,
        compare: str = "best",
    ) -> None:
        check_whole_number("max_epochs", max_epochs, 1)
        check_between("p_threshold", p_threshold, 0, 1)
        check_whole_number("n_startup_executions", n_startup_executions, 1)
        self._comparison = Comparison(direction, compare)
        self._max_epochs = max_epochs
        self._threshold = p_threshold
        self._startup = n_startup_executions

    def prunes(self, running: Curve, others: Sequence[Curve]) -> bool:
        """Return whether the executions that have ended show that the trial is worse."""
        ended = [self._comparison.of(one) for one in running.executions[:-1]]
        if trained(running.executions[-1]) >= self._max_epochs:
            ended.append(self._comparison.of(running.executions[-1]))
        best = self._best(others)
        if len(ended) < self._startup or len(ended) >= len(best):
            return False
        if math.inf in ended:
            return True
        pairs = list(zip(ended, best, strict=False))
        worse = sum(own - theirs for own, theirs in pairs) > 0
        return worse and signed_rank_p([own - theirs for own, theirs in pairs]) < self._threshold

    def _best(self, others: Sequence[Curve]) -> list[float]:
        """Return the losses of the best completed trial's executions, none if there is none."""
        completed = [
            [self._comparison.of(execution) for execution in other.executions]
            for other in others
            if other.completed
        ]
        return min(completed, key=lambda found: sum(found) / len(found), default=[])


def signed_rank_p(differences: Sequence[float]) -> float:
    """Return how likely differences as large as these are if none is to be expected.

    Wilcoxon's signed-rank test, one-sided, exact: all signs are as likely. Equal differences
    share their ranks, and one of zero counts as half of either sign. `scipy.stats.wilcoxon`, which
    Optuna calls, is only approximate where differences are zero or equal.

    Args:
        differences: At least one, all finite.

    Returns:
        The probability, from 1/2**n for n differences that are all positive, to 1.
    """
    # Of each difference twice its rank, so that shared ranks are whole numbers.
    sizes = [abs(difference) for difference in differences]
    ranks = [2 * sum(other < size for other in sizes) + sizes.count(size) + 1 for size in sizes]
    halves = zip(differences, ranks, strict=True)
    reached = sum(2 * rank if one > 0 else rank if one == 0 else 0 for one, rank in halves)
    ways = {0: 1}
    for rank in ranks:
        taken: dict[int, int] = dict(ways)
        for total, count in ways.items():
            taken[total + 2 * rank] = taken.get(total + 2 * rank, 0) + count
        ways = taken
    return sum(count for total, count in ways.items() if total >= reached) / sum(ways.values())
