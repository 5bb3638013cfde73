"""What stops a trial early because others do better.

A pruner is a function of its arguments and of what the trials have reported so far: it keeps no
state and knows nothing else of ours, so that a continued search prunes what an uninterrupted one
would have.
"""

from pipeline.pruners.curves import Curve
from pipeline.pruners.no_pruner import NoPruner
from pipeline.pruners.pruner import Pruner

__all__ = [
    "Curve",
    "NoPruner",
    "Pruner",
]
