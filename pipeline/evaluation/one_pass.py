"""A compiled model's metrics and predictions, both from one pass over a split.

Keras traces `predict` and `evaluate` apart, which takes a second each for a large network, and
passes the examples twice.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from pipeline.datasets.any_examples import examples_of
from pipeline.datasets.batches import Examples
from pipeline.datasets.given import to_evaluate
from pipeline.datasets.splits import Split
from pipeline.datasets.streams import Stream
from pipeline.datasets.structures import lies_in_a_file
from pipeline.training.overrides import overrides
from pipeline.training.plain_logs import plain_logs
from pipeline.training.stateful import forget_batches

_KEY = "predictions, which are no metric"
# What Keras 3.15 runs for a batch between `evaluate` or `predict` and the metrics. A loss of the
# model's own is among it, as it may change what the next batch is predicted from.
_STEPS = (
    "evaluate",
    "make_test_function",
    "_make_function",
    "test_step",
    "compute_loss",
    "_compute_loss",
    "predict",
    "make_predict_function",
    "predict_step",
)
_RESULTS = ("compute_metrics", "_get_metrics_result_or_logs")  # exchanged while it is evaluated


@dataclass(frozen=True)
class Predicted:
    """What a model predicts, and what is right.

    Attributes:
        predictions: What `predict` returns; a list of that of each batch if these have different
            shapes, as those of texts that are padded to a length each.
        y: The targets of the same examples in the same order; None if there are none.
    """

    predictions: Any
    y: Any


def evaluate_and_predict(
    model: keras.Model, data: Split | Stream, batch_size: int
) -> tuple[dict[str, float], Predicted | None]:
    """Evaluate a model as Keras does, and note what it predicts.

    Args:
        model: A compiled model.
        data: Examples and their targets.
        batch_size: Examples a batch, unless they come in batches.

    Returns:
        The metrics as `evaluate` names them, and what `predict` would return; None if the model
        evaluates or predicts in a way of its own, so that this cannot tell.
    """
    given = to_evaluate(data, batch_size)
    arguments = {**given.keywords, "verbose": 0, "return_dict": True}
    noted = _Noted()
    forget_batches(model)
    if has_own_way(model) or _is_traced(model):
        results = model.evaluate(*given.examples, **arguments)
    else:
        with _told(model, noted):
            results = model.evaluate(*given.examples, callbacks=[noted], **arguments)
    return plain_logs(results), noted.predicted(data)


def predict(model: keras.Model, data: Split | Stream, batch_size: int) -> Predicted:
    """Predict as Keras does.

    Args:
        model: Any model.
        data: Examples; a stream may give them in another order whenever it is read.
        batch_size: Examples a batch, unless they come in batches.
    """
    forget_batches(model)
    if isinstance(data, Split) and lies_in_a_file(data.x):  # of arrays, Keras would make a tensor
        batches = Examples(data.x).in_order(batch_size)
        return Predicted(model.predict(batches, verbose=0), data.y)
    if isinstance(data, Split):
        return Predicted(model.predict(data.x, batch_size=batch_size, verbose=0), data.y)
    predictions, targets = [], []
    for batch in examples_of(data).in_order(batch_size):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch)
        size = len(keras.tree.flatten(x)[0])
        predictions.append(model.predict(x, batch_size=size, verbose=0))
        targets.append(keras.tree.map_structure(np.asarray, y, none_is_leaf=False))
    return Predicted(_together(predictions), _together(targets))


def has_own_way(model: keras.Model) -> bool:
    """Whether what a model predicts may differ from what its metrics are given."""
    if overrides(model, keras.Model, _STEPS) or not vars(model).keys().isdisjoint(_RESULTS):
        return True
    return int(model.distribute_strategy.num_replicas_in_sync) > 1  # Keras takes their mean


def _is_traced(model: keras.Model) -> bool:
    """Whether `make_test_function` and `make_predict_function` leave a model's as they are."""
    return model.test_function is not None or model.predict_function is not None


@contextlib.contextmanager
def _told(model: keras.Model, noted: "_Noted") -> Iterator[None]:
    """Let what a model predicts be among the logs of a batch, while the block runs."""
    compute_metrics, results = model.compute_metrics, model._get_metrics_result_or_logs

    def with_predictions(x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        logs = compute_metrics(x, y, y_pred, sample_weight=sample_weight)
        noted.form = keras.tree.map_structure(lambda _: None, y_pred)
        # Keras makes a float of what it can, and one tensor of a list, but leaves a tuple.
        return {**logs, _KEY: (tuple(keras.tree.flatten(y_pred)), y)}

    def without_predictions(logs: Mapping[str, Any]) -> Any:
        return results({name: value for name, value in logs.items() if name != _KEY})

    model.compute_metrics = with_predictions
    model._get_metrics_result_or_logs = without_predictions
    try:
        yield
    finally:
        for name in _RESULTS:
            delattr(model, name)
        model.test_function = None  # its trace has them too


class _Noted(keras.callbacks.Callback):
    """Keeps what was predicted, and the targets, batch by batch.

    Attributes:
        form: How the predictions of a batch are nested.
    """

    def __init__(self) -> None:
        super().__init__()
        self.form: Any = None
        self._batches: list[Any] = []

    def on_test_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Note one batch, or several of which only the last is told."""
        if logs and _KEY in logs:
            flat, y = logs[_KEY]
            predictions = keras.tree.pack_sequence_as(self.form, [*map(np.asarray, flat)])
            targets = keras.tree.map_structure(np.asarray, y, none_is_leaf=False)
            self._batches.append((predictions, targets))

    def predicted(self, data: Split | Stream) -> Predicted | None:
        """Return the predictions for examples, if there is one for each."""
        if not self._batches:
            return None
        predictions = _together([one for one, _ in self._batches])
        if any(len(array) != len(data) for array in keras.tree.flatten(predictions)):
            return None
        if isinstance(data, Split):
            return Predicted(predictions, data.y)
        return Predicted(predictions, _together([y for _, y in self._batches]))


def _together(batches: Sequence[Any]) -> Any:
    """Return what is of each batch as it is of all examples; as a list if that cannot be."""
    shapes = {
        tuple(np.shape(array)[1:] for array in keras.tree.flatten(batch) if array is not None)
        for batch in batches
    }
    if len(shapes) > 1:
        return [*batches]
    return keras.tree.map_structure(
        lambda *parts: np.concatenate(parts), *batches, none_is_leaf=False
    )
