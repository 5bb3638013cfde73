"""The report on the best model's predictions, as the dataset's task has it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from pipeline.datasets.dataset import Dataset
from pipeline.datasets.tasks import class_indices
from pipeline.evaluation.multilabel import best_thresholds, report_labels
from pipeline.evaluation.predictions import (
    predicted_classes,
    predicted_labels,
    predicted_values,
    report_classification,
)
from pipeline.evaluation.regression import report_regression

_MOST_CLASSES = 100  # in the journal: more cannot be told apart in a picture


@dataclass(frozen=True)
class Report:
    """What predictions say.

    Attributes:
        files: The names of what was written.
        confusion: How many test rows (or places of them) of each class were predicted as each;
            None without classes, or with too many.
    """

    files: list[str] = field(default_factory=list)
    confusion: list[list[int]] | None = None


def check_predictions(predictions: Any, dataset: Dataset, loss: Any) -> None:
    """Raise an `EvaluationError` if predictions are not what the dataset's task needs."""
    match dataset.task:
        case "classification":
            places = class_indices(dataset.test.y[:1], len(dataset.classes)).shape[1:]
            predicted_classes(predictions, loss, len(dataset.classes), places)
        case "multilabel":
            predicted_labels(predictions, loss, len(dataset.classes))
        case "regression":
            predicted_values(predictions, dataset.test.y.shape[1:])


def plain_metrics(predictions: Any, dataset: Dataset, loss: Any) -> dict[str, float]:
    """Return what a task alone lets one measure, for a model that reports no metrics itself.

    Args:
        predictions: What it predicts for the test split; they fit the dataset's task.
        dataset: The data.
        loss: What the model is compiled with, if it is.

    Returns:
        `accuracy`, `binary_accuracy` of labels, or `mean_squared_error` and `mean_absolute_error`,
        by the names that Keras gives them; nothing for a task of the user's own.
    """
    count, y = len(dataset.classes), dataset.test.y
    match dataset.task:
        case "classification":
            true = class_indices(y, count)
            right = predicted_classes(predictions, loss, count, true.shape[1:]) == true
            return {"accuracy": float(np.mean(right))}
        case "multilabel":
            right = (predicted_labels(predictions, loss, count) > 0.5) == np.asarray(y)
            return {"binary_accuracy": float(np.mean(right))}
        case "regression":
            errors = predicted_values(predictions, y.shape[1:]) - np.asarray(y)
            squares, sizes = np.mean(errors**2), np.mean(np.abs(errors))
            return {"mean_squared_error": float(squares), "mean_absolute_error": float(sizes)}
    return {}


def report(
    predictions: Any,
    dataset: Dataset,
    folder: Path,
    *,
    loss: Any,
    predict: Callable[[Any], Any],
) -> Report:
    """Write the report on a model's predictions.

    Args:
        predictions: What it predicts for the test split.
        dataset: The data.
        folder: Where to write.
        loss: What the model is compiled with, if it is.
        predict: Gives its predictions for other inputs.

    Raises:
        EvaluationError: The predictions do not fit the dataset's task.
    """
    match dataset.task:
        case "classification":
            return _on_classes(predictions, dataset, folder, loss)
        case "multilabel":
            return _on_labels(predictions, dataset, folder, loss, predict)
        case "regression":
            return _on_numbers(predictions, dataset, folder)
    return Report()


def _on_classes(predictions: Any, dataset: Dataset, folder: Path, loss: Any) -> Report:
    count = len(dataset.classes)
    true = class_indices(dataset.test.y, count)
    predicted = predicted_classes(predictions, loss, count, true.shape[1:])
    matrix = confusion_matrix(true.ravel(), predicted.ravel(), labels=range(count))
    files = report_classification(true.ravel(), predicted.ravel(), matrix, dataset.classes, folder)
    return Report(files, matrix.tolist() if count <= _MOST_CLASSES else None)


def _on_labels(
    predictions: Any,
    dataset: Dataset,
    folder: Path,
    loss: Any,
    predict: Callable[[Any], Any],
) -> Report:
    labels, validation = dataset.classes, dataset.validation
    probabilities = predicted_labels(predictions, loss, len(labels))
    validated = predicted_labels(predict(validation.x), loss, len(labels))
    thresholds = best_thresholds(np.asarray(validation.y), validated)
    true = np.asarray(dataset.test.y)
    return Report(report_labels(true, probabilities, thresholds, labels, folder))


def _on_numbers(predictions: Any, dataset: Dataset, folder: Path) -> Report:
    true = np.asarray(dataset.test.y)
    predicted = predicted_values(predictions, true.shape[1:])
    return Report(report_regression(true, predicted, folder, dataset.targets))
