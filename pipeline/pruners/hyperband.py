"""Several ways of successive halving at once."""

import functools
from collections.abc import Sequence

import numpy as np

from pipeline.configuration.arguments import check_whole_number
from pipeline.pruners.asha import ASHA
from pipeline.pruners.comparison import Comparison
from pipeline.pruners.curves import Curve
from pipeline.pruners.pruner import Pruner
from pipeline.pruners.rungs import rungs
from pipeline.seeds import derive_seed


class Hyperband(Pruner):
    """Deals the trials to brackets, each an ASHA of its own that begins to prune later.

    For trainings whose first epochs may mislead: in the first bracket the first rung is after
    `min_epochs`, in the next after `reduction_factor` times as many, and in the last none is
    pruned. How many trials each has is Hyperband's (Li et al., JMLR 18, 2018): all brackets
    have about equal epochs. Within a round of as many trials as all brackets have together, the
    seed deals them. Optuna's `HyperbandPruner` deals by a hash of the study's name.

    Args:
        direction: `min` or `max`.
        max_epochs: Epochs of a whole training, at least 1.
        seed: Any integer.
        min_epochs: The earliest rung, at least 1.
        reduction_factor: At least 2.
        compare: `best` or `last` value of a trial up to a rung.

    Raises:
        ValueError: An argument is out of range.
    """

    def __init__(
        self,
        *,
        direction: str,
        max_epochs: int,
        seed: int,
        min_epochs: int = 1,
        reduction_factor: int = 3,
        compare: str = "best",
    ) -> None:
        check_whole_number("max_epochs", max_epochs, 1)
        check_whole_number("min_epochs", min_epochs, 1, max_epochs)
        check_whole_number("reduction_factor", reduction_factor, 2)
        Comparison(direction, compare)
        starts = [*rungs(min_epochs, max_epochs, reduction_factor), max_epochs]
        self._brackets = [
            ASHA(
                direction=direction,
                max_epochs=max_epochs,
                min_epochs=start,
                reduction_factor=reduction_factor,
                compare=compare,
            )
            for start in starts
        ]
        self._places = np.repeat(range(len(starts)), _sizes(len(starts), reduction_factor))
        self._seed = seed
        self._dealt = functools.cache(self._deal)

    def prunes(self, running: Curve, others: Sequence[Curve]) -> bool:
        """Return whether the trial's bracket stops it, among its own trials."""
        bracket = self.bracket(running.trial)
        rivals = [other for other in others if self.bracket(other.trial) == bracket]
        return self._brackets[bracket].prunes(running, rivals)

    def bracket(self, trial: str) -> int:
        """Return a trial's bracket.

        Args:
            trial: Its identifier, a number.

        Returns:
            The bracket's index; 0 begins to prune first.
        """
        dealt, place = divmod(int(trial), len(self._places))
        return self._dealt(dealt)[place]

    def _deal(self, dealt: int) -> list[int]:
        """Return the brackets of a round of trials, by their place in it."""
        generator = np.random.default_rng(derive_seed(self._seed, "bracket", dealt))
        brackets: list[int] = generator.permutation(self._places).tolist()
        return brackets


def _sizes(brackets: int, factor: int) -> list[int]:
    """Return how many trials each bracket has of a round, as Hyperband starts them."""
    return [-(-brackets * factor**rounds // (rounds + 1)) for rounds in reversed(range(brackets))]
