"""The files of a search's trials, and which of them are kept."""

import shutil
from bisect import insort
from collections.abc import Iterable
from pathlib import Path

FOLDER = "trials"


class TrialFiles:
    """Where trials keep their weights, and the deletion of those that matter no more.

    KerasTuner keeps every checkpoint of every trial (its issues 172, 288 and 481).

    Args:
        directory: The search's folder.
        keep_best: How many of the best trials keep their weights, at least 1.
        direction: Whether the `min` or the `max` score is the best.
    """

    def __init__(self, directory: Path, keep_best: int, direction: str) -> None:
        self._folder = directory / FOLDER
        self._keep_best = keep_best
        self._sign = -1.0 if direction == "max" else 1.0
        self._best: list[tuple[float, str]] = []

    def weights(self, trial: str, execution: int) -> Path:
        """Return where the result of a finished execution is, its weights included."""
        return self._folder / trial / f"weights-{execution}.npz"

    def checkpoint(self, trial: str, execution: int) -> Path:
        """Return where the state of a running execution is."""
        return self._folder / trial / f"checkpoint-{execution}.npz"

    def add(self, trial: str, score: float) -> None:
        """Take note of a COMPLETED trial; of equal scores the smaller identifier is better."""
        insort(self._best, (self._sign * score, trial))
        del self._best[self._keep_best :]

    def delete_others(self, needed: Iterable[str]) -> None:
        """Delete the files of all trials but the best and those that are needed.

        Args:
            needed: Trials that run, or whose weights another trial may start from.
        """
        if not self._folder.exists():
            return
        best = {trial for _, trial in self._best}
        needed = set(needed)
        for folder in self._folder.iterdir():
            if folder.name not in best | needed:
                shutil.rmtree(folder)
            elif folder.name not in needed:
                for checkpoint in folder.glob("checkpoint-*"):
                    checkpoint.unlink()
