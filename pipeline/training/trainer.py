"""One execution of a trial: build a model, train it, keep the best epoch's weights."""

import functools
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

import keras
import keras_tuner

from pipeline.datasets.dataset import Dataset
from pipeline.frozen.features import Features
from pipeline.frozen.part import has_frozen_weights
from pipeline.frozen.watch import FrozenPartChangedError, may_unfreeze
from pipeline.seeds import derive_seed
from pipeline.training.best_epoch import BestEpoch, EpochListener, in_order
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.execution import Execution
from pipeline.training.final_callbacks import (
    TrainedRates,
    final_callbacks,
    keep_traces_of_callbacks,
    named_failures,
)
from pipeline.training.fitting import Fitting
from pipeline.training.notices import Notices
from pipeline.training.own_epochs import OwnEpochs
from pipeline.training.own_fit import OwnFit, Start, has_own_fit, told_once
from pipeline.training.preparation import Preparation
from pipeline.training.release import forget_consumers, gradients_released
from pipeline.training.results import TrainingResult
from pipeline.training.throughput import Throughput
from pipeline.training.traces import Traces
from pipeline.training.weights import Weights, build_optimizer

__all__ = ["Execution", "Trainer"]

Result = TypeVar("Result")


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
        checkpoint_seconds: Least time between two writes of a training's state.
        features: What frozen parts of models give for the dataset; None trains models as a whole.
        notices: Told what whoever runs the search should know.
        throughput: How much models are given at once.
        traces: The traced models that may be trained again.
    """

    hypermodel: keras_tuner.HyperModel
    dataset: Dataset
    objective: keras_tuner.Objective
    batch_size: int
    callbacks: Callable[[], list[keras.callbacks.Callback]] = field(default=list)
    precision: str = "float32"
    checkpoint_seconds: float = 60.0
    features: Features | None = None
    notices: Notices = field(default_factory=Notices)
    throughput: Throughput = field(default_factory=Throughput)
    traces: Traces = field(default_factory=Traces)

    def train(
        self,
        execution: Execution,
        on_epoch_end: EpochListener,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> TrainingResult:
        """Train one execution, or continue it from its checkpoint.

        A hypermodel's own `fit` may do anything, so that its training is not continued: it starts
        again from its first epoch.

        Args:
            execution: What to train.
            on_epoch_end: Told of every epoch: its absolute number and Keras's logs; those that an
                earlier process trained are told again.
            should_stop: Asked at the end of every epoch whether to end the training there.

        Returns:
            The best epoch's result.

        Raises:
            DivergedError: The objective was never a finite number.
            ObjectiveNotFoundError: The model does not report the objective.
            KeyboardInterrupt: `should_stop` said so; the checkpoint has the epoch.
            StorageError: The checkpoint cannot be written.
            DamagedFileError: The checkpoint cannot be read.
        """
        with gradients_released():
            return self._unless_it_unfreezes(
                lambda: self._train(execution, on_epoch_end, should_stop)
            )

    def _train(
        self, execution: Execution, on_epoch_end: EpochListener, should_stop: Callable[[], bool]
    ) -> TrainingResult:
        if has_own_fit(self.hypermodel):
            watcher = self._train_itself(execution, on_epoch_end, should_stop)
            return watcher.result(execution.initial_epoch)
        told = functools.partial(BestEpoch, self.objective, on_epoch_end, should_stop)
        data, model = self.dataset, self._begun(execution)
        fitting = self._preparation.fitting(model, data.train, data.validation)
        return self._fit(fitting, execution, told).result(execution.initial_epoch)

    def retrain(
        self,
        hyperparameters: keras_tuner.HyperParameters,
        *,
        epochs: int,
        seed: int,
        rates: TrainedRates | None = None,
        planned: int | None = None,
    ) -> keras.Model:
        """Train and return a fresh model on training and validation data, without validation.

        Args:
            hyperparameters: The values to build it from.
            epochs: Number of epochs, unless a callback that monitors the training ends it.
            seed: As in `Execution`.
            rates: The learning rates of the trial, of which `final_callbacks` says more.
            planned: What a `fit` of its own is told to train, if it is to end after `epochs` of
                its phases together.
        """
        made: list[keras.callbacks.Callback] = []

        def start() -> Start:
            model = self.build(hyperparameters, seed)
            fresh = final_callbacks(self.callbacks(), rates or TrainedRates(), self.notices)
            made.extend(fresh)
            keep_traces_of_callbacks()  # a session of Keras that is cleared forgets it
            return Start(model, fresh)

        with named_failures(made):
            if not has_own_fit(self.hypermodel):
                size = self.batch_size_of(hyperparameters)
                return self._unless_it_unfreezes(
                    lambda: self._retrain(start(), batch_size=size, epochs=epochs, seed=seed)
                )
            wanted = epochs if planned is None else planned
            data = self.dataset.training_data()
            return self._own_fit.ended_after(epochs, hyperparameters, data, start, epochs=wanted)

    def _retrain(self, begun: Start, *, seed: int, **length: int) -> keras.Model:
        model, callbacks = begun.model, begun.callbacks
        fitting = self._preparation.fitting(model, self.dataset.training_data())
        if fitting.part is not None or not may_unfreeze(model, callbacks):
            build_optimizer(model)
        steps = fitting.steps_per_execution(callbacks, **length)
        fitting.run(callbacks, steps_per_execution=steps, seed=seed, **length)
        return model

    def restore(
        self, hyperparameters: keras_tuner.HyperParameters, weights: Weights, *, seed: int
    ) -> keras.Model:
        """Build a trial's model again and give it the weights it ended with."""
        model = self.build(hyperparameters, seed)
        self._give(weights, model)
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
        forget_consumers(model)
        if getattr(model, "inputs", None) is None:
            # A subclassed model has no weights to set or save before it has seen data.
            model(self._preparation.examples(self.dataset.train).first()[0])
        return model

    def batch_size_of(self, hyperparameters: keras_tuner.HyperParameters) -> int:
        """Return the examples a step of a trial: its hyperparameter, or the search's setting."""
        return int(hyperparameters.values.get("batch_size", self.batch_size))

    @functools.cached_property
    def _preparation(self) -> Preparation:
        return Preparation(self.features, has_own_fit(self.hypermodel), self.throughput)

    @functools.cached_property
    def _own_fit(self) -> OwnFit:
        validation = self.dataset.validation
        return OwnFit(self.hypermodel, validation, self.batch_size_of, self.notices)

    def _begun(self, execution: Execution) -> keras.Model:
        """Build an execution's model, with the weights that it starts from."""
        model = self.build(execution.hyperparameters, execution.seed)
        if execution.weights is not None:
            self._give(execution.weights, model)
        return model

    def _give(self, weights: Weights, model: keras.Model) -> None:
        """Give a model weights, and its optimizer their state, if a `fit` has not compiled anew."""
        known = weights.for_optimizer_of(model) if has_own_fit(self.hypermodel) else weights
        known.apply(model)

    def _unless_it_unfreezes(self, train: Callable[[], Result]) -> Result:
        """Train, and again as a whole if a callback changes what was thought to be frozen."""
        try:
            return train()
        except FrozenPartChangedError as error:
            assert self.features is not None, "only a training on features is watched"
            self.features.give_up(str(error))
            return train()

    def _fit(
        self, fitting: Fitting, execution: Execution, told: Callable[..., BestEpoch]
    ) -> BestEpoch:
        """Train as Keras does, and return what watched it."""
        callbacks, batch_size = self.callbacks(), self.batch_size_of(execution.hyperparameters)
        steps = fitting.steps_per_execution(
            callbacks, batch_size=batch_size, epochs=execution.epochs
        )
        unfreezes = fitting.part is None and may_unfreeze(fitting.model, callbacks)
        reused = functools.partial(self.traces.reused, fitting, steps, callbacks)
        with nullcontext(fitting) if unfreezes else reused() as used:
            watcher = told(part=used.part, objective_in_logs=True)
            initial_epoch = self._continue(used, execution, watcher, callbacks)
            if initial_epoch < execution.epochs:
                used.run(
                    in_order(callbacks, watcher),
                    batch_size=batch_size,
                    steps_per_execution=steps,
                    seed=execution.seed,
                    initial_epoch=initial_epoch,
                    epochs=execution.epochs,
                )
        return watcher

    def _continue(
        self,
        fitting: Fitting,
        execution: Execution,
        watcher: BestEpoch,
        callbacks: list[keras.callbacks.Callback],
    ) -> int:
        """Take over what an earlier process trained, if any; return the epoch to go on with."""
        if execution.checkpoint is not None:
            part = fitting.part
            seed = derive_seed(execution.seed, part.digest) if part else execution.seed
            checkpoint = Checkpoint(execution.checkpoint, seed, self.checkpoint_seconds)
            watcher.keep(checkpoint, callbacks, self.notices.tell)
            if (state := checkpoint.load()) is not None:
                state.current.apply_all(fitting.trained)
                watcher.restore(state)
                return execution.epochs if state.stopped else max(state.logs) + 1
        return execution.initial_epoch

    def _train_itself(
        self, execution: Execution, on_epoch_end: EpochListener, should_stop: Callable[[], bool]
    ) -> OwnEpochs:
        """Let the hypermodel train, and return what watched it."""
        tell, initial_epoch = told_once(on_epoch_end), execution.initial_epoch

        def start() -> Start:
            model = self._begun(execution)
            if not has_frozen_weights(model):  # which it may unfreeze before it trains
                build_optimizer(model)
            # For what it says of features: loss and metrics wait for the targets `fit` prepares.
            self._preparation.fitting(model, self.dataset.train)
            watcher = OwnEpochs(self.objective, tell, should_stop, initial_epoch=initial_epoch)
            return Start(model, in_order(self.callbacks(), watcher), watcher)

        arguments = {"initial_epoch": initial_epoch} if initial_epoch else {}
        arguments["epochs"] = execution.epochs
        return self._own_fit.watched(
            execution.hyperparameters, self.dataset.train, start, **arguments
        )
