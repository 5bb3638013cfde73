"""One execution of a trial: build a model, train it, keep the best epoch's weights."""

import functools
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import keras_tuner

from pipeline.batches import Examples
from pipeline.best_epoch import BestEpoch, EpochListener
from pipeline.checkpoint import Checkpoint
from pipeline.datasets import Dataset, Split
from pipeline.feature_check import check_first_batch
from pipeline.features import Features
from pipeline.final_callbacks import TrainedRates, final_callbacks, named_failures
from pipeline.fitting import Fitting
from pipeline.frozen import FrozenPart, NotReusableError, find_frozen_part, has_frozen_weights
from pipeline.frozen_watch import FrozenPartChangedError, may_unfreeze
from pipeline.notices import Notices
from pipeline.own_fit import call_own_fit, has_own_fit
from pipeline.release import build_state, forget_consumers, gradients_released
from pipeline.results import TrainingResult
from pipeline.seeds import derive_seed
from pipeline.throughput import Throughput
from pipeline.traces import Traces
from pipeline.weights import Weights, build_optimizer


@dataclass(frozen=True)
class Execution:
    """What to train: everything that differs between two executions.

    Attributes:
        hyperparameters: The trial's values with their search space.
        seed: Seed of the weights, the shuffling and the dropout.
        initial_epoch: Absolute epoch at which the training starts.
        epochs: Absolute epoch before which it ends.
        weights: Weights to start from; None starts from fresh ones.
        checkpoint: Where the training's state is kept while it runs, and continued from if there
            is one of an earlier process; None keeps none.
    """

    hyperparameters: keras_tuner.HyperParameters
    seed: int
    initial_epoch: int
    epochs: int
    weights: Weights | None = None
    checkpoint: Path | None = None


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
            try:
                return self._train(execution, on_epoch_end, should_stop)
            except FrozenPartChangedError as error:
                assert self.features is not None, "only a training on features is watched"
                self.features.give_up(str(error))
                return self._train(execution, on_epoch_end, should_stop)

    def _train(
        self, execution: Execution, on_epoch_end: EpochListener, should_stop: Callable[[], bool]
    ) -> TrainingResult:
        model = self.build(execution.hyperparameters, execution.seed)
        if execution.weights is not None:
            execution.weights.apply(model)
        fitting = self._fitting(model, self.dataset.train, self.dataset.validation)
        told = functools.partial(BestEpoch, self.objective, on_epoch_end, should_stop)
        if has_own_fit(self.hypermodel):
            if not has_frozen_weights(model):  # which it may unfreeze before it trains
                build_state(model, fitting.train)
            watcher = told(objective_in_logs=False)
            watcher.take(self._run_own_fit(model, execution, watcher), model)
        else:
            watcher = self._fit(fitting, execution, told)
        return watcher.result(execution.initial_epoch)

    def retrain(
        self,
        hyperparameters: keras_tuner.HyperParameters,
        *,
        epochs: int,
        seed: int,
        rates: TrainedRates | None = None,
    ) -> keras.Model:
        """Train and return a fresh model on training and validation data, without validation.

        Args:
            hyperparameters: The values to build it from.
            epochs: Number of epochs, unless a callback that monitors the training ends it.
            seed: As in `Execution`.
            rates: The learning rates of the trial, of which `final_callbacks` says more.
        """
        model, size = self.build(hyperparameters, seed), self.batch_size_of(hyperparameters)
        data = self.dataset.training_data()
        callbacks = final_callbacks(self.callbacks(), rates or TrainedRates(), self.notices)
        with named_failures(callbacks):
            if has_own_fit(self.hypermodel):  # it is given the validation data all the same
                self._own_fit(model, hyperparameters, data, epochs=epochs, callbacks=callbacks)
            else:
                fitting, length = self._fitting(model, data), {"batch_size": size, "epochs": epochs}
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
        forget_consumers(model)
        if getattr(model, "inputs", None) is None:
            # A subclassed model has no weights to set or save before it has seen data.
            model(self._examples(self.dataset.train).first()[0])
        return model

    def _fitting(
        self, model: keras.Model, train: Split, validation: Split | None = None
    ) -> Fitting:
        """Return what is trained: what follows the frozen part of a model, if there is one."""

        def fed(examples: Callable[[Split], Examples], part: FrozenPart | None = None) -> Fitting:
            validated = None if validation is None else examples(validation)
            return Fitting.compiled(model, examples(train), validated, part, self.throughput)

        features = self.features
        if features is not None and model.compiled:
            try:
                if (part := self._frozen_part(model)) is not None:
                    fitting = fed(functools.partial(features.of, part), part)
                    halved = features.half_precision
                    compare = functools.partial(
                        check_first_batch, fitting, train, half_precision=halved
                    )
                    features.check(part, compare)
                    return fitting
            except NotReusableError as error:
                features.refuse(str(error))
        return fed(self._examples)

    def _frozen_part(self, model: keras.Model) -> FrozenPart | None:
        part = find_frozen_part(model)
        if part is not None and self.features is not None and self.features.given_up is not None:
            if part.weights:
                raise NotReusableError(self.features.given_up)
            return None
        if part is not None and has_own_fit(self.hypermodel):
            if part.weights:
                raise NotReusableError("its hypermodel has a fit of its own")
            return None
        return part

    @functools.cached_property
    def _resident(self) -> dict[int, tuple[Split, Examples]]:
        """The splits that stay in memory, by identity."""
        return {}

    def _examples(self, split: Split) -> Examples:
        """Return a split as it stays in memory, ready to be fed to every model."""
        if id(split) not in self._resident:
            self._resident[id(split)] = (split, Examples.of(split))
        return self._resident[id(split)][1]

    def _fit(
        self, fitting: Fitting, execution: Execution, told: Callable[..., BestEpoch]
    ) -> BestEpoch:
        """Train as Keras does, and return what watched it."""
        callbacks, batch_size = self.callbacks(), self.batch_size_of(execution.hyperparameters)
        steps = fitting.steps_per_execution(
            callbacks, batch_size=batch_size, epochs=execution.epochs
        )
        unfreezes = fitting.part is None and may_unfreeze(fitting.model, callbacks)
        with nullcontext(fitting) if unfreezes else self.traces.reused(fitting, steps) as used:
            watcher = told(part=used.part, objective_in_logs=True)
            initial_epoch = self._continue(used, execution, watcher, callbacks)
            if initial_epoch < execution.epochs:
                used.run(
                    _in_order(callbacks, watcher),
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

    def _run_own_fit(self, model: keras.Model, execution: Execution, watcher: BestEpoch) -> Any:
        arguments: dict[str, Any] = {
            "callbacks": _in_order(self.callbacks(), watcher),
            "epochs": execution.epochs,
        }
        if execution.initial_epoch:
            arguments["initial_epoch"] = execution.initial_epoch
        return self._own_fit(model, execution.hyperparameters, self.dataset.train, **arguments)

    def _own_fit(
        self,
        model: keras.Model,
        hyperparameters: keras_tuner.HyperParameters,
        data: Split,
        **arguments: Any,
    ) -> Any:
        validation = (self.dataset.validation.x, self.dataset.validation.y)
        arguments |= {
            "batch_size": self.batch_size_of(hyperparameters),
            "validation_data": validation,
        }
        return call_own_fit(self.hypermodel, hyperparameters, model, data, **arguments)

    def batch_size_of(self, hyperparameters: keras_tuner.HyperParameters) -> int:
        """Return the examples a step of a trial: its hyperparameter, or the search's setting."""
        return int(hyperparameters.values.get("batch_size", self.batch_size))


def _in_order(
    callbacks: list[keras.callbacks.Callback], watcher: BestEpoch
) -> list[keras.callbacks.Callback]:
    """Return the callbacks with the watcher last, and its check of the objective first."""
    if all(type(callback).__module__.startswith(("keras.", "pipeline.")) for callback in callbacks):
        # Callbacks of others may add metrics; Keras's would warn that they miss the objective.
        return [watcher.objective_check(), *callbacks, watcher]
    return [*callbacks, watcher]
