"""The floor: Keras's compiled epochs and nothing else, no callbacks, no tracking, no checkpoints.

A model is built and traced once a trial; its examples stay in memory. The frozen part of a network
is passed once over the data, and the heads train on its features.
"""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import keras_tuner
import tensorflow as tf

from benchmarks.cases import CASES, hyperparameters
from benchmarks.frozen_models import FrozenWithHead
from benchmarks.work import BATCH_SIZE, Work
from pipeline.datasets import Split

_Build = Callable[[keras_tuner.HyperParameters], keras.Model]


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

    def through(self, part: keras.Model) -> "Examples":
        """Return what a part of a model makes of the examples."""
        features = part.predict(self.x, batch_size=BATCH_SIZE, verbose=0)
        return Examples(tf.convert_to_tensor(features), self.y)

    def batches(self, *, shuffle: bool) -> tf.data.Dataset:
        """Return the batches of an epoch; only the numbers of the rows are shuffled."""
        rows = tf.data.Dataset.range(len(self.y))
        if shuffle:
            rows = rows.shuffle(len(self.y))
        gathered = rows.batch(BATCH_SIZE).map(
            lambda some: (tf.gather(self.x, some), tf.gather(self.y, some))
        )
        return gathered.prefetch(tf.data.AUTOTUNE)


def search(work: Work, folder: Path) -> float:  # noqa: ARG001
    """Train the given trials."""
    gc.disable()  # so few models fit into the memory, and looking for their remains takes long
    dataset, hypermodel = CASES[work.case]()
    build: _Build = hypermodel.build
    train, validation = Examples.of(dataset.train), Examples.of(dataset.validation)
    if isinstance(hypermodel, FrozenWithHead):
        part, build = hypermodel.frozen_part(), hypermodel.build_on_features
        train, validation = train.through(part), validation.through(part)
    return min(
        _train(build(hyperparameters(values)), train, validation, work.epochs)
        for values in work.sets
    )


def _train(model: keras.Model, train: Examples, validation: Examples, epochs: int) -> float:
    """Return the best validation loss of a model's epochs."""
    trained = model.fit(
        train.batches(shuffle=True),
        validation_data=validation.batches(shuffle=False),
        epochs=epochs,
        verbose=0,
    )
    return min(trained.history["val_loss"])
