"""What a hypermodel's own `fit` makes of examples, found out where it begins to train.

It may crop, scale, encode or batch what it is given, and nobody else knows how. A model is to be
tested with what it was validated with.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import keras_tuner
import numpy as np
import tensorflow as tf

from pipeline.datasets.splits import Split
from pipeline.training.own_fit import OwnData, OwnFit, Start


class _BegunError(BaseException):
    """A training begins; no `except Exception` of a user's is to catch it."""


class _Begun(keras.callbacks.Callback):
    """Ends a training of another model than the one that `fit` is given."""

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        raise _BegunError


def prepared(
    own_fit: OwnFit,
    hyperparameters: keras_tuner.HyperParameters,
    train: OwnData,
    build: Callable[[], keras.Model],
) -> Split | None:
    """Return what `fit` validates its model on, without training it.

    Args:
        own_fit: Calls `fit`; it has the examples to validate on.
        hyperparameters: The values to build the model from.
        train: What it would be trained on, as `OwnFit.call` takes it.
        build: Builds a model that nobody needs otherwise.

    Returns:
        The examples, as they are given to `model.fit`; None if that cannot be told.
    """
    given: list[Any] = []

    def start() -> Start:
        model = build()
        signature = inspect.signature(model.fit)

        def begin(*args: Any, **kwargs: Any) -> None:
            given.append(signature.bind(*args, **kwargs).arguments.get("validation_data"))
            raise _BegunError

        model.fit = begin
        return Start(model, [_Begun()])

    try:
        own_fit.call(hyperparameters, train, start, epochs=1)
    except _BegunError:
        return _as_split(given[-1]) if given else None
    except Exception:  # the user's code may raise anything, and has trained before
        return None
    return None


def _as_split(data: Any) -> Split | None:
    """Return Keras's `validation_data` as a split; None if it is no such thing or has no end."""
    try:
        if isinstance(data, tuple | list):
            return Split(*data)
        if isinstance(data, tf.data.Dataset):
            endless = data.cardinality() == tf.data.INFINITE_CARDINALITY
            return None if endless else _joined(list(data.as_numpy_iterator()))
        if isinstance(data, keras.utils.PyDataset) and data.num_batches is not None:
            return _joined([data[index] for index in range(data.num_batches)])
    except (TypeError, ValueError):  # something that no split can be made of
        return None
    return None


def _joined(batches: Sequence[Any]) -> Split:
    return Split(*keras.tree.map_structure(lambda *parts: np.concatenate(parts), *batches))
