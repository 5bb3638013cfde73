"""The report on the best model's predictions, as the dataset's task has it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from pipeline.datasets.dataset import Dataset, Split, Stream
from pipeline.datasets.streams import FEW
from pipeline.datasets.tasks import class_indices
from pipeline.evaluation.multilabel import best_thresholds, report_labels
from pipeline.evaluation.one_pass import Predicted
from pipeline.evaluation.predictions import (
    MOST_CLASSES,
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
            # A single row of indices, such as (0, 1, 0), may look one-hot.
            places = class_indices(dataset.test.first(FEW).y, len(dataset.classes)).shape[1:]
            predicted_classes(predictions, loss, len(dataset.classes), places)
        case "multilabel":
            predicted_labels(predictions, loss, len(dataset.classes))
        case "regression":
            predicted_values(predictions, dataset.test.first(1).y.shape[1:])


def plain_metrics(predicted: Predicted, dataset: Dataset, loss: Any) -> dict[str, float]:
    """Return what a task alone lets one measure, for a model that reports no metrics itself.

    Args:
        predicted: What it predicts for the test split, which fits the dataset's task.
        dataset: The data.
        loss: What the model is compiled with, if it is.

    Returns:
        `accuracy`, `binary_accuracy` of labels, or `mean_squared_error` and `mean_absolute_error`,
        by the names that Keras gives them; nothing for a task of the user's own.
    """
    count, y, predictions = len(dataset.classes), predicted.y, predicted.predictions
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
    matrix = confusion_matrix(true.ravel(), predicted.ravel(), labels=range(count))
    files = report_classification(true.ravel(), predicted.ravel(), matrix, dataset.classes, folder)
    return Report(files, matrix.tolist() if count <= MOST_CLASSES else None)


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
    return Report(report_labels(np.asarray(tested.y), probabilities, thresholds, labels, folder))


def _on_numbers(tested: Predicted, dataset: Dataset, folder: Path) -> Report:
    true = np.asarray(tested.y)
    predicted = predicted_values(tested.predictions, true.shape[1:])
    return Report(report_regression(true, predicted, folder, dataset.targets))
