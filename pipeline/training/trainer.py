"""One execution of a trial: build a model, train it, keep the best epoch's weights."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import keras_tuner

from pipeline.datasets.dataset import Dataset
from pipeline.datasets.given import to_fit
from pipeline.datasets.splits import Split
from pipeline.datasets.streams import Stream
from pipeline.frozen.features import Features
from pipeline.frozen.model_graph import fixed_batch_size
from pipeline.frozen.watch import FrozenPartChangedError
from pipeline.training.best_epoch import BestEpoch, EpochListener
from pipeline.training.building import Building
from pipeline.training.callback_files import leave_to_checkpoint
from pipeline.training.callback_folders import give_folder
from pipeline.training.callback_order import in_order
from pipeline.training.execution import Execution
from pipeline.training.failures import SentenceError
from pipeline.training.final_callbacks import FinalCallbacks, TrainedRates
from pipeline.training.notices import Notices
from pipeline.training.own_epochs import OwnEpochs
from pipeline.training.own_fit import OwnFit, Start, has_own_fit, told_once
from pipeline.training.own_preparation import prepared
from pipeline.training.preparation import Preparation
from pipeline.training.release import gradients_released
from pipeline.training.results import TrainingResult
from pipeline.training.stateful import uneven_batches
from pipeline.training.stopping import StopOf, never
from pipeline.training.throughput import Throughput
from pipeline.training.traces import Traces
from pipeline.training.weights import Weights

__all__ = ["Execution", "Trainer"]

_FINAL = "final"  # where the callbacks of the final training write


@dataclass(frozen=True)
class Trainer:
    """Trains executions of one search; knows neither the oracle, nor MLflow, nor the terminal.

    Attributes:
        hypermodel: Builds the models, and may train them with its own `fit`.
        dataset: What they are trained and validated on.
        objective: The metric whose best epoch counts.
        batch_size: Examples a step, unless the hyperparameter `batch_size` says otherwise.
        compiled_with: Makes what models are compiled with in place of what the hypermodel says.
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
    compiled_with: Callable[[], Mapping[str, Any]] = field(default=dict)
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
        stop: StopOf = never,
    ) -> TrainingResult:
        """Train one execution, or continue it from its checkpoint.

        A hypermodel's own `fit` may do anything, so that its training is not continued: it starts
        again from its first epoch.

        Args:
            execution: What to train.
            on_epoch_end: Told of every epoch: its absolute number and Keras's logs; those that an
                earlier process trained are told again.
            stop: Asked at the end of every epoch whether the training stops there.

        Returns:
            The best epoch's result.

        Raises:
            DivergedError: The objective was never a finite number.
            ObjectiveNotFoundError: The model does not report the objective.
            KeyboardInterrupt: `stop` said so; the checkpoint has the epoch.
            PrunedError: `stop` said so.
            StorageError: The checkpoint cannot be written.
            DamagedFileError: The checkpoint cannot be read.
        """
        with gradients_released():
            if has_own_fit(self.hypermodel):
                return self._train_itself(execution, on_epoch_end, stop)
            try:
                return self._train(execution, on_epoch_end, stop)
            except FrozenPartChangedError as error:
                self._preparation.give_up_features(error)
                return self._train(execution, on_epoch_end, stop)

    def _train(
        self, execution: Execution, on_epoch_end: EpochListener, stop: StopOf
    ) -> TrainingResult:
        """Build, choose what is trained, go on or start, fit, and return what came of it."""
        hyperparameters, seed, epochs = execution.hyperparameters, execution.seed, execution.epochs
        model = self._building.build(hyperparameters, seed, execution.weights)
        size = self.batch_size_for(model, hyperparameters)
        if (reason := self.uneven_batches(model)) is not None:
            raise SentenceError(reason)
        callbacks = functools.partial(self.callbacks_of, execution)
        with self._preparation.of_execution(
            model, callbacks, batch_size=size, epochs=epochs
        ) as fitting:
            watcher = BestEpoch(self.objective, on_epoch_end, stop)
            first = watcher.begin(execution, fitting, self.checkpoint_seconds, self.notices.tell)
            told = in_order(fitting.callbacks, execution, self.notices.tell, watcher)
            fitting.run(told, seed=seed, initial_epoch=first, epochs=epochs)
            watcher.score_end(fitting.tested)
        return watcher.result(execution.initial_epoch)

    def _train_itself(
        self, execution: Execution, on_epoch_end: EpochListener, stop: StopOf
    ) -> TrainingResult:
        """Let the hypermodel train by its own `fit`, from the same start as often as it takes."""
        hyperparameters, initial_epoch = execution.hyperparameters, execution.initial_epoch
        tell = told_once(on_epoch_end)

        def start() -> Start:
            model = self._building.build(hyperparameters, execution.seed, execution.weights)
            self._preparation.of_own_fit(model)
            watcher = OwnEpochs(
                self.objective, tell, stop, initial_epoch=initial_epoch, model=model
            )
            made = self.callbacks_of(execution)
            return Start(model, in_order(made, execution, self.notices.tell, watcher), watcher)

        arguments = {"initial_epoch": initial_epoch} if initial_epoch else {}
        arguments["epochs"] = execution.epochs
        data = functools.partial(
            to_fit, self.dataset.train, seed=execution.seed, initial_epoch=initial_epoch
        )
        watcher = self._own_fit.watched(hyperparameters, data, start, **arguments)
        return watcher.result(initial_epoch)

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
        execution = Execution(hyperparameters, seed, 0, epochs, folder=_FINAL)
        make = functools.partial(self.callbacks_of, execution)
        final = FinalCallbacks(make, rates or TrainedRates(), self.notices)
        with final.named_failures():
            if has_own_fit(self.hypermodel):
                return self._retrain_itself(execution, final, planned)
            try:
                return self._retrain(execution, final)
            except FrozenPartChangedError as error:
                self._preparation.give_up_features(error)
                return self._retrain(execution, final)

    def _retrain(self, execution: Execution, final: FinalCallbacks) -> keras.Model:
        """Build, choose what is trained, fit from the start, and return the model."""
        hyperparameters, seed, epochs = execution.hyperparameters, execution.seed, execution.epochs
        model = self._building.build(hyperparameters, seed)
        size = self.batch_size_for(model, hyperparameters)
        callbacks = final.make()
        fitting = self._preparation.of_final_model(model, callbacks, batch_size=size, epochs=epochs)
        told = in_order(callbacks, execution, self.notices.tell)
        fitting.run(told, seed=seed, epochs=epochs)
        return model

    def _retrain_itself(
        self, execution: Execution, final: FinalCallbacks, planned: int | None
    ) -> keras.Model:
        """Let the hypermodel train the final model by its own `fit`."""
        hyperparameters, epochs = execution.hyperparameters, execution.epochs

        def start() -> Start:
            model = self._building.build(hyperparameters, execution.seed)
            return Start(model, in_order(final.make(), execution, self.notices.tell))

        data = functools.partial(to_fit, self.dataset.training_data(), seed=execution.seed)
        wanted = epochs if planned is None else planned
        return self._own_fit.ended_after(epochs, hyperparameters, data, start, epochs=wanted)

    def restore(
        self, hyperparameters: keras_tuner.HyperParameters, weights: Weights, *, seed: int
    ) -> keras.Model:
        """Build a trial's model again and give it the weights it ended with."""
        return self._building.build(hyperparameters, seed, weights)

    def as_validated(
        self, hyperparameters: keras_tuner.HyperParameters, split: Split | Stream
    ) -> Split | Stream:
        """Return a split as a trial's model is validated on it, as far as that can be told.

        A hypermodel's own `fit` may prepare it in a way of its own; else it is as it is.
        """
        if not has_own_fit(self.hypermodel) or not isinstance(split, Split):
            return split
        own_fit = OwnFit(self.hypermodel, split, self.batch_size_of, self.notices)
        build = functools.partial(self._building.build, hyperparameters, 0)
        train = functools.partial(to_fit, self.dataset.train, seed=0)
        made = prepared(own_fit, hyperparameters, train, build)
        return made if made is not None and len(made) == len(split) else split

    def callbacks_of(self, execution: Execution) -> list[keras.callbacks.Callback]:
        """Make the callbacks of an execution; what they write is in a folder of its own."""
        made = self.callbacks()
        for callback in made:
            leave_to_checkpoint(callback)
            if execution.folder is not None:
                give_folder(callback, execution.folder)
        return made

    def build(self, hyperparameters: keras_tuner.HyperParameters, seed: int) -> keras.Model:
        """Build a model with all its weights, seeded, in a fresh Keras session.

        Raises:
            TypeError: The hypermodel returned no Keras model.
        """
        return self._building.build(hyperparameters, seed)

    def batch_size_of(self, hyperparameters: keras_tuner.HyperParameters) -> int:
        """Return the examples a step of a trial: its hyperparameter, or the search's setting."""
        return int(hyperparameters.values.get("batch_size", self.batch_size))

    def batch_size_for(
        self, model: keras.Model, hyperparameters: keras_tuner.HyperParameters
    ) -> int:
        """Return the examples a step of a model: the only number it takes, or a trial's."""
        return fixed_batch_size(model) or self.batch_size_of(hyperparameters)

    def uneven_batches(self, model: keras.Model) -> str | None:
        """Say which split cannot be parted into batches that a model takes; None if all can."""
        data = self.dataset
        parts = {"training": data.train, "validation": data.validation, "test": data.test}
        return uneven_batches(model, {name: len(part) for name, part in parts.items()})

    @functools.cached_property
    def _building(self) -> Building:
        examples = functools.partial(self._preparation.examples, self.dataset.train)
        return Building(self.hypermodel, self.precision, examples, self.compiled_with)

    @functools.cached_property
    def _preparation(self) -> Preparation:
        own_fit = has_own_fit(self.hypermodel)
        return Preparation(self.dataset, self.features, own_fit, self.throughput, self.traces)

    @functools.cached_property
    def _own_fit(self) -> OwnFit:
        validation = self.dataset.validation
        return OwnFit(self.hypermodel, validation, self.batch_size_of, self.notices)
