"""One execution of a trial: build a model, train it, keep the best epoch's weights."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import keras
import keras_tuner

from pipeline.batches import Examples
from pipeline.best_epoch import BestEpoch, EpochListener, in_order
from pipeline.checkpoint import Checkpoint
from pipeline.datasets import Dataset, Split
from pipeline.features import Features
from pipeline.fitting import Fitting
from pipeline.frozen import FrozenPart, NotReusableError, find_frozen_part
from pipeline.notices import Notices
from pipeline.own_epochs import OwnEpochs
from pipeline.own_fit import OwnFit, Start, has_own_fit, told_once
from pipeline.release import build_state, forget_consumers, gradients_released
from pipeline.results import TrainingResult
from pipeline.seeds import derive_seed
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
    traces: Traces = field(default_factory=Traces, init=False)

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
            return self._train(execution, on_epoch_end, should_stop)

    def _train(
        self, execution: Execution, on_epoch_end: EpochListener, should_stop: Callable[[], bool]
    ) -> TrainingResult:
        if has_own_fit(self.hypermodel):
            watcher = self._train_itself(execution, on_epoch_end, should_stop)
            return watcher.result(execution.initial_epoch)
        told = functools.partial(BestEpoch, self.objective, on_epoch_end, should_stop)
        fitting = self._fitting(self._begun(execution), self.dataset.train, self.dataset.validation)
        return self._fit(fitting, execution, told).result(execution.initial_epoch)

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
        data = self.dataset.training_data()
        if has_own_fit(self.hypermodel):
            begun, _ = self._own_fit.call(
                hyperparameters,
                data,
                lambda: Start(self.build(hyperparameters, seed)),
                epochs=epochs,
            )
            model = begun.model
        else:
            model = self.build(hyperparameters, seed)
            build_optimizer(model)
            fitting, batch_size = self._fitting(model, data), self._batch_size(hyperparameters)
            fitting.run(
                batch_size=batch_size,
                steps_per_execution=fitting.steps_per_execution(
                    batch_size=batch_size, epochs=epochs
                ),
                seed=seed,
                epochs=epochs,
            )
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
            model(self._examples(self.dataset.train).first()[0])
        return model

    def _begun(self, execution: Execution) -> keras.Model:
        """Build an execution's model, with the weights that it starts from."""
        model = self.build(execution.hyperparameters, execution.seed)
        build_optimizer(model)
        if execution.weights is not None:
            self._give(execution.weights, model)
        return model

    def _give(self, weights: Weights, model: keras.Model) -> None:
        """Give a model weights, and its optimizer their state, if a `fit` has not compiled anew."""
        known = weights.for_optimizer_of(model) if has_own_fit(self.hypermodel) else weights
        known.apply(model)

    def _fitting(
        self, model: keras.Model, train: Split, validation: Split | None = None
    ) -> Fitting:
        """Return what is trained: what follows the frozen part of a model, if there is one."""

        def fed(examples: Callable[[Split], Examples], part: FrozenPart | None = None) -> Fitting:
            validated = None if validation is None else examples(validation)
            return Fitting.compiled(model, examples(train), validated, part)

        features = self.features
        if features is not None and model.compiled:
            try:
                if (part := self._frozen_part(model)) is not None:
                    return fed(functools.partial(features.of, part), part)
            except NotReusableError as error:
                features.refuse(str(error))
        return fed(self._examples)

    def _frozen_part(self, model: keras.Model) -> FrozenPart | None:
        part = find_frozen_part(model)
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
        callbacks, batch_size = self.callbacks(), self._batch_size(execution.hyperparameters)
        steps = fitting.steps_per_execution(
            callbacks, batch_size=batch_size, epochs=execution.epochs
        )
        with self.traces.reused(fitting, steps) as used:
            if used is fitting:
                build_state(used.trained, *used.train.first())
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
            watcher.keep(checkpoint, callbacks)
            if (state := checkpoint.load()) is not None:
                state.current.apply_all(fitting.trained)
                watcher.restore(state)
                return execution.epochs if state.stopped else max(state.logs) + 1
        return execution.initial_epoch

    @functools.cached_property
    def _own_fit(self) -> OwnFit:
        validation, batch_size = self.dataset.validation, self._batch_size
        return OwnFit(self.hypermodel, validation, batch_size, self.notices)

    def _train_itself(
        self, execution: Execution, on_epoch_end: EpochListener, should_stop: Callable[[], bool]
    ) -> OwnEpochs:
        """Let the hypermodel train, and return what watched it."""
        tell, initial_epoch = told_once(on_epoch_end), execution.initial_epoch

        def start() -> Start:
            model = self._begun(execution)
            # For what it says of features: loss and metrics wait for the targets `fit` prepares.
            self._fitting(model, self.dataset.train)
            watcher = OwnEpochs(self.objective, tell, should_stop, initial_epoch=initial_epoch)
            return Start(model, in_order(self.callbacks(), watcher), watcher)

        arguments = {"initial_epoch": initial_epoch} if initial_epoch else {}
        arguments["epochs"] = execution.epochs
        return self._own_fit.watched(
            execution.hyperparameters, self.dataset.train, start, **arguments
        )

    def _batch_size(self, hyperparameters: keras_tuner.HyperParameters) -> int:
        return int(hyperparameters.values.get("batch_size", self.batch_size))
