"""A bare Keras loop: compiled epochs and nothing else, no callbacks, no tracking, no checkpoints.

A model is built and traced once a trial; its examples stay in memory. The frozen part of a network
is passed once over the data, and the heads train on its features.
"""

import gc
from pathlib import Path
from typing import NamedTuple

import keras
import tensorflow as tf

from benchmarks.cases import CASES, hyperparameters, seeded
from benchmarks.work import BATCH_SIZE, OBJECTIVE, Outcome, Work
from pipeline.datasets import Split


class Examples(NamedTuple):
    """Examples in memory, as TensorFlow's tensors.

    Attributes:
        x: Inputs of the model.
        y: Targets.
    """

    x: tf.Tensor
    y: tf.Tensor

    @classmethod
    def of(cls, split: Split) -> "Examples":
        """Return a split's examples."""
        return cls(tf.convert_to_tensor(split.x), tf.convert_to_tensor(split.y))

    def batches(self, *, shuffle: bool) -> tf.data.Dataset:
        """Return the batches of an epoch; only the numbers of the rows are shuffled."""
        rows = tf.data.Dataset.range(len(self.y))
        if shuffle:
            rows = rows.shuffle(len(self.y))
        gathered = rows.batch(BATCH_SIZE).map(
            lambda some: (tf.gather(self.x, some), tf.gather(self.y, some))
        )
        return gathered.prefetch(tf.data.AUTOTUNE)


def search(work: Work, folder: Path) -> Outcome:  # noqa: ARG001
    """Train the given trials."""
    case = CASES[work.case]()
    case = seeded(case.on_features() if case.has_frozen_part else case, work)
    train, validation = Examples.of(case.train), Examples.of(case.validation)
    gc.disable()  # so few models fit into the memory, and looking for their remains takes long
    try:
        best = min(
            _train(case.hypermodel.build(hyperparameters(values)), train, validation, work.epochs)
            for values in work.sets
        )
    finally:
        gc.enable()
    return Outcome(work.sets, best)


def _train(model: keras.Model, train: Examples, validation: Examples, epochs: int) -> float:
    """Return the best validation loss of a model's epochs."""
    trained = model.fit(
        train.batches(shuffle=True),
        shuffle=False,  # done already
        validation_data=validation.batches(shuffle=False),
        epochs=epochs,
        verbose=0,
    )
    return min(trained.history[OBJECTIVE])
