"""Searches whose trials train nothing: what is left is what a trial costs beside its training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import keras_tuner

OBJECTIVE = keras_tuner.Objective("val_loss", "min")


@dataclass(frozen=True)
class Untrained:
    """A search to run.

    Attributes:
        strategy: `random`, `grid`, `bayesian` or `hyperband`.
        trials: How many, about; Hyperband's brackets decide.
        few: Whether the space has 600 combinations instead of 60,000.
        epochs: Epochs a trial reports.
        metrics: What it reports of each; the objective is among them.
    """

    strategy: str
    trials: int
    few: bool = False
    epochs: int = 1
    metrics: tuple[str, ...] = ("val_loss",)

    def declare(self, hp: keras_tuner.HyperParameters) -> None:
        """Declare hyperparameters: five with 60,000 combinations, or a few with 600."""
        hp.Int("units", 1, 20)
        hp.Int("layers", 1, 10)
        hp.Choice("activation", ["relu", "tanh", "elu"])
        if not self.few:
            hp.Float("dropout", 0.0, 0.9, step=0.1)
            hp.Int("kernel", 1, 10)

    def logs(self, values: Mapping[str, Any]) -> dict[str, float]:
        """Return the metrics of every epoch, which depend on the hyperparameters."""
        score = float(values["units"] % 7 + values.get("dropout", 0) + values["layers"] / 10)
        return dict.fromkeys(self.metrics, score)

    def budget(self) -> dict[str, int]:
        """Return the arguments that limit the number of trials."""
        if self.strategy != "hyperband":
            return {"max_trials": self.trials}
        # 81 epochs and a factor of 3 make 211 trials an iteration.
        iterations = max(1, round(self.trials / 211))
        return {"max_epochs": 81, "factor": 3, "hyperband_iterations": iterations}


class NoModel(keras_tuner.HyperModel):
    """Declares hyperparameters; its model is never trained.

    Args:
        search: The search.
    """

    def __init__(self, search: Untrained) -> None:
        super().__init__()
        self.search = search

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return a model that KerasTuner accepts."""
        self.search.declare(hp)
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
