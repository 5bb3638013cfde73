"""KerasTuner on `image_dataset_from_directory` with prefetching: files are decoded every epoch."""

from pathlib import Path

from benchmarks.cases import seeded
from benchmarks.contenders import keras_tuner_plain
from benchmarks.image_cases import read_as_keras_guide
from benchmarks.work import Outcome, Work


def search(work: Work, folder: Path) -> Outcome:
    """Search."""
    assert work.data is not None
    case = read_as_keras_guide(work.case, work.data, cached=False)
    return keras_tuner_plain.run(seeded(case, work), work, folder)
