"""Traced models that are trained again in place of equal new ones.

Keras traces the training step of every model anew, which takes longer than ten epochs of a small
one. But the trials of a search often share an architecture: the learning rate is a variable, and a
promoted trial is its parent with more epochs. A model that was trained before does what a new one
would do, once it has the values of all the new one's variables.
"""

import contextlib
from collections import ChainMap, OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import replace
from typing import NamedTuple

import keras

from pipeline.frozen.model_graph import layers_of, operations
from pipeline.frozen.part import FrozenPart
from pipeline.frozen.sameness import UnreadableError, identity, settings, users_code
from pipeline.training.fitting import Fitting
from pipeline.training.release import build_state
from pipeline.training.weights import Weights, build_optimizer

_MOST_BYTES = 1 << 28  # of weights, which may be in an accelerator's memory


class _Traced(NamedTuple):
    """A model without what it was trained on, which would stay in memory with it."""

    model: keras.Model
    part: FrozenPart | None
    state: str
    sizes: dict[int, int]


class Traces:
    """The models that were trained last, by all that their traces depend on.

    Equal is what `sameness` says: a model that holds anything of which nobody can tell what it does
    is trained itself.

    Args:
        most_models: How many are kept; each keeps its graphs, some 5 MB. With 0 none is reused.
    """

    def __init__(self, most_models: int = 16) -> None:
        self._most_models = most_models
        self._kept: OrderedDict[Hashable, _Traced] = OrderedDict()
        self._reuses = 0

    @contextlib.contextmanager
    def reused(self, fitting: Fitting) -> Iterator[Fitting]:
        """Give what to train: a traced model with a new one's variables, or the new one itself.

        It is kept for later, unless its training raises or changes what was traced.

        Args:
            fitting: A new compiled model, with the weights it is to start from; it is planned.

        Yields:
            The same training, perhaps of an equal model; it has all its variables.
        """
        build_optimizer(fitting.model)
        key = _key(fitting)
        # Nobody but a user's code changes a frozen layer.
        frozen_too = any(map(users_code, fitting.callbacks))
        kept = None if key is None else self._kept.pop(key, None)
        if kept is None:
            build_state(fitting.trained, fitting.train)
            state = None if key is None else _state(fitting, frozen_too=frozen_too)
        else:
            traced = replace(fitting, model=kept.model, part=kept.part)
            Weights.all_of(fitting.trained).apply_all(traced.trained)
            fitting, state = traced, kept.state
            self._reuses += 1
        yield fitting
        if (
            key is not None
            and state is not None
            and state == _state(fitting, frozen_too=frozen_too)
        ):
            self._keep(key, _Traced(fitting.model, fitting.part, state, _sizes(fitting.model)))

    @property
    def reuses(self) -> int:
        """How many trainings so far were of a model that had been traced."""
        return self._reuses

    def __len__(self) -> int:
        return len(self._kept)

    def _keep(self, key: Hashable, traced: _Traced) -> None:
        """Keep a model; those that were trained least recently give way."""
        self._kept[key] = traced
        while len(self._kept) > self._most_models or self._bytes() > _MOST_BYTES:
            self._kept.popitem(last=False)

    def _bytes(self) -> int:
        """Return what all models take together; what they share counts once."""
        return sum(ChainMap(*(kept.sizes for kept in self._kept.values())).values())


def _key(fitting: Fitting) -> Hashable | None:
    """Return what the trace of a new model will depend on; None if it cannot be told.

    What the frozen layers are, the part's digest tells, but for their names.
    """
    state, part = _state(fitting, frozen_too=False), fitting.part
    if state is None:
        return None
    names = [] if part is None else [layer.name for layer in layers_of(part.extractor)]
    digest = None if part is None else part.digest
    strategy = fitting.trained.distribute_strategy
    return state, digest, *names, fitting.steps_per_execution, strategy


def _state(fitting: Fitting, *, frozen_too: bool) -> str | None:
    """Return what a training's models are, the values of their variables apart; None if unknown.

    The variables are given from model to model, but for those of the metrics, which every epoch
    sets to 0. The frozen ones are told by the part's digest.

    Args:
        fitting: The training.
        frozen_too: Whether what stands in the frozen part is read as well.
    """
    whole, trained = fitting.model, fitting.trained
    optimizer = trained.optimizer if trained.compiled else None
    if optimizer is None:
        return None
    apart = [*whole.variables, *trained.variables, *optimizer.variables]
    metrics = [*whole.metrics_variables, *trained.metrics_variables]
    part = None if frozen_too else fitting.part
    told = [] if part is None else operations(part.extractor)
    try:
        return identity(settings(), whole, trained, told=told, values_apart=[*apart, *metrics])
    except UnreadableError:
        return None


def _sizes(model: keras.Model) -> dict[int, int]:
    """Return the bytes of a model's and its optimizer's variables, by identity."""
    variables = [*model.variables, *model.optimizer.variables]
    return {id(one): one.value.dtype.size * one.value.shape.num_elements() for one in variables}
