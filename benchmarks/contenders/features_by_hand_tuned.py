"""KerasTuner as its users make it fast, on features that `predict` has made once."""

from pathlib import Path

from benchmarks.cases import CASES, seeded
from benchmarks.contenders import keras_tuner_plain
from benchmarks.contenders.keras_tuner_tuned import tuned
from benchmarks.work import Outcome, Work


def search(work: Work, folder: Path) -> Outcome:
    """Make the features, and search the heads with tuned models."""
    case = seeded(CASES[work.case]().on_features(), work)
    return keras_tuner_plain.run(tuned(case), work, folder)
