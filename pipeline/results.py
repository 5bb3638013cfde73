"""What an execution achieved, and the file that keeps it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from pipeline.arrays import read_arrays, write_arrays
from pipeline.weights import Weights

Logs = Mapping[int, Mapping[str, float]]
"""What Keras reported, by absolute epoch, in the order the epochs were trained."""


@dataclass(frozen=True)
class TrainingResult:
    """What an execution achieved.

    Attributes:
        score: The objective's best finite value.
        best_epoch: Absolute epoch of the score; None if no epochs were seen.
        metrics: All metrics at that epoch.
        weights: Weights of that epoch.
        logs: What Keras reported for each epoch; empty if no epochs were seen.
    """

    score: float
    best_epoch: int | None
    metrics: Mapping[str, float]
    weights: Weights
    logs: Logs = field(default_factory=dict)

    def save(self, path: Path, seed: int) -> None:
        """Write it to a file at once: with it, the execution is finished.

        Args:
            path: The `.npz` file; its folder is made if need be.
            seed: The execution's seed, by which `find` knows whose result it is.

        Raises:
            StorageError: It cannot be written.
        """
        head = {
            "seed": seed,
            "score": self.score,
            "best_epoch": self.best_epoch,
            "metrics": dict(self.metrics),
            "logs": list(self.logs.items()),
            "weights": len(self.weights.model),
        }
        write_arrays(path, head, self.weights.model + self.weights.optimizer)

    @classmethod
    def load(cls, path: Path) -> "TrainingResult":
        """Read what `save` wrote.

        Raises:
            DamagedFileError: The file is missing or cannot be read.
        """
        return cls._of(*read_arrays(path))

    @classmethod
    def find(cls, path: Path, seed: int) -> "TrainingResult | None":
        """Read the result of an execution, if it has finished.

        Args:
            path: The file; it may be missing, or have the result of an earlier attempt.
            seed: The execution's seed.

        Returns:
            The result, None if the execution has not finished.

        Raises:
            DamagedFileError: The file cannot be read.
        """
        if not path.exists():
            return None
        head, arrays = read_arrays(path)
        return cls._of(head, arrays) if head["seed"] == seed else None

    @classmethod
    def _of(cls, head: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> "TrainingResult":
        count = head["weights"]
        return cls(
            score=head["score"],
            best_epoch=head["best_epoch"],
            metrics=head["metrics"],
            weights=Weights(tuple(arrays[:count]), tuple(arrays[count:])),
            logs=dict(head["logs"]),
        )


def best_result(results: Sequence[TrainingResult], direction: str) -> TrainingResult:
    """Return the execution with the best score, which is the `min` or the `max`."""
    pick = max if direction == "max" else min
    return pick(results, key=lambda result: result.score)


def mean_metrics(results: Sequence[TrainingResult]) -> dict[str, float]:
    """Return the mean over executions of the metrics that all of them report."""
    names = [
        name for name in results[0].metrics if all(name in result.metrics for result in results)
    ]
    return {name: fmean(result.metrics[name] for result in results) for name in names}
