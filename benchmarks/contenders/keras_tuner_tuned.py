"""KerasTuner as its users make it fast: a whole epoch in one compiled call, no tracking.

`steps_per_execution` is set where the model is compiled. Keras's session needs no clearing between
the trials: KerasTuner does it before it builds a model.
"""

import math
from dataclasses import replace
from pathlib import Path

import keras
import keras_tuner

from benchmarks import cases
from benchmarks.cases import Case
from benchmarks.contenders import keras_tuner_plain
from benchmarks.work import BATCH_SIZE, Outcome, Work


class _EpochACall(keras_tuner.HyperModel):
    """Compiles another hypermodel's models so that a call takes all steps of an epoch."""

    def __init__(self, hypermodel: keras_tuner.HyperModel, steps: int) -> None:
        super().__init__()
        self.hypermodel = hypermodel
        self.steps = steps

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        model = self.hypermodel.build(hp)
        model.compile(
            optimizer=model.optimizer,
            loss=model.loss,
            metrics=["accuracy"],
            steps_per_execution=self.steps,
        )
        return model


def search(work: Work, folder: Path) -> Outcome:
    """Search with tuned models."""
    return keras_tuner_plain.run(tuned(cases.load(work)), work, folder)


def tuned(case: Case) -> Case:
    """Return a case whose models take an epoch a call."""
    steps = math.ceil(len(case.train) / BATCH_SIZE)
    return replace(case, hypermodel=_EpochACall(case.hypermodel, steps))
