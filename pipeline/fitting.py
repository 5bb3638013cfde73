"""What of a model is trained, and on what: all of it, or what follows its frozen part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from pipeline.batches import Examples
from pipeline.frozen import FrozenPart
from pipeline.fused_adam import fused
from pipeline.throughput import steps_per_execution, validation_batch_size


@dataclass(frozen=True, eq=False)
class Fitting:
    """A compiled model, and the examples that it is trained and validated on.

    Attributes:
        model: The whole model.
        train: What it is trained on: features, if there is a frozen part.
        validation: What it is validated on after every epoch, if anything.
        part: The frozen part, of which the examples are the features.
    """

    model: keras.Model
    train: Examples
    validation: Examples | None = None
    part: FrozenPart | None = None

    @classmethod
    def compiled(
        cls,
        model: keras.Model,
        train: Examples,
        validation: Examples | None = None,
        part: FrozenPart | None = None,
    ) -> "Fitting":
        """Compile what follows the frozen part, if there is one, as the whole model is compiled."""
        if part is not None:  # losses and metrics go over as they are, the optimizer is shared
            arguments = model._compile_config.config
            part.head.compile(
                **(arguments | {"optimizer": model.optimizer, "auto_scale_loss": False})
            )
        return cls(model, train, validation, part)

    @property
    def trained(self) -> keras.Model:
        """The model that is given the examples."""
        return self.model if self.part is None else self.part.head

    def steps_per_execution(
        self, callbacks: Sequence[keras.callbacks.Callback] = (), *, batch_size: int, epochs: int
    ) -> int:
        """Return how many steps a compiled call should take; see `throughput`."""
        steps = self.train.steps(batch_size)
        return steps_per_execution(self.trained, callbacks, steps=steps, epochs=epochs)

    def run(
        self,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        *,
        batch_size: int,
        steps_per_execution: int,
        seed: int,
        initial_epoch: int = 0,
        epochs: int,
    ) -> None:
        """Train as `keras.Model.fit` does; callbacks see the whole model.

        Args:
            callbacks: Keras callbacks.
            batch_size: Examples a step.
            steps_per_execution: Steps that a compiled call takes.
            seed: What decides the order of the examples.
            initial_epoch: Absolute number of the first epoch.
            epochs: Absolute number of the epoch before which the training ends.
        """
        trained, steps = self.trained, self.train.steps(batch_size)
        trained.steps_per_execution = steps_per_execution
        order = {"initial_epoch": initial_epoch, "epochs": epochs}
        with fused(trained.optimizer):
            trained.fit(
                self.train.shuffled(batch_size, seed=seed, **order),
                shuffle=False,  # done already
                steps_per_epoch=steps,
                validation_data=self._validation_batches(batch_size),
                callbacks=self._told_of_the_whole(callbacks, verbose=0, epochs=epochs, steps=steps),
                verbose=0,
                **order,
            )

    def _validation_batches(self, batch_size: int) -> Any:
        if self.validation is None:
            return None
        return self.validation.in_order(validation_batch_size(self.trained, batch_size))

    def _told_of_the_whole(
        self, callbacks: Sequence[keras.callbacks.Callback], **params: int
    ) -> Any:
        """Return callbacks whose model is the whole one, although its head is trained."""
        if self.part is None:
            return list(callbacks)
        self.model.stop_training = False
        told = keras.callbacks.CallbackList(
            [*callbacks, _StopToo(self.part.head)], add_history=True, model=self.model, **params
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
