"""Whether the models of a search can be saved and loaded, found out before the first trial."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

from pipeline.datasets.batches import Examples
from pipeline.datasets.splits import Split, first_rows
from pipeline.evaluation.model_file import (
    WITHOUT,
    VerificationError,
    compare_predictions,
    left_out,
    losses_and_metrics,
    metrics_difference,
    save_and_load,
)
from pipeline.frozen.model_graph import fixed_batch_size
from pipeline.frozen.part import NotReusableError, find_frozen_part
from pipeline.seeds import derive_seed
from pipeline.training.failures import USERS_FAILURES
from pipeline.training.fitting import Fitting
from pipeline.training.notices import Notices
from pipeline.training.plain_logs import plain_logs
from pipeline.training.trainer import Trainer

_ROWS = 8
_PLAIN = (bool, int, float, str)


def check_saving(trainer: Trainer, space: keras_tuner.HyperParameters) -> list[str]:
    """Save and load the first model of a search, and look at what another one is compiled with.

    Args:
        trainer: It builds the models, and knows the data.
        space: The search space.

    Returns:
        Sentences on what will be saved otherwise than the model is.

    Raises:
        VerificationError: A model cannot be saved and loaded, or predicts something else then.
        OSError: There is no room for a temporary file.
    """
    sentences: list[str] = []
    notices, seed = Notices(sentences.append), derive_seed(0, "saving")
    try:
        first = trainer.build(space.copy(), seed)
        _check_parts(first, notices)
        _check_file(first, trainer, notices)
        _check_parts(trainer.build(_sampled(space), seed), notices)
    except (VerificationError, OSError):
        raise
    except USERS_FAILURES:  # what a model raises fails its trial, not the search
        return sentences
    return sentences


def _sampled(space: keras_tuner.HyperParameters) -> keras_tuner.HyperParameters:
    """Return other values than the first trial may have: what they change may not be saved."""
    sampled = space.copy()
    for number, one in enumerate(sampled.space):
        if not isinstance(one, keras_tuner.engine.hyperparameters.Fixed):
            sampled.values[one.name] = one.random_sample(number + 1)
    return sampled


def _check_parts(model: keras.Model, notices: Notices) -> None:
    """Tell which losses and metrics would not keep their state in a file."""
    for part in losses_and_metrics(model):
        name = getattr(part, "__name__", type(part).__name__)
        if dropped := left_out(part):
            notices.tell(
                f"Keras {keras.__version__} does not save {' and '.join(dropped)} of {name}: "
                "best_model.keras is given it, a model that you save yourself is not"
            )
        elif isinstance(part, keras.Loss | keras.Metric) and (lost := _lost(part)):
            notices.tell(f"{WITHOUT}, as {name} {lost}; its get_config must have it")


def _lost(part: keras.Loss | keras.Metric) -> str | None:
    """Say which plain attribute a loss or metric does not keep; None if it does, or cannot be made.

    What cannot be made is found out with the whole file.
    """
    try:
        copy = type(part).from_config(part.get_config())
    except Exception:  # a user's code may raise anything
        return None
    for name, value in vars(part).items():
        again = vars(copy).get(name)
        if isinstance(value, _PLAIN) and name not in ("built", "_built") and again != value:
            return f"has {name}={value!r}, but {name}={again!r} after it was saved and loaded again"
    return None


def _check_file(model: keras.Model, trainer: Trainer, notices: Notices) -> None:
    """Save and load a model, and compare what both say of a few examples."""
    model, x, y = _small_part(model, trainer.dataset.train)
    with tempfile.TemporaryDirectory() as folder:
        reloaded = save_and_load(model, Path(folder, "model.keras"), notices)
    for one in (model, reloaded):
        one.run_eagerly = True  # for a few examples, faster than a trace
    compare_predictions(*(one.predict_on_batch(x) for one in (model, reloaded)))
    if model.compiled and reloaded.compiled:
        expected, received = (_tested(one, x, y) for one in (model, reloaded))
        difference = metrics_difference(expected, received, on="a few examples")
        if difference is not None:
            notices.tell(f"{WITHOUT}: its {difference}")


def _small_part(model: keras.Model, split: Split) -> tuple[keras.Model, Any, Any]:
    """Return what of a model is the user's own to save, with examples for it.

    Frozen layers at its beginning are Keras's own, and to save a large network takes seconds.
    """
    rows = min(fixed_batch_size(model) or _ROWS, len(split))
    x, y = Examples.of(first_rows(split, rows)).rows(0, rows)
    try:
        part = find_frozen_part(model) if model.compiled else None
    except NotReusableError:
        part = None
    if part is None or not part.weights:
        return model, x, y
    random = np.random.default_rng(0)
    made = [
        random.uniform(0, 1, (rows, *one.shape[1:])).astype(one.dtype)
        for one in part.extractor.outputs
    ]
    head = Fitting.compiled(model, Examples(x, y), part=part).trained
    return head, made[0] if len(made) == 1 else tuple(made), y


def _tested(model: keras.Model, x: Any, y: Any) -> dict[str, float]:
    return plain_logs(model.test_on_batch(x, y, return_dict=True))
