"""The best model on the test split: its metrics, its file, and what shows how good it is."""

import contextlib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.datasets.dataset import Dataset, Inputs, Split
from pipeline.evaluation.feeding import to_predict
from pipeline.evaluation.input_example import write_input_example
from pipeline.evaluation.model_file import (
    WITHOUT,
    VerificationError,
    compare_predictions,
    metrics_difference,
    save_and_load,
    save_uncompiled,
)
from pipeline.evaluation.one_pass import evaluate_and_predict, forget_batches, stateful_layers
from pipeline.evaluation.predictions import EvaluationError
from pipeline.evaluation.reports import report
from pipeline.frozen.model_graph import fixed_batch_size
from pipeline.training.failures import sentence
from pipeline.training.notices import Notices

__all__ = ["Evaluation", "EvaluationError", "VerificationError", "evaluate"]

MODEL_FILE = "best_model.keras"
FOLDER = "evaluation"
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Evaluation:
    """What the test split says of a model.

    Attributes:
        metrics: Metrics on the test split, named as Keras names them, without prefix. A model
            that is not compiled reports none itself: `accuracy`, `binary_accuracy` of labels, or
            `mean_squared_error` and `mean_absolute_error`.
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
        batch_size: Rows of a batch, at least 1: what losses and metrics of a batch depend on.
            Stateful layers take no other than their own.
        notices: Told if the model is saved without what it was compiled with.

    Returns:
        The metrics and what was written.

    Raises:
        VerificationError: The model cannot be saved, cannot be loaded, or differs when loaded.
        EvaluationError: The model cannot be evaluated, or its predictions are not finite or do
            not fit the dataset's task.

    Example:
        >>> evaluate(model, dataset, Path("outputs/searches/a1"), objective="val_loss",
        ...          batch_size=32, notices=Notices()).metrics
        {'accuracy': 0.97, 'loss': 0.09}
    """
    fixed = _fixed_batch_size(model, len(dataset.test))
    batch_size = fixed or batch_size
    metrics, predictions = _tested(model, dataset.test, batch_size)
    _check_finite(predictions)
    _save_verified(model, metrics, predictions, dataset.test, directory, batch_size, notices)
    folder = directory / FOLDER
    folder.mkdir(exist_ok=True)
    write_input_example(dataset.test.x, folder / "input_example.npz", rows=fixed)
    made = report(
        predictions,
        dataset,
        folder,
        loss=model.loss if model.compiled else None,
        predict=functools.partial(_predicted, model, batch_size=batch_size),
    )
    metrics = metrics or made.metrics
    if not metrics:
        raise EvaluationError(
            "it is not compiled, so that nothing is known to test it by: compile it with a loss"
        )
    return Evaluation(
        metrics=metrics,
        score_name=_score_name(objective, metrics),
        model=MODEL_FILE,
        artifacts=[f"{FOLDER}/{name}" for name in ("input_example.npz", *made.files)],
    )


def _fixed_batch_size(model: keras.Model, rows: int) -> int | None:
    """Return the only batch size that stateful layers take; None if there are none."""
    size = fixed_batch_size(model) if stateful_layers(model) else None
    if size is not None and rows % size:
        raise EvaluationError(
            f"its stateful layers take batches of {size} rows alone, and the test split has {rows} "
            f"rows; choose its size so that they are a multiple of {size}"
        )
    return size


def _tested(model: keras.Model, test: Split, batch_size: int) -> tuple[dict[str, float], Any]:
    """Return a model's metrics, if it has any, and its predictions."""
    with _in_a_sentence(f"{len(test)} rows in batches of {batch_size}"):
        # Either also builds a subclassed model that was never called, so that it can be saved.
        metrics, predictions = (
            evaluate_and_predict(model, test, batch_size) if model.compiled else ({}, None)
        )
        if predictions is None:
            forget_batches(model)
            predictions = _predicted(model, test.x, batch_size=batch_size)
    return metrics, predictions


def _predicted(model: keras.Model, x: Inputs, *, batch_size: int) -> Any:
    return model.predict(**to_predict(x, batch_size), verbose=0)


@contextlib.contextmanager
def _in_a_sentence(given: str) -> Iterator[None]:
    """Say in one sentence what a user's layer, loss or metric raises."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise EvaluationError(
            f"it cannot be evaluated on the test split, {given} ({sentence(error)})"
        ) from error


def _score_name(objective: str, metrics: Mapping[str, float]) -> str:
    name = objective.removeprefix("val_")
    return next((known for known in (name, "loss") if known in metrics), next(iter(metrics)))


def _save_verified(
    model: keras.Model,
    metrics: Mapping[str, float],
    predictions: Any,
    test: Split,
    directory: Path,
    batch_size: int,
    notices: Notices,
) -> None:
    """Save the model under a temporary name, compare what is loaded from there, then rename."""
    temporary = directory / f"unverified_{MODEL_FILE}"
    try:
        reloaded, difference = save_and_load(model, temporary, notices), None
        if metrics and reloaded.compiled:
            with _in_a_sentence("when it is loaded from its file"):
                again, _ = evaluate_and_predict(reloaded, test, batch_size)
            difference = metrics_difference(metrics, again, on="the test split")
        if not reloaded.compiled or difference is not None:
            predicted = _predicted(reloaded, test.x, batch_size=batch_size)
            compare_predictions(predictions, predicted)
        if difference is not None:  # they predict the same, so that it is the loss or a metric
            notices.tell(f"{WITHOUT}: its {difference}")
            save_uncompiled(temporary)
        temporary.replace(directory / MODEL_FILE)
    finally:
        temporary.unlink(missing_ok=True)


def _check_finite(predictions: Any) -> None:
    for array in keras.tree.flatten(predictions):
        if array.dtype.kind not in "fc":
            continue
        bad = int(np.sum(~np.isfinite(array).reshape(len(array), -1).all(axis=1)))
        if bad:
            raise EvaluationError(
                f"it predicts NaN or infinite values for {bad} of {len(array)} rows of the test "
                "split"
            )
