"""Pruning of what is worse than a share of the others, epoch by epoch."""

import math
from collections.abc import Sequence

from pipeline.configuration.arguments import check_between, check_whole_number
from pipeline.pruners.comparison import Comparison, trained
from pipeline.pruners.curves import Curve
from pipeline.pruners.pruner import Pruner
from pipeline.pruners.rungs import losses


class Percentile(Pruner):
    """Stops a trial that is worse than the best `percentile` % of the others after equal epochs.

    The rule of Optuna's `PercentilePruner`, but for what it compares with: there the completed
    trials alone, of which more and more are good ones, so that good trials are lost; here all
    that have come as far, those that run or were pruned later included. Besides, a training that
    ended earlier by itself counts with its end.

    Args:
        direction: `min` or `max`.
        max_epochs: Epochs of a whole training, at least 1.
        percentile: Share of the others, in %, between 0 and 100.
        n_startup_trials: Other trials that must have come as far before one is pruned, at
            least 1.
        n_warmup_epochs: Absolute epochs in which none is pruned, at least 0.
        compare: `best` or `last` value of a trial up to the epoch, its own and the others'.

    Raises:
        ValueError: An argument is out of range.
    """

    def __init__(
        self,
        *,
        direction: str,
        max_epochs: int,
        percentile: float = 25.0,
        n_startup_trials: int = 5,
        n_warmup_epochs: int = 0,
        compare: str = "best",
    ) -> None:
        check_whole_number("max_epochs", max_epochs, 1)
        check_between("percentile", percentile, 0, 100)
        check_whole_number("n_startup_trials", n_startup_trials, 1)
        check_whole_number("n_warmup_epochs", n_warmup_epochs, 0)
        self._comparison = Comparison(direction, compare)
        self._max_epochs = max_epochs
        self._share = percentile / 100
        self._startup = n_startup_trials
        self._warmup = n_warmup_epochs

    def prunes(self, running: Curve, others: Sequence[Curve]) -> bool:
        """Return whether the trial is worse than the percentile after its newest epoch."""
        epochs = trained(running.executions[0])
        if len(running.executions) > 1 or not self._warmup < epochs < self._max_epochs:
            return False
        theirs = losses(self._comparison, others, epochs)
        if len(theirs) < self._startup:
            return False
        own = self._comparison.after(running, epochs)
        assert own is not None  # it has just trained them
        return own == math.inf or own > quantile(theirs, self._share)


class Median(Percentile):
    """Stops a trial that is worse than the median of the others after equal epochs.

    `Percentile` with 50 %; the idea is Golovin et al.'s ("Google Vizier", KDD 2017).

    Args:
        direction: `min` or `max`.
        max_epochs: Epochs of a whole training, at least 1.
        n_startup_trials: As `Percentile`.
        n_warmup_epochs: Likewise.
        compare: Likewise.

    Raises:
        ValueError: An argument is out of range.
    """

    def __init__(
        self,
        *,
        direction: str,
        max_epochs: int,
        n_startup_trials: int = 5,
        n_warmup_epochs: int = 0,
        compare: str = "best",
    ) -> None:
        super().__init__(
            direction=direction,
            max_epochs=max_epochs,
            percentile=50.0,
            n_startup_trials=n_startup_trials,
            n_warmup_epochs=n_warmup_epochs,
            compare=compare,
        )


def quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile, between two values by their distance, as NumPy's default.

    NumPy's own answers NaN where some values are infinite.

    Args:
        values: At least one; none is NaN.
        share: From 0 to 1.

    Returns:
        The quantile.
    """
    ordered = sorted(values)
    lower, part = divmod(share * (len(ordered) - 1), 1)
    below = ordered[int(lower)]
    if part == 0:
        return below
    above = ordered[int(lower) + 1]
    return above if math.isinf(above) else below + part * (above - below)
