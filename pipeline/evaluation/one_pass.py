"""A compiled model's metrics and predictions, both from one pass over a split.

Keras traces `predict` and `evaluate` apart, which takes a second each for a large network, and
passes the examples twice.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from pipeline.datasets.splits import Split
from pipeline.evaluation.feeding import to_evaluate
from pipeline.training.overrides import overrides
from pipeline.training.plain_logs import plain_logs

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


def evaluate_and_predict(
    model: keras.Model, split: Split, batch_size: int
) -> tuple[dict[str, float], Any | None]:
    """Evaluate a model as Keras does, and note what it predicts.

    Args:
        model: A compiled model.
        split: Examples and their targets.
        batch_size: Examples a batch.

    Returns:
        The metrics as `evaluate` names them, and what `predict` would return; None if the model
        evaluates or predicts in a way of its own, so that this cannot tell.
    """
    arguments = {**to_evaluate(split, batch_size), "verbose": 0, "return_dict": True}
    noted = _Noted()
    forget_batches(model)
    if _has_own_way(model):
        results = model.evaluate(**arguments)
    else:
        with _told(model):
            results = model.evaluate(callbacks=[noted], **arguments)
    metrics = plain_logs(results)
    return metrics, noted.predictions(len(split))


def forget_batches(model: keras.Model) -> None:
    """Let stateful layers begin anew, as they do in a model that was just loaded."""
    for layer in stateful_layers(model):
        layer.reset_state()


def stateful_layers(model: keras.Model) -> list[Any]:
    """Return the layers that begin a batch with what they made of the one before."""
    layers = model._flatten_layers(include_self=False)
    return [
        layer
        for layer in layers
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_state")
    ]


def _has_own_way(model: keras.Model) -> bool:
    """Whether what a model predicts may differ from what its metrics are given."""
    if overrides(model, keras.Model, _STEPS) or not vars(model).keys().isdisjoint(_RESULTS):
        return True
    if model.test_function is not None or model.predict_function is not None:
        return True  # `make_test_function` and `make_predict_function` would leave them as they are
    return int(model.distribute_strategy.num_replicas_in_sync) > 1  # Keras takes their mean


@contextlib.contextmanager
def _told(model: keras.Model) -> Iterator[None]:
    """Let what a model predicts be among the logs of a batch, while the block runs."""
    compute_metrics, results = model.compute_metrics, model._get_metrics_result_or_logs

    def with_predictions(x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        logs = compute_metrics(x, y, y_pred, sample_weight=sample_weight)
        return {**logs, _KEY: (y_pred,)}  # Keras makes a float of what it can, but of no tuple

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
    """Keeps what was predicted, batch by batch."""

    def __init__(self) -> None:
        super().__init__()
        self._batches: list[Any] = []

    def on_test_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Note one batch, or several of which only the last is told."""
        if logs and _KEY in logs:
            (predicted,) = logs[_KEY]
            self._batches.append(keras.tree.map_structure(np.asarray, predicted))

    def predictions(self, rows: int) -> Any | None:
        """Return the predictions, if there is one for each of the rows."""
        if not self._batches:
            return None
        together = keras.tree.map_structure(lambda *parts: np.concatenate(parts), *self._batches)
        complete = all(len(array) == rows for array in keras.tree.flatten(together))
        return together if complete else None
