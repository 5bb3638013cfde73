"""The state of a training in a file, from which another process continues it."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from pipeline.frozen.part import FrozenPart
from pipeline.journal.arrays import read_arrays, write_arrays
from pipeline.seeds import derive_seed
from pipeline.training.callback_state import CallbackState
from pipeline.training.execution import Execution
from pipeline.training.plain_values import Decoder, Encoder
from pipeline.training.results import Logs
from pipeline.training.weights import Weights


@dataclass(frozen=True)
class TrainingState:
    """A training at the end of an epoch.

    Attributes:
        logs: What Keras reported, by absolute epoch.
        best_epoch: The best epoch so far, None if there is none.
        best: Its weights.
        current: The weights of the last epoch, and the states of the random generators.
        callbacks: The state of each Keras callback, in their order.
        stopped: Whether a callback had ended the training.
    """

    logs: Logs
    best_epoch: int | None
    best: Weights | None
    current: Weights
    callbacks: Sequence[CallbackState]
    stopped: bool


@dataclass
class Checkpoint:
    """Where a training's state is kept, and how often.

    Keras's `BackupAndRestore` keeps weights and optimizer, but neither the callbacks' state (an
    early stopping would start to count anew) nor the random generators'; and it writes at every
    epoch, however short.

    Attributes:
        path: The `.npz` file.
        seed: The execution's seed; a file of another seed is another execution's.
        every_seconds: Least time between two writes.
    """

    path: Path
    seed: int
    every_seconds: float
    _written: float = field(default_factory=time.monotonic)

    @classmethod
    def of(
        cls, execution: Execution, part: FrozenPart | None, every_seconds: float
    ) -> "Checkpoint | None":
        """Return where an execution's training is kept, if it is to be.

        Args:
            execution: What is trained.
            part: The frozen part, if its features are what is trained on. A state of the head is
                none of the whole model.
            every_seconds: Least time between two writes.
        """
        if execution.checkpoint is None:
            return None
        seed = derive_seed(execution.seed, part.digest) if part else execution.seed
        return cls(execution.checkpoint, seed, every_seconds)

    def load(self) -> TrainingState | None:
        """Return the state that an earlier process kept.

        Raises:
            DamagedFileError: There is one, but it cannot be read.
        """
        if not self.path.exists():
            return None
        head, arrays = read_arrays(self.path)
        if head["seed"] != self.seed:
            return None
        parts = iter(arrays)
        best, current = (_weights(parts, *head[name]) for name in ("best", "current"))
        decoder = Decoder(arrays)
        return TrainingState(
            logs=dict(head["logs"]),
            best_epoch=head["best_epoch"],
            best=None if head["best_epoch"] is None else best,
            current=current,
            callbacks=[decoder.decode(state) for state in head["callbacks"]],
            stopped=head["stopped"],
        )

    @property
    def due(self) -> bool:
        """Whether the last write was long enough ago."""
        return time.monotonic() - self._written >= self.every_seconds

    def save(self, state: TrainingState) -> None:
        """Write a state, in place of an earlier one.

        Raises:
            StorageError: It cannot be written.
        """
        best = state.best or Weights((), ())
        weights = (best, state.current)
        arrays = [value for part in weights for value in part.model + part.optimizer]
        encoder = Encoder(arrays)
        head = {
            "seed": self.seed,
            "logs": list(state.logs.items()),
            "best_epoch": state.best_epoch,
            "best": (len(best.model), len(best.optimizer)),
            "current": (len(state.current.model), len(state.current.optimizer)),
            "callbacks": [encoder.encode(values) for values in state.callbacks],
            "stopped": state.stopped,
        }
        write_arrays(self.path, head, arrays)
        self._written = time.monotonic()


def _weights(arrays: Iterator[np.ndarray], model: int, optimizer: int) -> Weights:
    return Weights(tuple(islice(arrays, model)), tuple(islice(arrays, optimizer)))
