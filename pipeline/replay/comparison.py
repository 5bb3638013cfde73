"""Whether a trial came to the same again, and where it first did not."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.journal.attempts import same_number
from pipeline.replay.training import Trained


@dataclass(frozen=True)
class Difference:
    """Where two trainings differ.

    Attributes:
        trial: The trial; of a promoted one it may be one that it goes on from.
        execution: The execution.
        epoch: The absolute epoch; None where both report the same epochs, but not the same end.
        metric: What differs; at the end the score, or why it failed.
        then: Its value in the journal; None if there was none.
        now: Its value again; None likewise.
    """

    trial: str
    execution: int
    epoch: int | None
    metric: str
    then: float | str | None
    now: float | str | None

    def sentence(self, executions: int) -> str:
        """Say where they differ, and by how much.

        Args:
            executions: How many the trial has; where it is one, it is not named.
        """
        where = f"trial {self.trial}"
        if executions > 1:
            where += f", execution {self.execution}"
        if self.epoch is not None:
            where += f", epoch {self.epoch}"
        return f"{where}: {self.metric} {_told(self.then, self.now)}"


def differences(then: Sequence[Trained], now: Sequence[Trained]) -> Iterator[Difference]:
    """Yield where trials differ, in the order of their training; NaN is the same as NaN.

    Args:
        then: What the journal tells of each.
        now: What each came to again.
    """
    for old, new in zip(then, now, strict=False):
        for execution, epoch in dict.fromkeys([*old.logs, *new.logs]):
            before = old.logs.get((execution, epoch), {})
            after = new.logs.get((execution, epoch), {})
            for metric in dict.fromkeys([*before, *after]):
                values = before.get(metric), after.get(metric)
                if not _same(*values):
                    yield Difference(old.trial, execution, epoch, metric, *values)
        if old.failure != new.failure:
            yield Difference(old.trial, 0, None, "its failure", old.failure, new.failure)
        if not _same(old.score, new.score):
            yield Difference(old.trial, 0, None, "its score", old.score, new.score)


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return same_number(one, other)


def _told(then: float | str | None, now: float | str | None) -> str:
    if then is None:
        return f"is {now!r}, and there was none then"
    if now is None:
        return f"was {then!r}, and there is none now"
    if isinstance(then, str) or isinstance(now, str):
        return f"is {now!r}, and was {then!r}"
    off = abs(now - then)
    share = f", {off / abs(then):.1e} of it" if then and math.isfinite(off) else ""
    return f"is {now!r}, and was {then!r} ({off:.1e} {'more' if now > then else 'less'}{share})"
