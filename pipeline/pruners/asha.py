"""Asynchronous successive halving."""

import math
from collections.abc import Sequence

from pipeline.configuration.arguments import check_boolean, check_whole_number
from pipeline.pruners.comparison import Comparison, trained
from pipeline.pruners.curves import Curve
from pipeline.pruners.pruner import Pruner
from pipeline.pruners.rungs import is_among, losses, rungs

_LAST_PLACES = 2  # docs/decisions/pruners-of-our-own.md tells why


class ASHA(Pruner):
    """Compares trials after `min_epochs`, and after each `reduction_factor` times as many.

    At each of these rungs the best 1/`reduction_factor` of the trials that have come so far go
    on (Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020; there
    `r` and eta). In the last third of a training there is no rung. Two variants:

    - Without promotion the others are stopped for good, as in Ray and Optuna. The share is
      rounded up: of one to three trials at a rung the best goes on, of four to six the best two.
      So, nearly, does Ray's percentile; Optuna rounds down, to at least one, which saves a few
      epochs more and loses the best trial more often.
    - With promotion, the paper's variant, they are paused, and the share is rounded down: the
      first trials of a search wait until enough have come to tell. A paused trial is taken up
      again as soon as it belongs to the best of its rung, those of the highest rung first. When
      there is no new trial any more, each rung promotes two more: until then few have been on the
      later rungs, and the ranks there are close. So at least one trial completes.

    Equal trials go on together, and one without a finite value never does.

    Args:
        direction: `min` or `max`.
        max_epochs: Epochs of a whole training, at least 1.
        min_epochs: The first rung, at least 1.
        reduction_factor: At least 2.
        promote: Whether stopped trials may be taken up again.
        compare: `best` or `last` value of a trial up to the rung.

    Raises:
        ValueError: An argument is out of range.
    """

    def __init__(
        self,
        *,
        direction: str,
        max_epochs: int,
        min_epochs: int = 1,
        reduction_factor: int = 3,
        promote: bool = False,
        compare: str = "best",
    ) -> None:
        check_whole_number("max_epochs", max_epochs, 1)
        check_whole_number("min_epochs", min_epochs, 1, max_epochs)
        check_whole_number("reduction_factor", reduction_factor, 2)
        check_boolean("promote", promote)
        self.keeps_pruned = promote
        self._comparison = Comparison(direction, compare)
        self._factor = reduction_factor
        self._rungs = rungs(min_epochs, max_epochs, reduction_factor)

    def prunes(self, running: Curve, others: Sequence[Curve]) -> bool:
        """Return whether the trial is at a rung and not among the best there."""
        rung = trained(running.executions[0])
        if len(running.executions) > 1 or rung not in self._rungs:
            return False
        at_rung = losses(self._comparison, [*others, running], rung)
        return not is_among(self._loss(running, rung), at_rung, self._places(len(at_rung)))

    def resumes(self, trials: Sequence[Curve], *, exhausted: bool) -> str | None:
        """Return the paused trial that is to be promoted, from the highest rung down."""
        if not self.keeps_pruned:
            return None
        more = _LAST_PLACES if exhausted else 0
        for rung in reversed(self._rungs):
            at_rung = losses(self._comparison, trials, rung)
            waiting = [
                (self._loss(trial, rung), place)
                for place, trial in enumerate(trials)
                if trial.pruned and trained(trial.executions[0]) == rung
            ]
            loss, place = min(waiting, default=(math.inf, 0))
            if is_among(loss, at_rung, self._places(len(at_rung)) + more):
                return trials[place].trial
        return None

    def _places(self, trials: int) -> int:
        """Return how many of the trials at a rung go on."""
        share, rest = divmod(trials, self._factor)
        return share if self.keeps_pruned else share + (rest > 0)

    def _loss(self, trial: Curve, rung: int) -> float:
        loss = self._comparison.after(trial, rung)
        assert loss is not None  # it is at the rung
        return loss
