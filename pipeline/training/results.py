"""What an execution achieved, and the file that keeps it."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from pipeline.journal.arrays import read_arrays, write_arrays
from pipeline.training.weights import FrozenWeights, Weights

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
            "frozen": None if self.weights.frozen is None else self.weights.frozen.digest,
            "shapes": self.weights.shapes,
        }
        if self.weights.frozen is not None:
            _save_frozen(path.parent, self.weights.frozen)
        write_arrays(path, head, self.weights.model + self.weights.optimizer)

    @classmethod
    def load(cls, path: Path) -> "TrainingResult":
        """Read what `save` wrote.

        Raises:
            DamagedFileError: The file is missing or cannot be read.
        """
        return cls._of(path, *read_arrays(path))

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
        return cls._of(path, head, arrays) if head["seed"] == seed else None

    @classmethod
    def _of(
        cls, path: Path, head: Mapping[str, Any], arrays: Sequence[np.ndarray]
    ) -> "TrainingResult":
        count, frozen, digest = head["weights"], None, head.get("frozen")
        if digest is not None:
            _, values = read_arrays(_frozen_path(path.parent, digest))
            frozen = FrozenWeights(digest, tuple(values))
        return cls(
            score=head["score"],
            best_epoch=head["best_epoch"],
            metrics=head["metrics"],
            weights=Weights(
                tuple(arrays[:count]), tuple(arrays[count:]), frozen, head.get("shapes")
            ),
            logs=dict(head["logs"]),
        )


def _save_frozen(folder: Path, frozen: FrozenWeights) -> None:
    """Write the frozen weights into a trial's folder, as a link to another trial's if there is one.

    The file is gone when the last trial that has it is deleted.
    """
    path = _frozen_path(folder, frozen.digest)
    if path.exists():
        return
    for other in folder.parent.glob(f"*/{path.name}"):
        folder.mkdir(exist_ok=True)
        with contextlib.suppress(OSError):  # not every file system has links
            path.hardlink_to(other)
            return
    write_arrays(path, {}, frozen.arrays)


def _frozen_path(folder: Path, digest: str) -> Path:
    return folder / f"frozen-{digest[:16]}.npz"


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
