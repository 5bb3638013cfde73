"""Decides what of a model is trained: the whole on raw examples, or its head on features.

Raw examples become tensors once in a search.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

import keras

from pipeline.datasets.batches import Examples
from pipeline.datasets.splits import Split
from pipeline.frozen.features import Features
from pipeline.frozen.part import FrozenPart, NotReusableError, find_frozen_part
from pipeline.training.feature_check import check_first_batch
from pipeline.training.fitting import Fitting
from pipeline.training.throughput import Throughput


@dataclass(frozen=True)
class Preparation:
    """Prepares the trainings of one search.

    Attributes:
        features: What frozen parts of models give for the dataset; None trains models as a whole.
        own_fit: Whether the hypermodel trains its models in a way of its own.
        throughput: How much models are given at once.
    """

    features: Features | None
    own_fit: bool
    throughput: Throughput
    _resident: dict[int, tuple[Split, Examples]] = field(default_factory=dict, init=False)

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
        obstacle = "its hypermodel has a fit of its own" if self.own_fit else features.given_up
        if part is None or obstacle is None:
            return part
        if part.weights:
            raise NotReusableError(obstacle)
        return None
