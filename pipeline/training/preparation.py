"""Decides what of a model is trained, and how: the whole on raw examples, or its head on features.

Raw examples become tensors once in a search.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import keras

from pipeline.datasets.batches import Examples
from pipeline.datasets.dataset import Dataset
from pipeline.datasets.splits import Split
from pipeline.datasets.structures import lies_in_a_file
from pipeline.frozen.features import Features
from pipeline.frozen.part import (
    FrozenPart,
    NotReusableError,
    find_frozen_part,
    has_frozen_weights,
)
from pipeline.frozen.watch import FrozenPartChangedError
from pipeline.training.feature_check import check_first_batch
from pipeline.training.fitting import Fitting
from pipeline.training.throughput import Throughput
from pipeline.training.traces import Traces
from pipeline.training.weights import build_optimizer


@dataclass(frozen=True)
class Preparation:
    """Prepares the trainings of one search.

    Attributes:
        dataset: What models are trained and validated on.
        features: What frozen parts of models give for the dataset; None trains models as a whole.
        own_fit: Whether the hypermodel trains its models in a way of its own.
        throughput: How much models are given at once.
        traces: The traced models that may be trained again.
    """

    dataset: Dataset
    features: Features | None
    own_fit: bool
    throughput: Throughput
    traces: Traces
    _resident: dict[int, tuple[Split, Examples]] = field(default_factory=dict, init=False)

    @contextlib.contextmanager
    def of_execution(
        self,
        model: keras.Model,
        callbacks: Callable[[], Sequence[keras.callbacks.Callback]],
        *,
        batch_size: int,
        epochs: int,
    ) -> Iterator[Fitting]:
        """Choose how a model is trained that is validated; the block runs it.

        Args:
            model: A built model, with the weights it is to start from.
            callbacks: Makes the Keras callbacks; called once.
            batch_size: Examples a step.
            epochs: Absolute number of the epoch before which the training will end.

        Yields:
            What is trained: of the model, or of an equal one that was traced before.
        """
        fitting = self.fitting(model, self.dataset.train, self.dataset.validation)
        fitting = fitting.planned(callbacks(), batch_size=batch_size, epochs=epochs)
        if fitting.unfreezes:
            yield fitting
        else:
            with self.traces.reused(fitting) as used:
                yield used

    def of_final_model(
        self,
        model: keras.Model,
        callbacks: Sequence[keras.callbacks.Callback],
        *,
        batch_size: int,
        epochs: int,
    ) -> Fitting:
        """Choose how a model is trained on training and validation data, without validation.

        Its trace is not reused: the model that is given is the one that is trained.
        """
        fitting = self.fitting(model, self.dataset.training_data())
        fitting = fitting.planned(callbacks, batch_size=batch_size, epochs=epochs)
        if not fitting.unfreezes:
            build_optimizer(model)
        return fitting

    def of_own_fit(self, model: keras.Model) -> None:
        """Prepare a model for its hypermodel's own `fit`, and say what it has of features."""
        if not has_frozen_weights(model):  # which it may unfreeze before it trains
            build_optimizer(model)
        # Loss and metrics wait for the targets that `fit` prepares.
        self.fitting(model, self.dataset.train)

    def give_up_features(self, error: FrozenPartChangedError) -> None:
        """Train all models of the search as a whole from now on."""
        assert self.features is not None, "only a training on features is watched"
        self.features.give_up(str(error))

    def fitting(self, model: keras.Model, train: Split, validation: Split | None = None) -> Fitting:
        """Return what is trained: what follows the frozen part of a model, if there is one.

        Args:
            model: A built model.
            train: What it is trained on.
            validation: What it is validated on, if anything.
        """
        features = self.features
        if features is not None and model.compiled:
            try:
                part = self._frozen_part(model, features)
                if part is not None:
                    return self._on_features(features, part, model, train, validation)
            except NotReusableError as error:
                features.refuse(str(error))
        return self._fed(self.examples, model, train, validation)

    def examples(self, split: Split) -> Examples:
        """Return a split as it stays in memory, ready to be fed to every model."""
        if id(split) not in self._resident:
            self._resident[id(split)] = (split, Examples.of(split))
        return self._resident[id(split)][1]

    def _on_features(
        self,
        features: Features,
        part: FrozenPart,
        model: keras.Model,
        train: Split,
        validation: Split | None,
    ) -> Fitting:
        fitting = self._fed(functools.partial(features.of, part), model, train, validation, part)
        halved = features.half_precision
        compare = functools.partial(check_first_batch, fitting, train, half_precision=halved)
        features.check(part, compare)
        return fitting

    def _fed(
        self,
        examples: Callable[[Split], Examples],
        model: keras.Model,
        train: Split,
        validation: Split | None,
        part: FrozenPart | None = None,
    ) -> Fitting:
        validated = None if validation is None else examples(validation)
        return Fitting.compiled(model, examples(train), validated, part, self.throughput)

    def _frozen_part(self, model: keras.Model, features: Features) -> FrozenPart | None:
        part = find_frozen_part(model)
        if part is not None and not part.weights and lies_in_a_file(self.dataset.train.x):
            return None  # a scaling costs less than to keep a copy of what memory may not hold
        obstacle = "its hypermodel has a fit of its own" if self.own_fit else features.given_up
        if part is None or obstacle is None:
            return part
        if part.weights:
            raise NotReusableError(obstacle)
        return None
