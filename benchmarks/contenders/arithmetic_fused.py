"""The arithmetic alone, with Adam's step in one pass through the memory, as ours takes it."""

from pathlib import Path

from benchmarks.contenders import arithmetic
from benchmarks.work import Outcome, Work
from pipeline.training.fused_adam import fused


def search(work: Work, folder: Path) -> Outcome:  # noqa: ARG001
    """Measure the steps."""
    return arithmetic.measured(work, fused)
