"""Why a training stops at the end of an epoch, before its own end."""

from collections.abc import Callable
from enum import Enum


class Stop(Enum):
    """What whoever runs a search wants of a training at the end of an epoch."""

    INTERRUPT = "interrupt"
    """The search stops; what continues it goes on from here."""
    PRUNE = "prune"
    """The trial is not worth more epochs."""
    PAUSE = "pause"
    """The trial is not worth more epochs now, but may go on from here later."""
    END = "end"
    """The training ends here, and the best of its epochs is its result."""


StopOf = Callable[[], Stop | None]
"""Asked at the end of every epoch; None lets the training go on."""


def never() -> Stop | None:
    """Let a training go on to its end."""
    return None


class PrunedError(BaseException):
    """A training was stopped because others do better.

    It is no `Exception`: a hypermodel's own `fit` may catch these, and would go on.
    """


def raise_for(stop: Stop | None) -> None:
    """Raise what ends a training here.

    Args:
        stop: What is wanted of it.

    Raises:
        KeyboardInterrupt: The search stops.
        PrunedError: The trial stops.
    """
    if stop is Stop.INTERRUPT:
        raise KeyboardInterrupt
    if stop in (Stop.PRUNE, Stop.PAUSE):
        raise PrunedError
