"""Decides what of a model is trained, and how: the whole on raw examples, or its head on features.

Raw examples become tensors once in a search.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from pipeline.datasets.any_examples import examples_of
from pipeline.datasets.dataset import Dataset
from pipeline.datasets.feed import AnyExamples
from pipeline.datasets.splits import Split
from pipeline.datasets.streams import Data, Stream
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
    _resident: dict[int, tuple[Data, AnyExamples]] = field(default_factory=dict, init=False)

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
        # What is not built yet has no weights, and `fit` may unfreeze some before it trains.
        if model.built and not has_frozen_weights(model):
            build_optimizer(model)
        # Loss and metrics wait for the targets that `fit` prepares.
        self.fitting(model, self.dataset.train)

    def give_up_features(self, error: FrozenPartChangedError) -> None:
        """Train all models of the search as a whole from now on."""
        assert self.features is not None, "only a training on features is watched"
        self.features.give_up(str(error))

    def fitting(
        self, model: keras.Model, train: Data, validation: Split | Stream | None = None
    ) -> Fitting:
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
                    assert isinstance(train, Split), "streams have no features"
                    return self._on_features(features, part, model, train, validation)
            except NotReusableError as error:
                features.refuse(str(error))
        return self._fed(self.examples, model, train, validation)

    def examples(self, data: Data) -> AnyExamples:
        """Return examples as they stay in memory, ready to be fed to every model."""
        if id(data) not in self._resident:
            self._resident[id(data)] = (data, examples_of(data))
        return self._resident[id(data)][1]

    def _on_features(
        self,
        features: Features,
        part: FrozenPart,
        model: keras.Model,
        train: Split,
        validation: Split | Stream | None,
    ) -> Fitting:
        fitting = self._fed(functools.partial(features.of, part), model, train, validation, part)
        halved = features.half_precision
        compare = functools.partial(check_first_batch, fitting, train, half_precision=halved)
        features.check(part, compare)
        return fitting

    def _fed(
        self,
        examples: Callable[[Any], AnyExamples],
        model: keras.Model,
        train: Data,
        validation: Split | Stream | None,
        part: FrozenPart | None = None,
    ) -> Fitting:
        validated = None if validation is None else examples(validation)
        return Fitting.compiled(model, examples(train), validated, part, self.throughput)

    def _frozen_part(self, model: keras.Model, features: Features) -> FrozenPart | None:
        part, obstacle = find_frozen_part(model), features.given_up
        train = self.dataset.train
        mapped = isinstance(train, Split) and lies_in_a_file(train.x)
        if part is not None and not part.weights and mapped:
            return None  # a scaling costs less than to keep a copy of what memory may not hold
        if self.own_fit:
            obstacle = "its hypermodel has a fit of its own"
        elif not all(
            isinstance(one, Split) for one in (self.dataset.train, self.dataset.validation)
        ):
            obstacle = "its examples are a stream, which may give others in every epoch"
        if part is None or obstacle is None:
            return part
        if part.weights:
            raise NotReusableError(obstacle)
        return None
