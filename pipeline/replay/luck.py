"""Whether a trial's score was luck: what it comes to with other seeds."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.journal.attempts import Attempt
from pipeline.replay.training import Again, Trained
from pipeline.seeds import derive_seed
from pipeline.terminal.wording import count, number


@dataclass(frozen=True)
class Luck:
    """A trial's score among those that it has with other seeds.

    Attributes:
        score: Its own, of the journal; None if it failed.
        others: Those with other seeds that did not fail.
        failed: How many with other seeds failed.
        direction: Whether the `min` or the `max` score is the best.
    """

    score: float | None
    others: Sequence[float]
    failed: int
    direction: str

    def sentences(self) -> list[str]:
        """Return the mean and the standard deviation of the others, and how the score compares."""
        told = [f"{count(self.failed, 'seed')} failed"] if self.failed else []
        if not self.others:
            return [*told, "no score to compare"]
        seeds = f"over {count(len(self.others), 'other seed')}"
        mean = statistics.fmean(self.others)
        if len(self.others) == 1:
            return [*told, f"{number(mean)} with one other seed{self._beside()}"]
        deviation = statistics.stdev(self.others)
        told.append(f"{number(mean)} ± {number(deviation)} (mean ± sd) {seeds}{self._beside()}")
        if self.score is not None:
            told.append(self._compared(self.score, mean, deviation))
        return told

    def _beside(self) -> str:
        return "" if self.score is None else f"; its own score is {number(self.score)}"

    def _compared(self, score: float, mean: float, deviation: float) -> str:
        sign = -1.0 if self.direction == "max" else 1.0
        worse = sum(sign * other > sign * score for other in self.others)
        better = sign * (mean - score)
        told = f"it is better than {worse} of {len(self.others)}"
        if deviation == 0:
            return told
        side = "better" if better >= 0 else "worse"
        return f"{told}, and {abs(better) / deviation:.1f} sd {side} than their mean"


def other_seeds(
    again: Again, lineage: Sequence[Attempt], seed: int, number: int
) -> Iterable[Trained]:
    """Train a trial with other seeds, its whole lineage each time.

    Args:
        again: Trains it.
        lineage: As in `Again.train`.
        seed: The search's.
        number: How many, at least 1.

    Yields:
        What it came to with each. The same ones every time, however many.
    """
    for index in range(1, number + 1):
        yield again.train(
            lineage, derive_seed(seed, "replay", index), name=f"seed{index}", stops=False
        )[-1]
