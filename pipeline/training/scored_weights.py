"""The weights with which a model is scored, where others exchange them.

`SwapEMAWeights` puts averages into the model for each validation, and takes them out after it. At
the end of a training, an optimizer with `use_ema` leaves the averages in the model, and a callback
may put in whatever it likes. A score is to be that of the weights that are kept.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from pipeline.frozen.sameness import users_code
from pipeline.training.learning_rates import optimizers
from pipeline.training.weights import Weights


class ScoredWeights(keras.callbacks.Callback):
    """Notes with which weights each epoch is scored, and whether a training ends with others.

    It comes behind the callbacks that may exchange weights, and what `before` returns before them.
    Copies are made only where somebody may do it: an optimizer that keeps averages, or a callback
    of the user's.

    Args:
        callbacks: Those of the training.
        copy: Copies the weights of what is trained, and its optimizer's state.
    """

    def __init__(
        self, callbacks: Sequence[keras.callbacks.Callback], copy: Callable[[], Weights]
    ) -> None:
        super().__init__()
        self._users = any(map(users_code, callbacks))
        self._averages_are_validated = any(
            isinstance(callback, keras.callbacks.SwapEMAWeights) for callback in callbacks
        )
        self._copy = copy
        self._optimizer: tuple[np.ndarray, ...] = ()
        self._validated: Weights | None = None
        self._last: Weights | None = None
        self._left: Weights | None = None
        self._ended: Weights | None = None

    @property
    def of_epoch(self) -> Weights:
        """The weights that the score is of of the epoch that ends now."""
        return self._last or self._copy()

    @property
    def of_end(self) -> Weights | None:
        """What the training has ended with; None if its last epoch was scored with that."""
        return self._ended

    def score_later(self) -> None:
        """Forget what was validated: a callback reports the objective when the epoch ends."""
        self._validated = None

    def before(self) -> keras.callbacks.Callback:
        """Return what sees a model before the callbacks exchange its weights."""

        def on_test_begin(logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG001
            if self._may_be_exchanged:
                self._optimizer = self._copy().optimizer

        def on_train_end(logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG001
            if self._may_be_exchanged:
                self._left = self._copy()

        return keras.callbacks.LambdaCallback(
            on_test_begin=on_test_begin, on_train_end=on_train_end
        )

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Forget what an earlier epoch was validated with."""
        self._validated = None

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Note what is validated."""
        if self._may_be_exchanged:
            self._validated = replace(self._copy(), optimizer=self._optimizer)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Note what the epoch is scored with."""
        self._last = (self._validated or self._copy()) if self._may_be_exchanged else None

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Note what the training ends with, unless it has been scored.

        What an optimizer leaves counts only where no validation sees its averages.
        """
        if self._left is None:
            return
        ended = self._copy()
        by_optimizer = averages(self.model) and not self._averages_are_validated
        exchanged = by_optimizer or not _same(self._left, ended)
        scored = self._last is not None and _same(self._last, ended)
        self._ended = ended if exchanged and not scored else None

    @property
    def _may_be_exchanged(self) -> bool:
        return self._users or averages(self.model)


def averages(model: keras.Model) -> bool:
    """Whether a model's optimizer keeps averages of the weights."""
    optimizer = getattr(model, "optimizer", None)
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return any(getattr(one, "use_ema", False) for one in optimizers(inner))


def _same(one: Weights, other: Weights) -> bool:
    pairs = zip(one.model, other.model, strict=True)
    return all(mine.tobytes() == theirs.tobytes() for mine, theirs in pairs)
