"""KerasTuner on features that `predict` has made once, as Keras's transfer-learning guide does."""

from pathlib import Path

from benchmarks.cases import CASES, seeded
from benchmarks.contenders import keras_tuner_plain
from benchmarks.work import Outcome, Work


def search(work: Work, folder: Path) -> Outcome:
    """Make the features, and search the heads with KerasTuner's own defaults."""
    case = seeded(CASES[work.case]().on_features(), work)
    return keras_tuner_plain.run(case, work, folder)
