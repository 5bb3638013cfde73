"""What a pruner would have done to trials that were trained to their ends."""

import dataclasses
import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.pruners.curves import Curve
from pipeline.pruners.pruner import Pruner


@dataclass(frozen=True)
class Replay:
    """The same search with a pruner.

    Attributes:
        epochs: Epochs that each trial would have trained, of all its executions.
        completed: Identifiers of the trials that would have completed, in the order they end.
    """

    epochs: Mapping[str, int]
    completed: tuple[str, ...]

    @property
    def total_epochs(self) -> int:
        """Epochs of all trials together."""
        return sum(self.epochs.values())


def replay(
    pruner: Pruner,
    curves: Sequence[Curve],
    workers: int = 1,
    seconds: Sequence[float] | None = None,
) -> Replay:
    """Run a search again whose trials, and all that each reports, are known.

    Whenever a worker is free, the pruner is asked which trial goes on; if none does, the next one
    starts.

    Args:
        pruner: What decides.
        curves: The trials in the order they start, each trained to its end.
        workers: How many trials train at a time, at least 1.
        seconds: How long an epoch of each trial takes; None if all are equally long.

    Returns:
        What would have happened.
    """
    trials = [_Replayed(curve) for curve in curves]
    lasting = seconds or [1.0] * len(trials)
    started: list[_Replayed] = []
    completed: list[str] = []
    busy: list[tuple[float, int]] = []  # when a trial's epoch ends, and the trial's place
    now = 0.0
    while True:
        while len(busy) < workers:
            place = _next(pruner, trials, started)
            if place is None:
                break
            heapq.heappush(busy, (now + lasting[place], place))
        if not busy:
            return Replay({one.whole.trial: one.trained for one in trials}, tuple(completed))
        now, place = heapq.heappop(busy)
        trial = trials[place]
        trial.train()
        if trial.ended:
            completed += [] if trial.whole.failed else [trial.whole.trial]
        elif pruner.prunes(trial.curve, [one.curve for one in started if one is not trial]):
            trial.stop()
        else:
            heapq.heappush(busy, (now + lasting[place], place))


class _Replayed:
    """A trial as far as it has got.

    Attributes:
        whole: All that it reports, and how it ends.
        curve: What it has reported so far.
        trained: Epochs so far, of all its executions.
    """

    def __init__(self, whole: Curve) -> None:
        self.whole = whole
        self.curve = Curve(whole.trial, ())
        self.trained = 0
        self._epochs = [
            (execution, epoch, value)
            for execution, values in enumerate(whole.executions)
            for epoch, value in values.items()
        ]

    @property
    def ended(self) -> bool:
        return self.trained == len(self._epochs)

    def train(self) -> None:
        """Report the next epoch, and with the last one how it ended."""
        execution, epoch, value = self._epochs[self.trained]
        self.trained += 1
        before = self.curve.executions
        newest = {**(before[execution] if execution < len(before) else {}), epoch: value}
        self.curve = Curve(
            self.whole.trial,
            (*before[:execution], newest),
            completed=self.ended and not self.whole.failed,
            failed=self.ended and self.whole.failed,
        )

    def stop(self) -> None:
        self.curve = dataclasses.replace(self.curve, pruned=True)

    def resume(self) -> None:
        self.curve = dataclasses.replace(self.curve, pruned=False)


def _next(pruner: Pruner, trials: list[_Replayed], started: list[_Replayed]) -> int | None:
    """Return the place of the trial that a free worker trains, and note that it does."""
    told = [one.curve for one in started]
    chosen = pruner.resumes(told, exhausted=len(started) == len(trials))
    for place, trial in enumerate(started):
        if trial.whole.trial == chosen:
            trial.resume()
            return place
    if len(started) == len(trials):
        return None
    started.append(trials[len(started)])
    return len(started) - 1
