"""What a trial has reported so far."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Curve:
    """A trial as a pruner sees it.

    Attributes:
        trial: Identifier of the trial; as a number, its place in the search, from 0.
        executions: The objective by absolute epoch, from 0, a mapping an execution; the epochs
            of each in rising order. Values may be NaN or infinite.
        completed: Whether it trained to its end, be it by its own early stopping.
        pruned: Whether a pruner has stopped it, and it has not been taken up again.
        failed: Whether it failed.
        compared: What has been computed of it, so that it is computed once.
    """

    trial: str
    executions: tuple[Mapping[int, float], ...]
    completed: bool = False
    pruned: bool = False
    failed: bool = False
    compared: dict[Hashable, list[float | None]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
