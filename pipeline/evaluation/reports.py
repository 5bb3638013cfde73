"""The report on the best model's predictions, as the dataset's task has it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.datasets.dataset import Dataset, Split, Stream
from pipeline.datasets.tasks import class_indices
from pipeline.evaluation.multilabel import best_thresholds, report_labels
from pipeline.evaluation.one_pass import Predicted
from pipeline.evaluation.predictions import (
    predicted_classes,
    predicted_labels,
    predicted_values,
    report_classification,
)
from pipeline.evaluation.regression import report_regression


@dataclass(frozen=True)
class Report:
    """What predictions say.

    Attributes:
        metrics: Of a model that is not compiled, and so reports none itself.
        files: The names of what was written.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)


def check_predictions(predictions: Any, dataset: Dataset, loss: Any) -> None:
    """Raise an `EvaluationError` if predictions are not what the dataset's task needs."""
    match dataset.task:
        case "classification":
            places = class_indices(dataset.test.first(1).y, len(dataset.classes)).shape[1:]
            predicted_classes(predictions, loss, len(dataset.classes), places)
        case "multilabel":
            predicted_labels(predictions, loss, len(dataset.classes))
        case "regression":
            predicted_values(predictions, dataset.test.first(1).y.shape[1:])


def report(
    predicted: Predicted,
    dataset: Dataset,
    folder: Path,
    *,
    loss: Any,
    predict: Callable[[Split | Stream], Predicted],
) -> Report:
    """Write the report on a model's predictions.

    Args:
        predicted: What it predicts for the test split.
        dataset: The data.
        folder: Where to write.
        loss: What the model is compiled with, if it is.
        predict: Gives its predictions for other examples.

    Raises:
        EvaluationError: The predictions do not fit the dataset's task.
    """
    match dataset.task:
        case "classification":
            return _on_classes(predicted, dataset, folder, loss)
        case "multilabel":
            return _on_labels(predicted, dataset, folder, loss, predict)
        case "regression":
            return _on_numbers(predicted, dataset, folder)
    return Report()


def _on_classes(tested: Predicted, dataset: Dataset, folder: Path, loss: Any) -> Report:
    count = len(dataset.classes)
    true = class_indices(tested.y, count)
    predicted = predicted_classes(tested.predictions, loss, count, true.shape[1:])
    metrics = {"accuracy": float(np.mean(predicted == true))}
    files = report_classification(true.ravel(), predicted.ravel(), dataset.classes, folder)
    return Report(metrics, files)


def _on_labels(
    tested: Predicted,
    dataset: Dataset,
    folder: Path,
    loss: Any,
    predict: Callable[[Split | Stream], Predicted],
) -> Report:
    labels, validated = dataset.classes, predict(dataset.validation)
    probabilities = predicted_labels(tested.predictions, loss, len(labels))
    chosen = predicted_labels(validated.predictions, loss, len(labels))
    thresholds = best_thresholds(np.asarray(validated.y), chosen)
    true = np.asarray(tested.y)
    metrics = {"binary_accuracy": float(np.mean((probabilities > 0.5) == true))}
    files = report_labels(true, probabilities, thresholds, labels, folder)
    return Report(metrics, files)


def _on_numbers(tested: Predicted, dataset: Dataset, folder: Path) -> Report:
    true = np.asarray(tested.y)
    predicted = predicted_values(tested.predictions, true.shape[1:])
    errors = predicted - true
    plain = {"mean_squared_error": errors**2, "mean_absolute_error": np.abs(errors)}
    metrics = {name: float(np.mean(values)) for name, values in plain.items()}
    return Report(metrics, report_regression(true, predicted, folder, dataset.targets))
