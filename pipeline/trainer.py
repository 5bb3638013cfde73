"""One execution of a trial: build a model, train it, keep the best epoch's weights."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import keras_tuner
import numpy as np

from pipeline.datasets import Dataset, Inputs, Split
from pipeline.weights import Weights

EpochListener = Callable[[int, Mapping[str, float]], None]


class DivergedError(ArithmeticError):
    """The objective was not a finite number at any epoch."""


class ObjectiveNotFoundError(keras_tuner.errors.FatalValueError):
    """The objective is not among the metrics that the model reports."""


@dataclass(frozen=True)
class Execution:
    """What to train: everything that differs between two executions.

    Attributes:
        hyperparameters: The trial's values with their search space.
        seed: Seed of the weights, the shuffling and the dropout.
        initial_epoch: Absolute epoch at which the training starts.
        epochs: Absolute epoch before which it ends.
        weights: Weights to start from; None starts from fresh ones.
    """

    hyperparameters: keras_tuner.HyperParameters
    seed: int
    initial_epoch: int
    epochs: int
    weights: Weights | None = None


@dataclass(frozen=True)
class TrainingResult:
    """What an execution achieved.

    Attributes:
        score: The objective's best finite value.
        best_epoch: Absolute epoch of the score; None if no epochs were seen.
        metrics: All metrics at that epoch.
        epochs_trained: Number of epochs that were trained.
        weights: Weights of that epoch.
    """

    score: float
    best_epoch: int | None
    metrics: Mapping[str, float]
    epochs_trained: int
    weights: Weights


@dataclass(frozen=True)
class Trainer:
    """Trains executions of one search; knows neither the oracle, nor MLflow, nor the terminal.

    Attributes:
        hypermodel: Builds the models, and may train them with its own `fit`.
        dataset: What they are trained and validated on.
        objective: The metric whose best epoch counts.
        batch_size: Examples a step, unless the hyperparameter `batch_size` says otherwise.
        callbacks: Makes the Keras callbacks, afresh for every execution.
        precision: Keras's dtype policy.
    """

    hypermodel: keras_tuner.HyperModel
    dataset: Dataset
    objective: keras_tuner.Objective
    batch_size: int
    callbacks: Callable[[], list[keras.callbacks.Callback]] = field(default=list)
    precision: str = "float32"

    def train(self, execution: Execution, on_epoch_end: EpochListener) -> TrainingResult:
        """Train one execution.

        Args:
            execution: What to train.
            on_epoch_end: Told of every epoch: its absolute number and Keras's logs.

        Returns:
            The best epoch's result.

        Raises:
            DivergedError: The objective was never a finite number.
            ObjectiveNotFoundError: The model does not report the objective.
        """
        model = self.build(execution.hyperparameters, execution.seed)
        if execution.weights is not None:
            execution.weights.apply(model)
        own_fit = _has_own_fit(self.hypermodel)
        watcher = _BestEpoch(self.objective, on_epoch_end, objective_in_logs=not own_fit)
        returned = self._fit(model, execution, watcher)
        watcher.take(returned, model)
        return watcher.result(execution.initial_epoch)

    def retrain(
        self, hyperparameters: keras_tuner.HyperParameters, *, epochs: int, seed: int
    ) -> keras.Model:
        """Train a fresh model on the training and validation data together.

        Args:
            hyperparameters: The values to build it from.
            epochs: Number of epochs; nothing stops it earlier, as there is nothing to validate on.
            seed: As in `Execution`.

        Returns:
            The trained model.
        """
        model = self.build(hyperparameters, seed)
        data = self.dataset.training_data()
        if _has_own_fit(self.hypermodel):
            arguments = {"validation_data": _pair(self.dataset.validation), "callbacks": []}
            self._own_fit(model, hyperparameters, data, epochs=epochs, **arguments)
        else:
            batch_size = self._batch_size(hyperparameters)
            model.fit(data.x, data.y, batch_size=batch_size, epochs=epochs, verbose=0)
        return model

    def restore(
        self, hyperparameters: keras_tuner.HyperParameters, weights: Weights, *, seed: int
    ) -> keras.Model:
        """Build a trial's model again and give it the weights it ended with."""
        model = self.build(hyperparameters, seed)
        weights.apply(model)
        return model

    def build(self, hyperparameters: keras_tuner.HyperParameters, seed: int) -> keras.Model:
        """Build a model with all its weights, seeded, in a fresh Keras session.

        Raises:
            TypeError: The hypermodel returned no Keras model.
        """
        keras.backend.clear_session()  # collects garbage too
        keras.config.set_dtype_policy(self.precision)
        keras.utils.set_random_seed(seed % 2**32)  # NumPy takes 32 bits
        model = self.hypermodel.build(hyperparameters)
        if not isinstance(model, keras.Model):
            raise TypeError(
                "the hypermodel must build a keras.Model; "
                f"received {model!r} of type {type(model).__name__}"
            )
        if getattr(model, "inputs", None) is None:
            # A subclassed model has no weights to set or save before it has seen data.
            model(_first_example(self.dataset.train.x))
        return model

    def _fit(self, model: keras.Model, execution: Execution, watcher: "_BestEpoch") -> Any:
        validation, train = _pair(self.dataset.validation), self.dataset.train
        callbacks = [*self.callbacks(), watcher]
        if all(type(callback).__module__.startswith("keras.") for callback in callbacks[:-1]):
            # Callbacks of others may add metrics; Keras's would warn that they miss the objective.
            callbacks.insert(0, watcher.objective_check())
        arguments: dict[str, Any] = {"validation_data": validation, "callbacks": callbacks}
        if execution.initial_epoch:
            arguments["initial_epoch"] = execution.initial_epoch
        if _has_own_fit(self.hypermodel):
            hyperparameters = execution.hyperparameters
            epochs = execution.epochs
            return self._own_fit(model, hyperparameters, train, epochs=epochs, **arguments)
        batch_size = self._batch_size(execution.hyperparameters)
        return model.fit(
            train.x, train.y, batch_size=batch_size, epochs=execution.epochs, verbose=0, **arguments
        )

    def _own_fit(
        self,
        model: keras.Model,
        hyperparameters: keras_tuner.HyperParameters,
        data: Split,
        **arguments: Any,
    ) -> Any:
        """Call a hypermodel's own `fit` as KerasTuner does.

        Such a `fit` may set `batch_size` or `epochs` itself; Python then refuses ours, and it is
        called again without it. Where a strategy decides the epochs it must not set them.
        """
        arguments |= {"batch_size": self._batch_size(hyperparameters), "verbose": 0}
        while True:
            try:
                return self.hypermodel.fit(hyperparameters, model, data.x, data.y, **arguments)
            except TypeError as error:
                name = _doubled_argument(error)
                if name not in {"batch_size", "epochs", "verbose"} & arguments.keys():
                    raise
                if name == "epochs" and "tuner/epochs" in hyperparameters.values:
                    raise keras_tuner.errors.FatalTypeError(
                        "the hypermodel's fit() sets its own epochs, which Hyperband must set; "
                        "leave epochs to the arguments it is given"
                    ) from error
                del arguments[name]

    def _batch_size(self, hyperparameters: keras_tuner.HyperParameters) -> int:
        return int(hyperparameters.values.get("batch_size", self.batch_size))


class _BestEpoch(keras.callbacks.Callback):
    """Reports every epoch and keeps the weights of the best one, in memory.

    Args:
        objective: The metric whose best epoch counts.
        on_epoch_end: Told of every epoch.
        objective_in_logs: Whether every epoch must report the objective; a hypermodel's own
            `fit` may return it at the end instead.
    """

    def __init__(
        self,
        objective: keras_tuner.Objective,
        on_epoch_end: EpochListener,
        *,
        objective_in_logs: bool,
    ) -> None:
        super().__init__()
        self._objective = objective
        self._on_epoch_end = on_epoch_end
        self._objective_in_logs = objective_in_logs
        self._history: dict[int, dict[str, float]] = {}
        self._best_epoch: int | None = None
        self._weights: Weights | None = None
        self._returned: Mapping[str, float] | None = None

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        values = {name: float(value) for name, value in (logs or {}).items()}
        self._history[epoch] = values
        self._on_epoch_end(epoch, values)
        if self._objective_in_logs:
            _check_objective(values, self._objective)
        score = values.get(self._objective.name, math.nan)
        if math.isfinite(score) and self._is_best(score):
            self._best_epoch, self._weights = epoch, Weights.of(self.model)

    def objective_check(self) -> keras.callbacks.Callback:
        """Return a callback that ends the training like this one if the objective is missing."""

        def on_epoch_end(epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            if self._objective_in_logs and self._objective.name not in (logs or {}):
                self.on_epoch_end(epoch, logs)

        return keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)

    def take(self, returned: Any, model: keras.Model) -> None:
        """Take what `fit` returned where the epochs did not tell it."""
        if isinstance(returned, keras.callbacks.History):
            if self._history:
                _check_objective(next(iter(self._history.values())), self._objective)
                return
            self.set_model(model)
            for index, epoch in enumerate(returned.epoch):
                logs = {name: values[index] for name, values in returned.history.items()}
                _check_objective(logs, self._objective)
                self.on_epoch_end(epoch, logs)
            return
        if isinstance(returned, float | int | np.number):
            returned = {self._objective.name: returned}
        if not isinstance(returned, Mapping):
            raise keras_tuner.errors.FatalTypeError(
                "the hypermodel's fit() must return a History, a dictionary of metrics or the "
                f"objective as a number; received {returned!r} of type {type(returned).__name__}"
            )
        values = {name: float(value) for name, value in returned.items()}
        _check_objective(values, self._objective)
        self._returned = values
        if self._weights is None or not self._history:
            self._weights = Weights.of(model)

    def result(self, initial_epoch: int) -> TrainingResult:
        """Return the best epoch's result."""
        if self._returned is not None:
            metrics = self._returned
        elif self._best_epoch is not None:
            metrics = self._history[self._best_epoch]
        else:
            metrics = {}
        score = metrics.get(self._objective.name, math.nan)
        if not math.isfinite(score) or self._weights is None:
            raise DivergedError(self._divergence(initial_epoch))
        return TrainingResult(score, self._best_epoch, metrics, len(self._history), self._weights)

    def _is_best(self, score: float) -> bool:
        if self._best_epoch is None:
            return True
        best = self._history[self._best_epoch][self._objective.name]
        return bool(self._objective.better_than(score, best))

    def _divergence(self, initial_epoch: int) -> str:
        name = self._objective.name
        if self._returned is not None:
            return f"{name} is not a finite number: {self._returned[name]}"
        if not self._history:
            return f"no epoch was trained from epoch {initial_epoch} on, so {name} has no value"
        values = ", ".join(f"{logs[name]}" for logs in list(self._history.values())[:3])
        return f"{name} was not a finite number at any of {len(self._history)} epochs ({values})"


def _check_objective(values: Mapping[str, Any], objective: keras_tuner.Objective) -> None:
    if objective.name not in values:
        raise ObjectiveNotFoundError(
            f"objective.name={objective.name} is not reported by the model; "
            f"allowed: {', '.join(sorted(values)) or 'nothing, as no metric is reported'}"
        )


def _has_own_fit(hypermodel: keras_tuner.HyperModel) -> bool:
    return type(hypermodel).fit is not keras_tuner.HyperModel.fit


def _doubled_argument(error: TypeError) -> str | None:
    match = re.search(r"got multiple values for keyword argument '(\w+)'", str(error))
    return match[1] if match else None


def _pair(split: Split) -> tuple[Inputs, np.ndarray]:
    return split.x, split.y


def _first_example(inputs: Inputs) -> Any:
    if isinstance(inputs, Mapping):
        return {name: keras.ops.convert_to_tensor(column[:1]) for name, column in inputs.items()}
    return keras.ops.convert_to_tensor(inputs[:1])
