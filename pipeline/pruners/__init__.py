"""What stops a trial early because others do better.

A pruner is a function of its arguments and of what the trials have reported so far: it keeps no
state, so that a continued search prunes what an uninterrupted one would have. It knows seeds, the
journal's attempts and how arguments are checked, and nothing else of ours.
"""

from pipeline.pruners.asha import ASHA
from pipeline.pruners.curves import Curve
from pipeline.pruners.hyperband import Hyperband
from pipeline.pruners.no_pruner import NoPruner
from pipeline.pruners.one_epoch import OneEpoch
from pipeline.pruners.percentile import Median, Percentile
from pipeline.pruners.pruner import Pruner
from pipeline.pruners.wilcoxon import Wilcoxon

__all__ = [
    "ASHA",
    "Curve",
    "Hyperband",
    "Median",
    "NoPruner",
    "OneEpoch",
    "Percentile",
    "Pruner",
    "Wilcoxon",
]
