"""What a model predicts, in terms of the task, and the report on a classification."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import classification_report

from pipeline.evaluation.report_files import save_figure, write_json, write_table

MOST_CLASSES = 100  # more cannot be told apart in a picture, which takes minutes for thousands


class EvaluationError(RuntimeError):
    """Predictions on the test split cannot be reported; the sentence's subject is the model."""


def predicted_classes(
    predictions: Any, loss: Any, classes: int, places: tuple[int, ...] = ()
) -> np.ndarray:
    """Return the class that the model predicts for each row, or for each place of it.

    One value a class, probability or logit: the class with the largest. A single value a row, for
    two classes: class 1 if its probability is above 0.5, or its logit above 0 when the model's
    loss has `from_logits=True`.

    Args:
        predictions: What `model.predict` returned.
        loss: The model's loss, as given to `compile`.
        classes: How many classes the dataset has, at least 2.
        places: Shape of what of a row has a class of its own, such as the pixels of an image.

    Returns:
        Class indices, shape (rows, *places).

    Raises:
        EvaluationError: The predictions are neither.
    """
    array = _array(predictions)
    if array.shape[1:] == (*places, classes):
        largest: np.ndarray = array.argmax(axis=-1)
        return largest
    if classes == 2 and array.shape[1:] in (places, (*places, 1)):
        values = array.reshape(len(array), *places)
        if getattr(loss, "from_logits", False):
            return (values > 0).astype(int)
        if values.min() < 0 or values.max() > 1:
            raise EvaluationError(
                f"its single output lies between {values.min():g} and {values.max():g}; two "
                "classes need a probability (0 to 1) or a loss with from_logits=True"
            )
        return (values > 0.5).astype(int)
    allowed = [(*places, classes), *([(*places, 1)] if classes == 2 else [])]
    needed = " or ".join(f"({', '.join(['rows', *map(str, shape)])})" for shape in allowed)
    raise EvaluationError(
        f"its predictions have the shape {array.shape}; a dataset of {classes} classes needs "
        f"{needed}"
    )


def predicted_values(predictions: Any, shape: tuple[int, ...] = ()) -> np.ndarray:
    """Return the numbers that the model predicts for each row.

    Args:
        predictions: What `model.predict` returned.
        shape: That of a row's targets.

    Returns:
        Numbers, shape (rows, *shape).

    Raises:
        EvaluationError: There is not one number for each target.
    """
    array = _array(predictions)
    if array.shape[1:] in (shape, (*shape, 1)) or (*array.shape[1:], 1) == shape:
        return array.reshape(len(array), *shape)
    needed = ", ".join(["rows", *map(str, shape or (1,))])
    raise EvaluationError(
        f"its predictions have the shape {array.shape}; regression needs ({needed})"
    )


def predicted_labels(predictions: Any, loss: Any, labels: int) -> np.ndarray:
    """Return the probability that the model predicts for each label of each row.

    Args:
        predictions: What `model.predict` returned: probabilities, or logits when the model's loss
            has `from_logits=True`.
        loss: The model's loss, as given to `compile`.
        labels: How many labels the dataset has.

    Returns:
        Probabilities, shape (rows, labels).

    Raises:
        EvaluationError: The predictions are neither.
    """
    array = _array(predictions)
    if array.shape[1:] != (labels,):
        raise EvaluationError(
            f"its predictions have the shape {array.shape}; a dataset of {labels} labels needs "
            f"(rows, {labels})"
        )
    if getattr(loss, "from_logits", False):
        logistic: np.ndarray = 1 / (1 + np.exp(-np.clip(array.astype(np.float64), -700, 700)))
        return logistic
    if array.min() < 0 or array.max() > 1:
        raise EvaluationError(
            f"its outputs lie between {array.min():g} and {array.max():g}; labels need "
            "probabilities (0 to 1) or a loss with from_logits=True"
        )
    return array


def report_classification(
    true: np.ndarray,
    predicted: np.ndarray,
    matrix: np.ndarray,
    classes: tuple[str, ...],
    folder: Path,
) -> list[str]:
    """Write the classification report and the confusion matrix; its picture up to `MOST_CLASSES`.

    Args:
        true: Class indices, shape (rows,).
        predicted: Class indices, shape (rows,).
        matrix: Counts, shape (classes, classes); rows are the true classes.
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
    write_json(folder / "classification_report.json", report)
    rows = [[name, *row] for name, row in zip(classes, matrix.tolist(), strict=True)]
    write_table(folder / "confusion_matrix.csv", ["true / predicted", *classes], rows)
    files = ["classification_report.txt", "classification_report.json", "confusion_matrix.csv"]
    if len(classes) > MOST_CLASSES:
        return files
    save_figure(folder / "confusion_matrix.png", draw_confusion_matrix(matrix, classes))
    return [*files, "confusion_matrix.png"]


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


def _array(predictions: Any) -> np.ndarray:
    if not isinstance(predictions, np.ndarray):
        raise EvaluationError(
            f"it has several outputs ({type(predictions).__name__}); the report on the test split "
            "needs a single one"
        )
    return predictions
