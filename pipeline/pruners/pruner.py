"""What every pruner answers."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from pipeline.pruners.curves import Curve


class Pruner(ABC):
    """Decides which trials stop early, and which of them go on later.

    Its answers depend on nothing but its arguments and what it is given.

    Attributes:
        keeps_pruned: Whether a pruned trial may be taken up again, so that its checkpoint has to
            be kept.
    """

    keeps_pruned: bool = False

    @abstractmethod
    def prunes(self, running: Curve, others: Sequence[Curve]) -> bool:
        """Return whether a trial stops now.

        It is asked at the end of every epoch of every execution.

        Args:
            running: The trial, whose newest epoch is the last one of its last execution.
            others: All other trials that have begun, in the order they started.

        Returns:
            The answer.
        """

    def resumes(self, trials: Sequence[Curve], *, exhausted: bool) -> str | None:  # noqa: ARG002
        """Return the pruned trial that goes on now.

        It is asked whenever a trial could start.

        Args:
            trials: All trials that have begun, in the order they started.
            exhausted: Whether the oracle has no new one, now or ever.

        Returns:
            The trial's identifier; None if none goes on.
        """
        return None
