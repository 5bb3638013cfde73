"""The best model on the test split: its metrics, its file, and what shows how good it is."""

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.datasets import Dataset, Inputs
from pipeline.notices import Notices
from pipeline.one_pass import evaluate_and_predict
from pipeline.predictions import (
    EvaluationError,
    predicted_classes,
    predicted_values,
    report_classification,
    report_regression,
)

__all__ = ["Evaluation", "EvaluationError", "VerificationError", "evaluate"]

MODEL_FILE = "best_model.keras"
FOLDER = "evaluation"
_TOLERANCE = 1e-4
_EXAMPLE_ROWS = 5
_EXAMPLE_NUMBERS = 10_000  # MLflow writes an example as JSON, some 0.1 s for 60,000 numbers
_CHANGED = (
    "after it was saved and loaded again; its layers must keep all their state in weights and "
    "get_config, and must not be random at inference"
)

_DECORATE = (
    "decorate each of its own classes and functions with "
    "@keras.saving.register_keras_serializable() and let its classes define get_config"
)


class VerificationError(RuntimeError):
    """The model's file does not give the model back; the sentence's subject is the model."""


@dataclass(frozen=True)
class Evaluation:
    """What the test split says of a model.

    Attributes:
        metrics: Metrics on the test split, named as Keras names them, without prefix. A model
            that is not compiled reports none itself: `accuracy`, or `mean_squared_error` and
            `mean_absolute_error`.
        score_name: The metric of `metrics` that corresponds to the objective; if there is none,
            `loss`, or the first one of a model that is not compiled.
        model: Path of the saved model, relative to the search's folder.
        artifacts: Paths of the reports, plots and input example, relative to the search's folder.
    """

    metrics: dict[str, float]
    score_name: str
    model: str
    artifacts: list[str]


def evaluate(
    model: keras.Model,
    dataset: Dataset,
    directory: Path,
    *,
    objective: str,
    batch_size: int,
    notices: Notices,
) -> Evaluation:
    """Test a model, save it, make sure that its file gives it back, and report on it.

    The model's file appears under its name only once it is verified. A failing report leaves it
    there.

    Args:
        model: A trained model; not compiled if its hypermodel trains it with a loop of its own.
        dataset: The data; only the test split and the classes are used.
        directory: The search's folder; `best_model.keras` and `evaluation/` are written there.
        objective: The search's objective, for example `val_loss`.
        batch_size: Rows of a batch, at least 1.
        notices: Told if the model is saved without what it was compiled with.

    Returns:
        The metrics and what was written.

    Raises:
        VerificationError: The model cannot be saved, cannot be loaded, or differs when loaded.
        EvaluationError: The predictions are not finite, or do not fit the dataset's task.

    Example:
        >>> evaluate(model, dataset, Path("outputs/searches/a1"), objective="val_loss",
        ...          batch_size=32, notices=Notices()).metrics
        {'accuracy': 0.97, 'loss': 0.09}
    """
    # Either also builds a subclassed model that was never called, so that it can be saved.
    metrics, predictions = (
        evaluate_and_predict(model, dataset.test, batch_size) if model.compiled else ({}, None)
    )
    if predictions is None:
        predictions = model.predict(dataset.test.x, batch_size=batch_size, verbose=0)
    _check_finite(predictions)
    _save_verified(model, metrics, predictions, dataset, directory, batch_size, notices)
    folder = directory / FOLDER
    folder.mkdir(exist_ok=True)
    write_input_example(dataset.test.x, folder / "input_example.npz")
    true = dataset.test.y
    if dataset.task == "classification":
        loss = model.loss if model.compiled else None
        predicted = predicted_classes(predictions, loss, len(dataset.classes))
        metrics = metrics or {"accuracy": float(np.mean(predicted == true))}
        files = report_classification(true, predicted, dataset.classes, folder)
    else:
        predicted = predicted_values(predictions)
        errors = predicted - true
        plain = {"mean_squared_error": errors**2, "mean_absolute_error": np.abs(errors)}
        metrics = metrics or {name: float(np.mean(values)) for name, values in plain.items()}
        files = report_regression(true, predicted, folder)
    return Evaluation(
        metrics=metrics,
        score_name=_score_name(objective, metrics),
        model=MODEL_FILE,
        artifacts=[f"{FOLDER}/{name}" for name in ("input_example.npz", *files)],
    )


def write_input_example(x: Inputs, path: Path) -> None:
    """Write a few rows of raw inputs, readable by `numpy.load` without pickle.

    The archive is written entry by entry because `numpy.savez` takes no column named `file`.

    Args:
        x: An array of two dimensions or more, stored as `x`; or a table, stored by column name,
            text as unicode arrays.
        path: The `.npz` file.
    """
    columns = x if isinstance(x, dict) else {"x": x}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, column in columns.items():
            rows = column[: max(1, min(_EXAMPLE_ROWS, _EXAMPLE_NUMBERS // column[:1].size))]
            values = rows.astype(str) if rows.dtype == object else rows
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, values, allow_pickle=False)


def _score_name(objective: str, metrics: Mapping[str, float]) -> str:
    name = objective.removeprefix("val_")
    return next((known for known in (name, "loss") if known in metrics), next(iter(metrics)))


def _save_verified(
    model: keras.Model,
    metrics: Mapping[str, float],
    predictions: Any,
    dataset: Dataset,
    directory: Path,
    batch_size: int,
    notices: Notices,
) -> None:
    """Save the model under a temporary name, compare what is loaded from there, then rename."""
    temporary = directory / f"unverified_{MODEL_FILE}"
    try:
        reloaded = _save_and_load(model, temporary, notices)
        if metrics and reloaded.compiled:
            again, _ = evaluate_and_predict(reloaded, dataset.test, batch_size)
            _compare_metrics(metrics, again)
        else:  # Keras does not compile what has a `compile` of its own
            predicted = reloaded.predict(dataset.test.x, batch_size=batch_size, verbose=0)
            _compare_predictions(predictions, predicted)
        temporary.replace(directory / MODEL_FILE)
    finally:
        temporary.unlink(missing_ok=True)


def _save_and_load(model: keras.Model, path: Path, notices: Notices) -> keras.Model:
    if model.compiled and not model.optimizer.built:
        # A training loop of its own may not use it; Keras would miss its variables on loading.
        model.optimizer.build(model.trainable_variables)
    try:
        model.save(path)
        return keras.saving.load_model(path)
    except OSError:
        raise
    except Exception as error:  # a user's get_config and from_config may raise anything
        reason = " ".join(str(error).split()).partition(". ")[0]
        reloaded = _load_uncompiled(path)
        if reloaded is None:
            raise VerificationError(
                f"it cannot be saved and loaded again ({reason}); {_DECORATE}"
            ) from error
    notices.tell(
        "the best model is saved without its loss, metrics and optimizer, as they cannot be loaded "
        f"again ({reason}); {_DECORATE}"
    )
    reloaded.save(path)
    return keras.saving.load_model(path)


def _load_uncompiled(path: Path) -> keras.Model | None:
    """Load a model without its loss, metrics and optimizer; None if that is not what is wrong."""
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception:  # as above; what was raised there says why
        return None


def _compare_metrics(expected: Mapping[str, float], received: Mapping[str, float]) -> None:
    for name, value in expected.items():
        again = received.get(name, math.nan)
        both_nan = math.isnan(value) and math.isnan(again)
        if not both_nan and not math.isclose(value, again, rel_tol=_TOLERANCE, abs_tol=1e-7):
            raise VerificationError(
                f"its {name} on the test split is {value:g}, but {again:g} {_CHANGED}"
            )


def _compare_predictions(expected: Any, received: Any) -> None:
    pairs = zip(keras.tree.flatten(expected), keras.tree.flatten(received), strict=True)
    if not all(np.allclose(*pair, rtol=_TOLERANCE, atol=1e-5) for pair in pairs):
        raise VerificationError(f"its predictions are different {_CHANGED}")


def _check_finite(predictions: Any) -> None:
    for array in keras.tree.flatten(predictions):
        bad = int(np.sum(~np.isfinite(array).reshape(len(array), -1).all(axis=1)))
        if bad:
            raise EvaluationError(
                f"it predicts NaN or infinite values for {bad} of {len(array)} rows of the test "
                "split"
            )
