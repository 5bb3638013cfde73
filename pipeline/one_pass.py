"""A compiled model's metrics and predictions, both from one pass over a split.

Keras traces `predict` and `evaluate` apart, which takes a second each for a large network, and
passes the examples twice.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from pipeline.plain_logs import plain_logs
from pipeline.splits import Split

_KEY = "predictions, which are no metric"
_KERAS = ("evaluate", "predict", "predict_step", "make_predict_function")


def evaluate_and_predict(
    model: keras.Model, split: Split, batch_size: int
) -> tuple[dict[str, float], Any | None]:
    """Evaluate a model as Keras does, and note what it predicts.

    Args:
        model: A compiled model.
        split: Examples and their targets.
        batch_size: Examples a batch.

    Returns:
        The metrics as `evaluate` names them, and what `predict` would return; None if the model's
        class evaluates or predicts in a way of its own, so that this cannot tell.
    """
    arguments = {"batch_size": batch_size, "verbose": 0, "return_dict": True}
    noted = _Noted()
    if _has_own_way(model):
        results = model.evaluate(split.x, split.y, **arguments)
    else:
        with _told(model):
            results = model.evaluate(split.x, split.y, callbacks=[noted], **arguments)
    metrics = plain_logs({name: value for name, value in results.items() if name != _KEY})
    return metrics, noted.predictions(len(split))


def _has_own_way(model: keras.Model) -> bool:
    """Whether what a model predicts may differ from what its metrics are given."""
    own = any(getattr(type(model), name) is not getattr(keras.Model, name) for name in _KERAS)
    return own or "compute_metrics" in vars(model)


@contextlib.contextmanager
def _told(model: keras.Model) -> Iterator[None]:
    """Let what a model predicts be among the logs of a batch, while the block runs."""
    compute_metrics = model.compute_metrics

    def with_predictions(x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        logs = compute_metrics(x, y, y_pred, sample_weight=sample_weight)
        return {**logs, _KEY: (y_pred,)}  # Keras makes a float of what it can, but of no tuple

    model.compute_metrics = with_predictions
    try:
        yield
    finally:
        del model.compute_metrics
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
