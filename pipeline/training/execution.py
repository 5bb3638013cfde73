"""What one training is of: everything that differs between two executions."""

from dataclasses import dataclass
from pathlib import Path

import keras_tuner

from pipeline.training.weights import Weights


@dataclass(frozen=True)
class Execution:
    """What to train.

    Attributes:
        hyperparameters: The trial's values with their search space.
        seed: Seed of the weights, the shuffling and the dropout.
        initial_epoch: Absolute epoch at which the training starts.
        epochs: Absolute epoch before which it ends.
        weights: Weights to start from; None starts from fresh ones.
        checkpoint: Where the training's state is kept while it runs, and continued from if there
            is one of an earlier process; None keeps none.
        folder: A relative path, `0003/execution0` for example, under which its callbacks write;
            None lets them write where they name.
    """

    hyperparameters: keras_tuner.HyperParameters
    seed: int
    initial_epoch: int
    epochs: int
    weights: Weights | None = None
    checkpoint: Path | None = None
    folder: str | None = None
