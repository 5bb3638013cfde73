"""What predicting the same for every row achieves: what a test result has to beat."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from pipeline.datasets.dataset import Dataset, Stream
from pipeline.datasets.splits import Split
from pipeline.datasets.tasks import class_indices
from pipeline.evaluation.one_pass import Predicted, has_own_way
from pipeline.evaluation.reports import plain_metrics
from pipeline.training.compile_arguments import compile_arguments
from pipeline.training.failures import sentence
from pipeline.training.notices import Notices
from pipeline.training.plain_logs import plain_logs

_SMALLEST = 1e-7  # Keras's own bound of a probability, for a class that is not in the training data


def baseline(
    model: keras.Model,
    dataset: Dataset,
    predicted: Predicted,
    metrics: Mapping[str, float],
    *,
    batch_size: int,
    notices: Notices,
) -> dict[str, float]:
    """Return the test metrics of a model that predicts the same for every row.

    In classification that is the share of each class among the training targets, so that the
    predicted class is the most frequent one; of labels, how often the training targets have each;
    in regression, the mean of the training targets.

    Args:
        model: The tested model, whose loss and metrics are measured.
        dataset: Its training targets are what is predicted from, its test split what is predicted.
        predicted: What the model predicts for the test split, which fits the dataset's task.
        metrics: The model's on the test split.
        batch_size: Rows of a batch, at least 1.
        notices: Told if the model's loss or a metric cannot take constant predictions.

    Returns:
        Those of `metrics` that can be told, by their names; a loss is without the penalties that
        layers add to it. Of a model that is not compiled, or evaluates in a way of its own, they
        are those of `plain_metrics`; of a task of the user's own, and of streams, there are none.
    """
    train, test = dataset.train, dataset.test
    if dataset.task == "custom" or isinstance(train, Stream) or isinstance(test, Stream):
        return {}
    predictions = predicted.predictions
    loss = model.loss if model.compiled else None
    row = _constant(dataset, np.asarray(train.y), predictions.shape[1:], loss)
    if not model.compiled or has_own_way(model):
        told = plain_metrics(
            replace(predicted, predictions=np.broadcast_to(row, predictions.shape)), dataset, loss
        )
    else:
        try:
            told = _measured(model, row, test, batch_size)
        except Exception as error:  # a user's loss or metric may raise anything
            notices.tell(f"the test has no baseline to compare with: {sentence(error)}")
            return {}
    return {name: told[name] for name in metrics if math.isfinite(told.get(name, math.nan))}


def _constant(dataset: Dataset, y: np.ndarray, shape: tuple[int, ...], loss: Any) -> np.ndarray:
    """Return one row of output, in the shape and the terms of a model's own."""
    logits = getattr(loss, "from_logits", False)
    if dataset.task == "regression":
        mean: np.ndarray = y.mean(axis=0).reshape(shape).astype(np.float32)
        return mean
    if dataset.task == "multilabel":
        shares = _bounded(y.mean(axis=0))
        return np.log(shares / (1 - shares)) if logits else shares
    count, classes = len(dataset.classes), class_indices(y, len(dataset.classes))
    shares = _bounded(np.bincount(classes.ravel(), minlength=count) / classes.size)
    if shape == (*classes.shape[1:], count):
        return np.broadcast_to(np.log(shares) if logits else shares, shape)
    single = shares[1]  # the probability of the second of two classes
    return np.full(shape, np.log(single / (1 - single)) if logits else single)


def _bounded(shares: np.ndarray) -> np.ndarray:
    bounded: np.ndarray = np.clip(shares, _SMALLEST, 1 - _SMALLEST).astype(np.float32)
    return bounded


def _measured(
    model: keras.Model, row: np.ndarray, test: Split, batch_size: int
) -> dict[str, float]:
    """Return a model's loss and metrics, of a row that is predicted whatever the inputs."""
    names = getattr(model, "output_names", None) or [None]  # loss and metrics may be given by name
    inputs = keras.Input((1,) * row.ndim)
    constant = keras.Model(inputs, keras.layers.Identity(name=names[0])(inputs + row))
    given: Mapping[str, Any] = compile_arguments(model)
    measures = ("loss", "loss_weights", "metrics", "weighted_metrics")
    for metric in keras.tree.flatten([given.get(name) for name in measures[2:]]):
        if isinstance(metric, keras.metrics.Metric):
            metric.reset_state()  # Keras resets those alone that a model has used before
    constant.compile(
        **{name: given.get(name) for name in measures},
        run_eagerly=model.run_eagerly,
        jit_compile=False,
    )
    results = constant.evaluate(
        np.zeros((len(test), *inputs.shape[1:]), np.float32),
        test.y,
        sample_weight=test.sample_weight,
        batch_size=batch_size,
        verbose=0,
        return_dict=True,
    )
    return plain_logs(results)
