"""What all contenders of one comparison have to do; light, so that imports can be timed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BATCH_SIZE = 32
SEED = 0
OBJECTIVE = "val_loss"


@dataclass(frozen=True)
class Work:
    """A search.

    Attributes:
        case: Its dataset and hypermodel, one of `cases.CASES`.
        epochs: Epochs a trial; Hyperband's most.
        sets: The hyperparameters of its trials; empty if Hyperband proposes them.
        data: The folder that its examples are read from, if they are.
    """

    case: str
    epochs: int
    sets: tuple[Mapping[str, Any], ...]
    data: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What a contender made of it.

    Attributes:
        trained: The hyperparameters that it trained, in order.
        best: The best objective; None if nothing was trained.
        seconds: What it says the search takes; None if the clock is to say so.
    """

    trained: Sequence[Mapping[str, Any]]
    best: float | None
    seconds: float | None = None
