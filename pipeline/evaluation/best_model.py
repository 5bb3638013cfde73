"""The best model on the test split: its metrics, its file, and what shows how good it is."""

import contextlib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.datasets.dataset import Dataset, Split, Stream
from pipeline.datasets.streams import FEW
from pipeline.evaluation.baseline import baseline
from pipeline.evaluation.input_example import write_input_example
from pipeline.evaluation.model_file import (
    WITHOUT,
    VerificationError,
    compare_predictions,
    metrics_difference,
    save_and_load,
    save_uncompiled,
)
from pipeline.evaluation.one_pass import Predicted, evaluate_and_predict, predict
from pipeline.evaluation.predictions import EvaluationError
from pipeline.evaluation.predictions_file import write_predictions
from pipeline.evaluation.reports import plain_metrics, report
from pipeline.frozen.model_graph import fixed_batch_size
from pipeline.training.failures import sentence
from pipeline.training.notices import Notices
from pipeline.training.stateful import stateful_layers, uneven_batches

__all__ = ["Evaluation", "EvaluationError", "VerificationError", "evaluate"]

MODEL_FILE = "best_model.keras"
FOLDER = "evaluation"
PREDICTIONS = f"{FOLDER}/predictions.npz"


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
        baseline: As far as they can be told, `metrics` of predicting the same for every row.
        confusion: As of `Report`.
    """

    metrics: dict[str, float]
    score_name: str
    model: str
    artifacts: list[str]
    baseline: dict[str, float]
    confusion: list[list[int]] | None


def evaluate(
    model: keras.Model,
    dataset: Dataset,
    directory: Path,
    *,
    objective: str,
    batch_size: int,
    notices: Notices,
    test: Split | Stream | None = None,
    keep_predictions: bool = False,
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
            A model that has one of its own takes that.
        notices: Told if the model is saved without what it was compiled with, or has no baseline.
        test: The test split as the model is to be given it; None gives it as it is.
        keep_predictions: Whether what it predicts is written, with the targets.

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
    test = dataset.test if test is None else test
    reason = uneven_batches(model, {"test": len(test)})
    if reason is not None:
        raise EvaluationError(reason)
    batch_size = fixed_batch_size(model) or batch_size
    rows = batch_size if stateful_layers(model) else None
    metrics, predicted = _tested(model, test, batch_size)
    _check_finite(predicted.predictions)
    known = _known_rows(test, rows)
    said = (metrics, predicted)
    if known is not test:
        said = _tested(model, known, batch_size)
    _save_verified(model, *said, known, directory, batch_size, notices)
    if isinstance(dataset.test, Split):  # of which the model may have been given other targets
        predicted = replace(predicted, y=dataset.test.y)
    folder = directory / FOLDER
    folder.mkdir(exist_ok=True)
    write_input_example(known.x, folder / "input_example.npz", rows=rows)
    loss = model.loss if model.compiled else None
    made = report(
        predicted,
        dataset,
        folder,
        loss=loss,
        predict=functools.partial(predict, model, batch_size=batch_size),
    )
    artifacts = [f"{FOLDER}/{name}" for name in ("input_example.npz", *made.files)]
    if keep_predictions:
        write_predictions(predicted, directory / PREDICTIONS)
        artifacts.append(PREDICTIONS)
    metrics = metrics or plain_metrics(predicted, dataset, loss)
    if not metrics:
        raise EvaluationError(
            "it is not compiled, so that nothing is known to test it by: compile it with a loss"
        )
    return Evaluation(
        metrics=metrics,
        score_name=_score_name(objective, metrics),
        model=MODEL_FILE,
        artifacts=artifacts,
        baseline=baseline(
            model, dataset, predicted, metrics, batch_size=batch_size, notices=notices
        )
        if _same_targets(test, dataset.test)
        else {},
        confusion=made.confusion,
    )


def _same_targets(given: Split | Stream, test: Split | Stream) -> bool:
    """Whether a model was tested with the dataset's targets, not with what `fit` makes of them."""
    if given is test:
        return True
    both = (given, test)
    return all(isinstance(one, Split) for one in both) and np.array_equal(*(one.y for one in both))


def _known_rows(test: Split | Stream, rows: int | None) -> Split:
    """Return examples that are the same whenever they are asked for: of a stream, the first few."""
    return test if isinstance(test, Split) else test.first(rows or FEW)


def _tested(
    model: keras.Model, test: Split | Stream, batch_size: int
) -> tuple[dict[str, float], Predicted]:
    """Return a model's metrics, if it has any, and its predictions."""
    with _in_a_sentence(f"{len(test)} rows in batches of {batch_size}"):
        # Either also builds a subclassed model that was never called, so that it can be saved.
        metrics, predicted = (
            evaluate_and_predict(model, test, batch_size) if model.compiled else ({}, None)
        )
        return metrics, predicted or predict(model, test, batch_size)


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
    predicted: Predicted,
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
            difference = _difference(reloaded, metrics, test, batch_size)
        if not reloaded.compiled or difference is not None:
            received = predict(reloaded, test, batch_size)
            compare_predictions(predicted.predictions, received.predictions)
        if difference is not None:  # they predict the same, so that it is the loss or a metric
            notices.tell(f"{WITHOUT}: its {difference}")
            save_uncompiled(temporary)
        temporary.replace(directory / MODEL_FILE)
    finally:
        temporary.unlink(missing_ok=True)


def _difference(
    reloaded: keras.Model, metrics: Mapping[str, float], test: Split, batch_size: int
) -> str | None:
    """Say what of a model's metrics its file does not give back; None if it gives all."""
    try:
        again, _ = evaluate_and_predict(reloaded, test, batch_size)
    except OSError:
        raise
    except Exception as error:  # a `compile` of its own, whose arguments Keras does not save
        return f"evaluation fails when it is loaded ({sentence(error)})"
    return metrics_difference(metrics, again, on="the test split")


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
