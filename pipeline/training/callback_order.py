"""The callbacks of one training, in the order in which each of them sees what it needs."""

from collections.abc import Callable, Sequence

import keras

from pipeline.training.best_epoch import BestEpoch
from pipeline.training.execution import Execution
from pipeline.training.monitors import Waiting
from pipeline.training.shown_trials import shown_trials


def in_order(
    callbacks: Sequence[keras.callbacks.Callback],
    execution: Execution,
    tell: Callable[[str], None],
    watcher: BestEpoch | None = None,
) -> list[keras.callbacks.Callback]:
    """Return a training's callbacks, with those of ours among them.

    Args:
        callbacks: As the configuration names them, in its order.
        execution: What is trained.
        tell: Told which of them can do nothing.
        watcher: Reports the epochs; it is the last, to see what the others made of each. None if
            nobody needs them.
    """
    shown, waiting = shown_trials(callbacks, execution), Waiting(callbacks, tell)
    if watcher is None:
        return [*shown, *callbacks, waiting]
    return [*shown, *watcher.around(callbacks, waiting)]
