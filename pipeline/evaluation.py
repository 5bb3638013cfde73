"""The best model on the test split: its metrics, its file, and what shows how good it is."""

import csv
import json
import math
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import (
    classification_report,
    confusion_matrix,
    median_absolute_error,
    r2_score,
    root_mean_squared_error,
)

from pipeline.datasets import Dataset, Inputs

MODEL_FILE = "best_model.keras"
FOLDER = "evaluation"
_TOLERANCE = 1e-4
_EXAMPLE_ROWS = 5


class EvaluationError(RuntimeError):
    """The model's predictions on the test split cannot be reported."""


class VerificationError(RuntimeError):
    """The model's file does not give the model back."""


@dataclass(frozen=True)
class Evaluation:
    """What the test split says of a model.

    Attributes:
        metrics: Metrics on the test split, named as Keras names them, without prefix.
        score_name: The metric of `metrics` that corresponds to the objective.
        model: Path of the saved model, relative to the search's folder.
        artifacts: Paths of the reports, plots and input example, relative to the search's folder.
    """

    metrics: dict[str, float]
    score_name: str
    model: str
    artifacts: list[str]


def evaluate(
    model: keras.Model, dataset: Dataset, directory: Path, *, objective: str, batch_size: int
) -> Evaluation:
    """Test a model, save it, make sure that its file gives it back, and report on it.

    The model's file appears under its name only once it is verified. A failing report leaves it
    there.

    Args:
        model: A compiled model.
        dataset: The data; only the test split and the classes are used.
        directory: The search's folder; `best_model.keras` and `evaluation/` are written there.
        objective: The search's objective, for example `val_loss`.
        batch_size: Rows of a batch, at least 1.

    Returns:
        The metrics and what was written.

    Raises:
        VerificationError: The model cannot be saved, cannot be loaded, or differs when loaded.
        EvaluationError: The predictions are not finite, or do not fit the dataset's task.

    Example:
        >>> evaluate(model, dataset, Path("outputs/searches/a1"), objective="val_loss",
        ...          batch_size=32).metrics
        {'accuracy': 0.97, 'loss': 0.09}
    """
    # Testing also builds a subclassed model that was never called, so that it can be saved.
    metrics = _test(model, dataset, batch_size)
    predictions = model.predict(dataset.test.x, batch_size=batch_size, verbose=0)
    _check_finite(predictions)
    _save_verified(model, metrics, dataset, directory, batch_size)
    folder = directory / FOLDER
    folder.mkdir(exist_ok=True)
    write_input_example(dataset.test.x, folder / "input_example.npz")
    names = ["input_example.npz"]
    if dataset.task == "classification":
        predicted = predicted_classes(predictions, model.loss, len(dataset.classes))
        names += report_classification(dataset.test.y, predicted, dataset.classes, folder)
    else:
        names += report_regression(dataset.test.y, predicted_values(predictions), folder)
    score_name = objective.removeprefix("val_")
    return Evaluation(
        metrics=metrics,
        score_name=score_name if score_name in metrics else "loss",
        model=MODEL_FILE,
        artifacts=[f"{FOLDER}/{name}" for name in names],
    )


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
        return np.argmax(array, axis=1)
    if classes == 2 and (array.ndim == 1 or array.shape[1:] == (1,)):
        values = array.reshape(-1)
        if getattr(loss, "from_logits", False):
            return (values > 0).astype(int)
        if values.min() < 0 or values.max() > 1:
            raise EvaluationError(
                f"The model's single output lies between {values.min():g} and {values.max():g}; a "
                "probability (0 to 1) or a loss with from_logits=True is needed to report classes."
            )
        return (values > 0.5).astype(int)
    single = " or (rows, 1)" if classes == 2 else ""
    raise EvaluationError(
        f"The model's predictions have the shape {array.shape}; a dataset of {classes} classes "
        f"needs (rows, {classes}){single}."
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
        f"The model's predictions have the shape {array.shape}; regression needs (rows, 1)."
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
    with (folder / "confusion_matrix.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["true / predicted", *classes])
        writer.writerows([name, *row] for name, row in zip(classes, matrix.tolist(), strict=True))
    draw_confusion_matrix(matrix, classes).savefig(folder / "confusion_matrix.png")
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
    draw_predicted_against_true(true, predicted, errors).savefig(folder / "predicted_vs_true.png")
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
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    names = [name if len(name) <= 20 else name[:19] + "…" for name in classes]
    font = min(10.0, 0.7 * cell)
    wide = max(map(len, names)) * 0.6 * font > cell
    axes.set_xticks(range(count), names, fontsize=font, rotation=90 if wide else 0)
    axes.set_yticks(range(count), names, fontsize=font)
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


def write_input_example(x: Inputs, path: Path) -> None:
    """Write a few rows of raw inputs, readable by `numpy.load` without pickle.

    The archive is written entry by entry because `numpy.savez` takes no column named `file`.

    Args:
        x: An array, stored as `x`; or a table, stored by column name, text as unicode arrays.
        path: The `.npz` file.
    """
    columns = x if isinstance(x, dict) else {"x": x}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, column in columns.items():
            rows = column[:_EXAMPLE_ROWS]
            values = rows.astype(str) if rows.dtype == object else rows
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, values, allow_pickle=False)


def _test(model: keras.Model, dataset: Dataset, batch_size: int) -> dict[str, float]:
    split = dataset.test
    results = model.evaluate(split.x, split.y, batch_size=batch_size, verbose=0, return_dict=True)
    return {name: float(value) for name, value in results.items()}


def _save_verified(
    model: keras.Model,
    metrics: Mapping[str, float],
    dataset: Dataset,
    directory: Path,
    batch_size: int,
) -> None:
    """Save the model under a temporary name, compare what is loaded from there, then rename."""
    temporary = directory / f"unverified_{MODEL_FILE}"
    try:
        reloaded = _save_and_load(model, temporary)
        _compare(metrics, _test(reloaded, dataset, batch_size))
        os.replace(temporary, directory / MODEL_FILE)
    finally:
        temporary.unlink(missing_ok=True)


def _save_and_load(model: keras.Model, path: Path) -> keras.Model:
    try:
        model.save(path)
        reloaded = keras.saving.load_model(path)
    except OSError:
        raise
    except Exception as error:  # a user's get_config and from_config may raise anything
        reason = " ".join(str(error).split()).partition(". ")[0]
        raise VerificationError(
            f"The best model cannot be saved and loaded again ({reason}); decorate each of its own "
            "classes and functions with @keras.saving.register_keras_serializable() and let its "
            "classes define get_config."
        ) from error
    if not reloaded.compiled:
        raise VerificationError(
            "The best model is no longer compiled when it is loaded again; a model with its own "
            "compile method must also define get_compile_config and compile_from_config."
        )
    return reloaded


def _compare(expected: Mapping[str, float], received: Mapping[str, float]) -> None:
    for name, value in expected.items():
        again = received.get(name, math.nan)
        both_nan = math.isnan(value) and math.isnan(again)
        if not both_nan and not math.isclose(value, again, rel_tol=_TOLERANCE, abs_tol=1e-7):
            raise VerificationError(
                f"The best model's {name} on the test split is {value:g}, but {again:g} after it "
                "was saved and loaded again; its layers must keep all their state in weights and "
                "get_config, and must not be random at inference."
            )


def _check_finite(predictions: Any) -> None:
    for array in keras.tree.flatten(predictions):
        bad = int(np.sum(~np.isfinite(array).reshape(len(array), -1).all(axis=1)))
        if bad:
            raise EvaluationError(
                f"The best model predicts NaN or infinite values for {bad} of {len(array)} rows of "
                "the test split."
            )


def _array(predictions: Any) -> np.ndarray:
    if not isinstance(predictions, np.ndarray):
        raise EvaluationError(
            f"The model has several outputs ({type(predictions).__name__}); the report on the "
            "test split needs a single one."
        )
    return predictions


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
