"""The Keras callback that reports a training's epochs, and keeps the best one's weights."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import keras_tuner

from pipeline.frozen.part import FrozenPart
from pipeline.training.callback_files import go_on_writing
from pipeline.training.callback_state import callback_state, restore_callback
from pipeline.training.checkpoint import Checkpoint, TrainingState
from pipeline.training.execution import Execution
from pipeline.training.fitting import Fitting
from pipeline.training.plain_logs import plain_logs
from pipeline.training.results import TrainingResult
from pipeline.training.scored_weights import ScoredWeights
from pipeline.training.stopping import Stop, StopOf, raise_for
from pipeline.training.weights import Weights

EpochListener = Callable[[int, Mapping[str, float]], None]
_UNSCORED = (
    "a callback exchanges the weights at the end of a training, but {name} is not among what a "
    "test of them reports: the best epoch's weights are kept"
)


class DivergedError(ArithmeticError):
    """The objective was not a finite number at any epoch."""


class ObjectiveNotFoundError(keras_tuner.errors.FatalValueError):
    """The objective is not among the metrics that the model reports."""


class BestEpoch(keras.callbacks.Callback):
    """Reports every epoch and keeps the weights of the best one, in memory.

    It must be the last of a training's callbacks: then it sees what the others made of an epoch.

    Args:
        objective: The metric whose best epoch counts.
        on_epoch_end: Told of every epoch.
        stop: Asked at the end of every epoch whether the training stops there.
        objective_in_logs: Whether every epoch must report the objective; a hypermodel's own
            `fit` may return it at the end instead.
    """

    def __init__(
        self,
        objective: keras_tuner.Objective,
        on_epoch_end: EpochListener,
        stop: StopOf,
        *,
        objective_in_logs: bool = True,
    ) -> None:
        super().__init__()
        self._objective = objective
        self._on_epoch_end = on_epoch_end
        self._stop = stop
        self._part: FrozenPart | None = None
        self._objective_in_logs = objective_in_logs
        self._logs: dict[int, dict[str, float]] = {}
        self._best_epoch: int | None = None
        self._weights: Weights | None = None
        self._checkpoint: Checkpoint | None = None
        self._others: Sequence[keras.callbacks.Callback] = ()
        self._tell: Callable[[str], None] = lambda _sentence: None
        self._restored: TrainingState | None = None
        self._scored = ScoredWeights((), self._copied)
        self._of_end: dict[str, float] | None = None

    def begin(
        self,
        execution: Execution,
        fitting: Fitting,
        every_seconds: float,
        tell: Callable[[str], None],
    ) -> int:
        """Go on from an execution's checkpoint, or start; from now on the checkpoint is kept.

        Args:
            execution: What is trained.
            fitting: What is fit for it: a whole model, or what follows its frozen part.
            every_seconds: Least time between two writes of the training's state.
            tell: Told what of the callbacks cannot be kept, or not be scored.

        Returns:
            The absolute number of the first epoch to train; that of the execution's end if an
            earlier process trained all.

        Raises:
            DamagedFileError: The checkpoint cannot be read.
            KeyboardInterrupt: The search stops; so do the next two, as at the end of an epoch.
            PrunedError: The trial stops: its process died before it could tell.
        """
        self._part, self._tell = fitting.part, tell
        checkpoint = Checkpoint.of(execution, self._part, every_seconds)
        if checkpoint is None:
            return execution.initial_epoch
        self._checkpoint, self._others = checkpoint, fitting.callbacks
        state = checkpoint.load()
        if state is None:
            return execution.initial_epoch
        state.current.apply_all(fitting.trained)
        self._restore(state)
        if state.stopped:
            return execution.epochs
        stop = self._stop()
        raise_for(stop)
        return execution.epochs if stop is Stop.END else max(state.logs) + 1

    def _restore(self, state: TrainingState) -> None:
        """Go on from a state, as if this callback had seen its epochs; they are reported."""
        self._restored = state
        self._best_epoch, self._weights = state.best_epoch, state.best
        if self._weights is not None:
            self._weights = self._weights.with_frozen(self._part)
        for epoch, logs in state.logs.items():
            self._logs[epoch] = dict(logs)
            self._on_epoch_end(epoch, logs)
        for callback, kept in zip(self._others, state.callbacks, strict=True):
            go_on_writing(callback, kept.get("csv_file"), max(state.logs) + 1)

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Give the model and the callbacks what they had when the training was interrupted."""
        if self._restored is not None:  # the callbacks before this one have just begun anew
            self._restored.current.apply_all(self._trained)
            for callback, state in zip(self._others, self._restored.callbacks, strict=True):
                restore_callback(callback, state)
            self._restored = None

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Report the epoch, keep what has to be kept, and stop if that is wanted."""
        self._see(epoch, logs)
        stop = self._stop()
        # A model that an own `fit` trains in a loop of its own has no `stop_training`.
        if stop is not Stop.INTERRUPT and getattr(self.model, "stop_training", False):
            stop = None  # a training that ends by itself has a result
        if stop is Stop.END:
            self.model.stop_training = True
        goes_on = stop in (Stop.INTERRUPT, Stop.PAUSE)
        if self._checkpoint is not None and (goes_on or self._checkpoint.due):
            self._save(self._checkpoint)
        raise_for(stop)

    def _see(self, epoch: int, logs: Mapping[str, Any] | None) -> None:
        values = self._report(epoch, logs)
        if self._objective_in_logs:
            check_objective(values, self._objective)
        score = values.get(self._objective.name, math.nan)
        if math.isfinite(score) and self._is_best(score):
            self._best_epoch, self._weights = epoch, self._scored.of_epoch

    def _report(self, epoch: int, logs: Mapping[str, Any] | None) -> dict[str, float]:
        values = plain_logs(logs)
        self._logs[epoch] = values
        self._on_epoch_end(epoch, values)
        return values

    def _save(self, checkpoint: Checkpoint) -> None:
        """Write the training's state, with all of the callbacks' that can be written."""
        checkpoint.save(
            TrainingState(
                logs=self._logs,
                best_epoch=self._best_epoch,
                best=self._weights,
                current=Weights.all_of(self._trained),
                callbacks=[callback_state(callback, self._tell) for callback in self._others],
                stopped=bool(self.model.stop_training),
            )
        )

    @property
    def _trained(self) -> keras.Model:
        return self._part.head if self._part else self.model

    @property
    def _kept(self) -> keras.Model:
        """The model whose weights are kept."""
        return self.model

    def _copied(self) -> Weights:
        return Weights.of(self._kept, self._part)

    def around(
        self, callbacks: Sequence[keras.callbacks.Callback], waiting: keras.callbacks.Callback
    ) -> list[keras.callbacks.Callback]:
        """Return a training's callbacks with this one behind them, and what it needs to see.

        Args:
            callbacks: As the configuration names them.
            waiting: Calls those of them that wait for what others report.
        """
        self._scored = ScoredWeights(callbacks, self._copied)
        before = [self._scored.before(), self._objective_named()]
        return [*before, *callbacks, self._objective_check(), waiting, self._scored, self]

    def _objective_named(self) -> keras.callbacks.Callback:
        """Return a callback that gives those after it the objective by its name.

        Keras's logs do not have that name where the objective is one of a metric's several values.
        """
        name = self._objective.name

        def on_epoch_end(epoch: int, logs: dict[str, Any] | None = None) -> None:  # noqa: ARG001
            values = plain_logs(logs)
            if name not in values:
                self._scored.score_later()
            elif logs is not None:
                logs.setdefault(name, values[name])

        return keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)

    def _objective_check(self) -> keras.callbacks.Callback:
        """Return a callback that ends the training if nobody has reported the objective.

        Those that wait for it would warn that they miss it.
        """

        def on_epoch_end(epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            if self._objective_in_logs and self._objective.name not in plain_logs(logs):
                self._see(epoch, logs)

        return keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)

    def score_end(self, test: Callable[[], Mapping[str, float]]) -> None:
        """Let what the training has ended with be its result, if no epoch was scored with that.

        Args:
            test: Gives the metrics on the validation data, as an epoch reports them.
        """
        ended, name = self._scored.of_end, self._objective.name
        if ended is None or not self._logs:
            return
        values = plain_logs(test())
        if name not in values:
            self._tell(_UNSCORED.format(name=name))
            return
        last = max(self._logs)
        self._of_end = {**self._logs[last], **values}
        self._best_epoch, self._weights = last, ended

    def result(self, initial_epoch: int) -> TrainingResult:
        """Return the best epoch's result."""
        if self._best_epoch is None or self._weights is None:
            raise DivergedError(self._divergence(initial_epoch))
        metrics = self._of_end or self._logs[self._best_epoch]
        score = metrics[self._objective.name]
        if not math.isfinite(score):
            raise DivergedError(f"{self._objective.name} is not a finite number: {score}")
        return TrainingResult(score, self._best_epoch, metrics, self._weights, self._logs)

    def _is_best(self, score: float) -> bool:
        if self._best_epoch is None:
            return True
        best = self._logs[self._best_epoch][self._objective.name]
        return bool(self._objective.better_than(score, best))

    def _divergence(self, initial_epoch: int) -> str:
        name = self._objective.name
        if not self._logs:
            return f"no epoch was trained from epoch {initial_epoch} on, so {name} has no value"
        reported = [logs[name] for logs in self._logs.values() if name in logs]
        values = ", ".join(map(str, reported[:3]))
        return f"{name} was not a finite number at any of {len(self._logs)} epochs ({values})"


def check_objective(values: Mapping[str, Any], objective: keras_tuner.Objective) -> None:
    """Raise an `ObjectiveNotFoundError` if the objective is not among the values."""
    if objective.name not in values:
        raise ObjectiveNotFoundError(
            f"objective.name={objective.name} is not reported by the model; "
            f"allowed: {', '.join(sorted(values)) or 'nothing, as no metric is reported'}"
        )
