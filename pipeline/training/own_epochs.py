"""The epochs that a hypermodel's own `fit` trains, and what it returns, with the weights of it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import keras_tuner
import numpy as np

from pipeline.training.best_epoch import (
    BestEpoch,
    DivergedError,
    EpochListener,
    ObjectiveNotFoundError,
    check_objective,
)
from pipeline.training.build_shapes import build_shapes
from pipeline.training.plain_logs import plain_logs
from pipeline.training.results import TrainingResult
from pipeline.training.stopping import StopOf
from pipeline.training.weights import Weights

_SAME_NUMBER = 1e-6
_SAME_EPOCH = 1e-3  # of the nearest one; other batches and precisions round otherwise


class OwnEpochs(BestEpoch):
    """Watches a hypermodel's own `fit`, and sees that its score is that of the weights kept.

    Such a `fit` may train in several phases, each of which counts its epochs anew; they are
    numbered one after the other here. It may train without the callbacks, and return anything that
    KerasTuner takes. KerasTuner 1.4.8 scores what is returned, but keeps the weights of the
    best epoch that its callback has seen, or none.

    Args:
        objective: The metric whose best epoch counts.
        on_epoch_end: Told of every epoch.
        stop: As of `BestEpoch`.
        initial_epoch: Absolute number of the first epoch.
        model: What the hypermodel has built; `fit` may train it inside of another model.
    """

    def __init__(
        self,
        objective: keras_tuner.Objective,
        on_epoch_end: EpochListener,
        stop: StopOf,
        *,
        initial_epoch: int,
        model: keras.Model,
    ) -> None:
        super().__init__(objective, on_epoch_end, stop, objective_in_logs=False)
        self._next_epoch = initial_epoch
        self._built = model
        self._offset = 0
        self._seen: list[Any] = []
        self._returned: Mapping[str, float] | None = None

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """See an epoch, numbered after those before it."""
        self._seen.append(getattr(self.model, "history", None))
        super().on_epoch_end(self._absolute(epoch), logs)

    def take(
        self, returned: Any, model: keras.Model, evaluate: Callable[[], Mapping[str, float]]
    ) -> bool:
        """Take what `fit` returned; call it once, after `fit`.

        Args:
            returned: A `History`, metrics by name or the objective as a number.
            model: The model that `fit` was given.
            evaluate: Gives the model's metrics on the validation data, as an epoch reports them,
                as far as they can be told.

        Returns:
            Whether the epochs of what it returned were seen; if not, its score is that of the epoch
            whose weights the model has: its last one, unless `fit` has restored another's.

        Raises:
            FatalTypeError: It returned something else.
            ObjectiveNotFoundError: The objective is not in what it returned or reported.
        """
        if isinstance(returned, keras.callbacks.History):
            return self._take_history(returned, model, evaluate)
        if isinstance(returned, float | int | np.number):
            returned = {self._objective.name: returned}
        if not isinstance(returned, Mapping):
            raise keras_tuner.errors.FatalTypeError(
                "the hypermodel's fit() must return a History, a dictionary of metrics or the "
                f"objective as a number; received {returned!r} of type {type(returned).__name__}"
            )
        self._take_values(plain_logs(returned), model)
        return True

    def result(self, initial_epoch: int) -> TrainingResult:
        """Return what was taken, or the best epoch's result."""
        result = self._taken() or super().result(initial_epoch)
        return replace(result, weights=replace(result.weights, shapes=build_shapes(self._built)))

    def _taken(self) -> TrainingResult | None:
        """Return what `fit` returned, if that and not an epoch is the result."""
        if self._returned is None or self._weights is None:
            return None
        score = self._returned[self._objective.name]
        if not math.isfinite(score):
            raise DivergedError(f"{self._objective.name} is not a finite number: {score}")
        return TrainingResult(score, self._best_epoch, self._returned, self._weights, self._logs)

    @property
    def _kept(self) -> keras.Model:
        """The model that was built, if what `fit` trains has it; else what `fit` trains."""
        trained = {id(variable) for variable in self.model.weights}
        has_it = {id(variable) for variable in self._built.weights} <= trained
        return self._built if self._built.weights and has_it else self.model

    def _absolute(self, epoch: int) -> int:
        """Return the number of an epoch that `fit` numbers from where a phase of it began."""
        if epoch >= self._next_epoch:
            self._offset = 0
        elif epoch + self._offset < self._next_epoch:  # another phase has begun
            self._offset = self._next_epoch - epoch
        self._next_epoch = epoch + self._offset + 1
        return epoch + self._offset

    def _take_values(self, values: Mapping[str, float], model: keras.Model) -> None:
        """Keep the best epoch's weights if the values are its; else those that the model has."""
        check_objective(values, self._objective)
        self._returned = values
        name = self._objective.name
        best = None if self._best_epoch is None else self._logs[self._best_epoch][name]
        if best is None or not math.isclose(values[name], best, rel_tol=_SAME_NUMBER):
            self._best_epoch = max(self._logs, default=None)
            self._weights = Weights.of(model)

    def _take_history(
        self,
        history: keras.callbacks.History,
        model: keras.Model,
        evaluate: Callable[[], Mapping[str, float]],
    ) -> bool:
        newest = getattr(model, "history", None)
        if any(seen is history or seen is newest for seen in self._seen):
            reported = dict.fromkeys(name for logs in self._logs.values() for name in logs)
            check_objective(reported, self._objective)
            return True
        epochs = [self._absolute(epoch) for epoch in _epochs(history)]
        if not (count := len(epochs)):
            return True
        for index, epoch in enumerate(epochs):
            lists = history.history.items()
            self._report(epoch, {n: values[index] for n, values in lists if len(values) == count})
        self._best_epoch = self._whose_weights(epochs, evaluate)
        self._returned = self._logs[self._best_epoch]
        self._weights = Weights.of(model)
        self._check_reported(history)
        return False

    def _whose_weights(
        self, epochs: Sequence[int], evaluate: Callable[[], Mapping[str, float]]
    ) -> int:
        """Return the epoch that a model's weights are of: the last, or one that was restored."""
        if len(epochs) == 1:
            return epochs[-1]
        values = evaluate()
        nearest = min(reversed(epochs), key=lambda epoch: _distance(values, self._logs[epoch]))
        return nearest if _distance(values, self._logs[nearest]) < _SAME_EPOCH else epochs[-1]

    def _check_reported(self, history: keras.callbacks.History) -> None:
        assert self._returned is not None, "a History was taken"
        name = self._objective.name
        if name in history.history and name not in self._returned:
            raise ObjectiveNotFoundError(
                f"the hypermodel's fit() reports {name} at some of its epochs and does not pass "
                "its callbacks on, so that nobody can tell at which; pass them on to model.fit"
            )
        check_objective(self._returned, self._objective)


def _epochs(history: keras.callbacks.History) -> list[int]:
    """Return the numbers of a history's epochs; lists of several may have been put together."""
    count = max(map(len, history.history.values()), default=0)
    numbers = getattr(history, "epoch", ())
    return list(numbers if len(numbers) == count else range(count))


def _distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Return how much metrics that both have differ at most, relatively; infinite without any."""
    pairs = [(value, other[name]) for name, value in one.items() if name in other]
    if not all(math.isfinite(a) and math.isfinite(b) for a, b in pairs):
        return math.inf
    return max((abs(a - b) / (max(abs(a), abs(b)) or 1.0) for a, b in pairs), default=math.inf)
