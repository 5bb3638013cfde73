"""No pruning."""

from collections.abc import Sequence

from pipeline.pruners.curves import Curve
from pipeline.pruners.pruner import Pruner


class NoPruner(Pruner):
    """Lets every trial train to its end."""

    def prunes(self, running: Curve, others: Sequence[Curve]) -> bool:  # noqa: ARG002
        """Return False."""
        return False
