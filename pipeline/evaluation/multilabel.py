"""The report on several labels at once: each label's, at 0.5 and at a threshold of its own."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    precision_recall_curve,
    precision_recall_fscore_support,
    roc_auc_score,
)

from pipeline.evaluation.report_files import write_json, write_table

_NAMES = ("precision", "recall", "f1")


def report_labels(
    true: np.ndarray,
    probabilities: np.ndarray,
    thresholds: np.ndarray,
    labels: Sequence[str],
    folder: Path,
) -> list[str]:
    """Write each label's precision, recall, F1, ROC AUC and average precision on the test split.

    Args:
        true: 0 or 1, shape (rows, labels).
        probabilities: What is predicted for them.
        thresholds: One a label, shape (labels,), beside 0.5.
        labels: Their names.
        folder: Where to write.

    Returns:
        The names of the files.
    """
    rows = {
        name: _of_label(true[:, i], probabilities[:, i], float(thresholds[i]))
        for i, name in enumerate(labels)
    }
    predicted, chosen = probabilities > 0.5, probabilities > thresholds
    together = {
        "f1_macro": float(f1_score(true, predicted, average="macro", zero_division=0)),
        "f1_micro": float(f1_score(true, predicted, average="micro", zero_division=0)),
        "f1_macro_at_thresholds": float(f1_score(true, chosen, average="macro", zero_division=0)),
        "all_labels_right": float((predicted == true).all(axis=1).mean()),
    }
    write_json(folder / "labels.json", {**together, "labels": rows})
    columns = ["label", *next(iter(rows.values()))]
    write_table(folder / "labels.csv", columns, [[n, *v.values()] for n, v in rows.items()])
    return ["labels.json", "labels.csv"]


def best_thresholds(true: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return for each label the threshold above which F1 is the largest; 0.5 without examples.

    Args:
        true: 0 or 1, shape (rows, labels), of examples that are not reported on.
        probabilities: What is predicted for them.

    Returns:
        Thresholds in [0, 1), shape (labels,), each half way between two predictions.
    """
    return np.array([_best_threshold(*pair) for pair in zip(true.T, probabilities.T, strict=True)])


def _best_threshold(true: np.ndarray, probabilities: np.ndarray) -> float:
    if not true.any():
        return 0.5
    precision, recall, thresholds = precision_recall_curve(true, probabilities)
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)[:-1]
    at = int(np.argmax(f1))
    below = thresholds[at - 1] if at else 0.0
    return float((below + thresholds[at]) / 2)


def _of_label(true: np.ndarray, probabilities: np.ndarray, threshold: float) -> dict[str, object]:
    values: dict[str, object] = {"support": int(true.sum())}
    for suffix, at in {"": 0.5, "_at_threshold": threshold}.items():
        precision, recall, f1, _ = precision_recall_fscore_support(
            true, probabilities > at, average="binary", zero_division=0
        )
        values |= {
            f"{n}{suffix}": float(v) for n, v in zip(_NAMES, (precision, recall, f1), strict=True)
        }
    ranked = 0 < true.sum() < len(true)  # of one kind alone there is no order to be right about
    auc = roc_auc_score(true, probabilities) if ranked else math.nan
    average = average_precision_score(true, probabilities) if ranked else math.nan
    values |= {"roc_auc": _known(auc), "average_precision": _known(average)}
    return {**values, "threshold": threshold}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
