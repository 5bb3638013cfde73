"""What a model's predictions on the test split say: reports, errors and plots."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import (
    classification_report,
    confusion_matrix,
    median_absolute_error,
    r2_score,
    root_mean_squared_error,
)

from pipeline.journal.tables import csv_text


class EvaluationError(RuntimeError):
    """Predictions on the test split cannot be reported; the sentence's subject is the model."""


def predicted_classes(predictions: Any, loss: Any, classes: int) -> np.ndarray:
    """Return the class that the model predicts for each row.

    One value a class, probability or logit: the class with the largest. A single value a row, for
    two classes: class 1 if its probability is above 0.5, or its logit above 0 when the model's
    loss has `from_logits=True`.

    Args:
        predictions: What `model.predict` returned.
        loss: The model's loss, as given to `compile`.
        classes: How many classes the dataset has, at least 2.

    Returns:
        Class indices, shape (rows,).

    Raises:
        EvaluationError: The predictions are neither.
    """
    array = _array(predictions)
    if array.ndim == 2 and array.shape[1] == classes:
        largest: np.ndarray = array.argmax(axis=1)
        return largest
    if classes == 2 and (array.ndim == 1 or array.shape[1:] == (1,)):
        values = array.reshape(-1)
        if getattr(loss, "from_logits", False):
            return (values > 0).astype(int)
        if values.min() < 0 or values.max() > 1:
            raise EvaluationError(
                f"its single output lies between {values.min():g} and {values.max():g}; two "
                "classes need a probability (0 to 1) or a loss with from_logits=True"
            )
        return (values > 0.5).astype(int)
    single = " or (rows, 1)" if classes == 2 else ""
    raise EvaluationError(
        f"its predictions have the shape {array.shape}; a dataset of {classes} classes needs "
        f"(rows, {classes}){single}"
    )


def predicted_values(predictions: Any) -> np.ndarray:
    """Return the number that the model predicts for each row.

    Args:
        predictions: What `model.predict` returned.

    Returns:
        Numbers, shape (rows,).

    Raises:
        EvaluationError: There is not one number a row.
    """
    array = _array(predictions)
    if array.ndim == 1 or array.shape[1:] == (1,):
        return array.reshape(-1)
    raise EvaluationError(
        f"its predictions have the shape {array.shape}; regression needs (rows, 1)"
    )


def report_classification(
    true: np.ndarray, predicted: np.ndarray, classes: tuple[str, ...], folder: Path
) -> list[str]:
    """Write the classification report and the confusion matrix.

    Args:
        true: Class indices, shape (rows,).
        predicted: Class indices, shape (rows,).
        classes: The classes' names.
        folder: Where to write.

    Returns:
        The names of the files.
    """
    labels = list(range(len(classes)))
    options = {"labels": labels, "target_names": list(classes), "zero_division": 0}
    text = classification_report(true, predicted, digits=4, **options)
    (folder / "classification_report.txt").write_text(text, encoding="utf-8")
    report = classification_report(true, predicted, output_dict=True, **options)
    _write_json(folder / "classification_report.json", report)
    matrix = confusion_matrix(true, predicted, labels=labels)
    rows = [[name, *row] for name, row in zip(classes, matrix.tolist(), strict=True)]
    table = csv_text(["true / predicted", *classes], rows)
    (folder / "confusion_matrix.csv").write_text(table, encoding="utf-8", newline="")
    _save(draw_confusion_matrix(matrix, classes), folder / "confusion_matrix.png")
    return [
        "classification_report.txt",
        "classification_report.json",
        "confusion_matrix.csv",
        "confusion_matrix.png",
    ]


def report_regression(true: np.ndarray, predicted: np.ndarray, folder: Path) -> list[str]:
    """Write the errors and the plot of predicted against true values.

    Args:
        true: Numbers, shape (rows,).
        predicted: Numbers, shape (rows,).
        folder: Where to write.

    Returns:
        The names of the files.
    """
    errors = {
        "rmse": float(root_mean_squared_error(true, predicted)),
        "mae": float(np.mean(np.abs(true - predicted))),
        # R² compares with the variance of the true values; one row has none.
        "r2": float(r2_score(true, predicted)) if len(true) > 1 else None,
        "median_absolute_error": float(median_absolute_error(true, predicted)),
    }
    _write_json(folder / "errors.json", errors)
    figure = draw_predicted_against_true(true, predicted, errors)
    _save(figure, folder / "predicted_vs_true.png")
    return ["errors.json", "predicted_vs_true.png"]


def draw_confusion_matrix(matrix: np.ndarray, classes: tuple[str, ...]) -> Figure:
    """Draw a confusion matrix, coloured by the share of each true class.

    Args:
        matrix: Counts, shape (classes, classes); rows are the true classes.
        classes: The classes' names; readable up to about 100.

    Returns:
        The figure.
    """
    count = len(classes)
    size = min(3.0 + 0.4 * count, 22.0)
    cell = size * 72 / count
    figure = Figure(figsize=(size + 2.5, size + 1.5), layout="constrained")
    axes = figure.subplots()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.7)
    names = [name if len(name) <= 20 else name[:19] + "…" for name in classes]
    font = min(10.0, 0.7 * cell)
    wide = max(map(len, names)) * 0.6 * font > cell
    # "$10 to $20" is no formula.
    plain: dict[str, Any] = {"fontsize": font, "parse_math": False}
    axes.set_xticks(range(count), names, rotation=90 if wide else 0, **plain)
    axes.set_yticks(range(count), names, **plain)
    axes.set(xlabel="predicted", ylabel="true", title="Confusion matrix of the test split")
    digits = len(str(matrix.max()))
    for row, column in np.argwhere(matrix):
        axes.text(
            column,
            row,
            str(matrix[row, column]),
            ha="center",
            va="center",
            fontsize=min(10.0, 1.3 * cell / max(digits, 2)),
            color="white" if share[row, column] > 0.5 else "black",
            in_layout=False,
        )
    return figure


def draw_predicted_against_true(
    true: np.ndarray, predicted: np.ndarray, errors: Mapping[str, float | None]
) -> Figure:
    """Draw each row's predicted value against its true one.

    Args:
        true: Numbers, shape (rows,).
        predicted: Numbers, shape (rows,).
        errors: `rmse` and `r2`, which the title states.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    low, high = float(min(true.min(), predicted.min())), float(max(true.max(), predicted.max()))
    margin = 0.03 * (high - low or 1.0)
    limits = (low - margin, high + margin)
    axes.plot(limits, limits, color="0.6", linewidth=1, label="perfect prediction")
    opacity = float(np.clip(300 / len(true), 0.1, 0.7))
    axes.scatter(true, predicted, s=16, alpha=opacity, linewidths=0)
    r2 = "" if errors["r2"] is None else f", R² {errors['r2']:.3g}"
    axes.set(
        xlabel="true",
        ylabel="predicted",
        title=f"Test split: RMSE {errors['rmse']:.4g}{r2}",
        xlim=limits,
        ylim=limits,
        aspect="equal",
    )
    axes.legend()
    return figure


def _array(predictions: Any) -> np.ndarray:
    if not isinstance(predictions, np.ndarray):
        raise EvaluationError(
            f"it has several outputs ({type(predictions).__name__}); the report on the test split "
            "needs a single one"
        )
    return predictions


def _save(figure: Figure, path: Path) -> None:
    """Save a figure, which `savefig` would draw twice for its layout."""
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.execute(figure)
    with mpl.rc_context({"figure.autolayout": False, "figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)
    figure.savefig(path)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
