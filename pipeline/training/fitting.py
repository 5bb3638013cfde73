"""What of a model is trained, on what and how: all of it, or what follows its frozen part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from pipeline.datasets.feed import AnyExamples, Epochs, Feed
from pipeline.frozen.part import FrozenPart
from pipeline.frozen.watch import may_unfreeze, watches
from pipeline.training.compile_arguments import compile_arguments
from pipeline.training.stateful import Forgetting, forget_batches, stateful_layers
from pipeline.training.throughput import Throughput, makes_its_steps

_FAST = Throughput()


@dataclass(frozen=True, eq=False)
class Fitting:
    """A compiled model, the examples that it is trained and validated on, and in which steps.

    Attributes:
        model: The whole model.
        train: What it is trained on: features, if there is a frozen part.
        validation: What it is validated on after every epoch, if anything.
        part: The frozen part, of which the examples are the features.
        throughput: How much the model is given at once.
        callbacks: What watches its training, beside what the training itself needs.
        batch_size: Examples a step; until it is planned, and with the steps a call, Keras's.
        steps_per_execution: Steps that a compiled call takes.
    """

    model: keras.Model
    train: AnyExamples
    validation: AnyExamples | None = None
    part: FrozenPart | None = None
    throughput: Throughput = _FAST
    callbacks: Sequence[keras.callbacks.Callback] = ()
    batch_size: int = 32
    steps_per_execution: int = 1

    @classmethod
    def compiled(
        cls,
        model: keras.Model,
        train: AnyExamples,
        validation: AnyExamples | None = None,
        part: FrozenPart | None = None,
        throughput: Throughput = _FAST,
    ) -> "Fitting":
        """Compile what follows the frozen part, if there is one, as the whole model is compiled."""
        if part is not None:  # losses and metrics go over as they are, the optimizer is shared
            shared = {"optimizer": model.optimizer, "auto_scale_loss": False}
            part.head.compile(**(compile_arguments(model) | shared))
        return cls(model, train, validation, part, throughput)

    @property
    def trained(self) -> keras.Model:
        """The model that is given the examples."""
        return self.model if self.part is None else self.part.head

    @property
    def unfreezes(self) -> bool:
        """Whether the whole model is trained, and a callback may unfreeze layers of it."""
        return self.part is None and may_unfreeze(self.model, self.callbacks)

    def planned(
        self, callbacks: Sequence[keras.callbacks.Callback], *, batch_size: int, epochs: int
    ) -> "Fitting":
        """Return it with callbacks, and with the steps that a compiled call should take.

        Args:
            callbacks: Keras callbacks, as the configuration names them.
            batch_size: Examples a step.
            epochs: Absolute number of the epoch before which the training will end.
        """
        steps = self.train.steps(batch_size)
        at_once = self.throughput.steps(self.trained, callbacks, steps=steps, epochs=epochs)
        return replace(
            self, callbacks=callbacks, batch_size=batch_size, steps_per_execution=at_once
        )

    def run(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        *,
        seed: int,
        initial_epoch: int = 0,
        epochs: int,
    ) -> None:
        """Train as `keras.Model.fit` does; callbacks see the whole model.

        Args:
            callbacks: Its callbacks, in order, with those that the training itself needs.
            seed: What decides the order of the examples, which stateful layers are given as it is.
            initial_epoch: Absolute number of the first epoch.
            epochs: Absolute number of the epoch before which the training ends; if the first one
                is not before it, there is nothing left to train.
        """
        if initial_epoch >= epochs:
            self._end_again(callbacks, epochs=epochs)
            return
        trained, steps = self.trained, self.train.steps(self.batch_size)
        trained.steps_per_execution = self.steps_per_execution
        # What asks for more batches than an epoch has would be given the next one's.
        exact = makes_its_steps(trained) or bool(steps % self.steps_per_execution)
        feed = self.train.feed(self.batch_size, Epochs(seed, initial_epoch, epochs, exact))
        if stateful_layers(trained):
            feed = Feed(self.train.in_order(self.batch_size), callbacks=[Forgetting()])
        callbacks = [*feed.callbacks, *callbacks]
        with self.throughput.stepping(trained.optimizer):
            trained.fit(
                x=feed.x,
                steps_per_epoch=feed.steps_per_epoch,
                shuffle=False,  # done already
                validation_data=self._validation_batches(callbacks),
                callbacks=self._told_of_the_whole(callbacks, epochs=epochs, steps=steps, verbose=0),
                verbose=0,
                initial_epoch=initial_epoch,
                epochs=epochs,
            )

    def tested(self) -> dict[str, Any]:
        """Return what a validation reports of the model as it is, named as an epoch reports it."""
        forget_batches(self.trained)
        batches = self._validation_batches(self.callbacks)
        values = self.trained.evaluate(batches, verbose=0, return_dict=True)
        return {f"val_{name}": value for name, value in values.items()}

    def _end_again(self, callbacks: Sequence[keras.callbacks.Callback], *, epochs: int) -> None:
        """End a training of which an earlier process trained all, as `keras.Model.fit` ends it."""
        told = keras.callbacks.CallbackList(
            list(callbacks), add_history=True, model=self.model, epochs=epochs, verbose=0
        )
        told.on_train_begin()
        if isinstance(self.trained.optimizer, keras.Optimizer):
            self.trained.optimizer.finalize_variable_values(self.trained.trainable_weights)
        told.on_train_end()

    def _validation_batches(self, callbacks: Sequence[keras.callbacks.Callback]) -> Any:
        if self.validation is None:
            return None
        size = self.throughput.validation(self.trained, callbacks, self.batch_size)
        return self.validation.in_order(size)

    def _told_of_the_whole(
        self, callbacks: Sequence[keras.callbacks.Callback], **params: int
    ) -> Any:
        """Return callbacks whose model is the whole one, although its head is trained."""
        if self.part is None:
            return list(callbacks)
        self.model.stop_training = False
        told = keras.callbacks.CallbackList(
            [*callbacks, *watches(self.part, callbacks), _StopToo(self.part.head)],
            add_history=True,
            model=self.model,
            **params,
        )
        self.part.head.history = self.model.history
        return told


class _StopToo(keras.callbacks.Callback):
    """Stops the training of the head when a callback has stopped that of the whole model."""

    def __init__(self, head: keras.Model) -> None:
        super().__init__()
        self._head = head

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        self._head.stop_training = self.model.stop_training

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        self._head.stop_training = self.model.stop_training
