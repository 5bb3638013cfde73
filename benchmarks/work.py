"""What all contenders of one comparison have to do; light, so that imports can be timed apart."""

from collections.abc import Mapping
from dataclasses import dataclass
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
    """

    case: str
    epochs: int
    sets: tuple[Mapping[str, Any], ...]
