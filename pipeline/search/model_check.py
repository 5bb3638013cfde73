"""What a search's models make of a batch and of a file, found out before the first trial."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

from pipeline.configuration.config import ConfigError
from pipeline.datasets.batches import Examples
from pipeline.datasets.dataset import Split, Stream
from pipeline.evaluation.model_file import (
    WITHOUT,
    VerificationError,
    compare_predictions,
    left_out,
    losses_and_metrics,
    metrics_difference,
    save_and_load,
)
from pipeline.evaluation.predictions import EvaluationError
from pipeline.evaluation.reports import check_predictions
from pipeline.frozen.model_graph import fixed_batch_size
from pipeline.frozen.part import NotReusableError, find_frozen_part
from pipeline.seeds import derive_seed
from pipeline.training.failures import USERS_FAILURES, sentence
from pipeline.training.fitting import Fitting
from pipeline.training.notices import Notices
from pipeline.training.overrides import overrides
from pipeline.training.own_fit import has_own_fit
from pipeline.training.plain_logs import plain_logs
from pipeline.training.trainer import Trainer

_ROWS = 8
_PLAIN = (bool, int, float, str)


def check_models(trainer: Trainer, space: keras_tuner.HyperParameters) -> list[str]:
    """Give a search's first model one batch, save it and load it, before anything is written.

    What a model with the first hyperparameters cannot do, one with others may: then the trials
    will tell. A hypermodel with a `fit` of its own may prepare its data there, so that nothing is
    known of its batches.

    Args:
        trainer: It builds the models, and knows the data.
        space: The search space.

    Returns:
        Sentences on what will be saved otherwise than the model is.

    Raises:
        ConfigError: No model can be given the examples, has a loss or metric that does not fit the
            targets, predicts what the dataset's task needs or reports the objective.
        VerificationError: A model cannot be saved and loaded, or predicts something else then.
        OSError: There is no room for a temporary file.
    """
    sentences: list[str] = []
    notices, seed = Notices(sentences.append), derive_seed(0, "saving")
    try:
        model = trainer.build(space.copy(), seed)
        _check_parts(model, notices)
        seen = _Seen.of(model, trainer)
        if seen.refusal is None:
            _check_file(seen, notices)
        other = trainer.build(_sampled(space), seed)
        _check_parts(other, notices)
        refused = seen.refusal is not None and _Seen.of(other, trainer).refusal is not None
    except (VerificationError, OSError, keras_tuner.errors.FatalError):
        raise
    except USERS_FAILURES:  # what a model raises when it is built fails its trial, not the search
        return sentences
    if refused:
        raise ConfigError(str(seen.refusal))
    return sentences


@dataclass(frozen=True)
class _Seen:
    """What a model makes of one batch.

    Attributes:
        part: What of the model is the user's own to save.
        batch: Inputs, targets and weights for that part.
        refusal: What it cannot do that a training needs; None if it can do all.
        predictions: What it predicts; None of a hypermodel with a `fit` of its own.
        reported: Its loss and metrics, likewise.
    """

    part: keras.Model
    batch: tuple[Any, Any, Any] = (None, None, None)
    refusal: str | None = None
    predictions: Any = None
    reported: Mapping[str, float] | None = None

    @classmethod
    def of(cls, model: keras.Model, trainer: Trainer) -> "_Seen":
        """Give a model one batch."""
        if has_own_fit(trainer.hypermodel):
            # Its fit decides on what it is built with.
            return cls(*_small_part(model, trainer.dataset.train)) if model.built else cls(model)
        if (uneven := trainer.uneven_batches(model)) is not None:
            return cls(model, refusal=f"model: {uneven}")
        seen = cls(*_small_part(model, trainer.dataset.train))
        seen.part.run_eagerly = True  # for a few examples, faster than a trace
        try:
            predictions = seen.part.predict_on_batch(seen.batch[0])
        except USERS_FAILURES as error:
            told = f"it cannot be given the examples of the dataset ({sentence(error)})"
            return replace(seen, refusal=f"model: {told}")
        try:
            check_predictions(predictions, trainer.dataset, model.loss)
        except EvaluationError as error:
            meant = "if that is meant, use task='custom'"
            return replace(seen, refusal=f"model: {error}; {meant}")
        try:
            reported = _tested(seen.part, *seen.batch)
        except USERS_FAILURES as error:
            told = f"its loss or a metric does not fit the targets ({sentence(error)})"
            return replace(seen, refusal=f"model: {told}")
        refusal = _unreported(reported, model, trainer)
        return replace(seen, refusal=refusal, predictions=predictions, reported=reported)


def _unreported(reported: Mapping[str, float], model: keras.Model, trainer: Trainer) -> str | None:
    """Say that the objective is not among what a model reports; None if it is, or may be."""
    name = trainer.objective.name
    known = {**reported, **{f"val_{metric}": value for metric, value in reported.items()}}
    own_steps = overrides(model, keras.Model, ("train_step", "test_step"))
    if name in known or own_steps or not all(map(_is_keras_own, trainer.callbacks())):
        return None
    return (
        f"objective.name={name} is not reported by the model; allowed: {', '.join(sorted(known))}"
    )


def _is_keras_own(callback: keras.callbacks.Callback) -> bool:
    """Whether a callback is known to add no metric to what is reported."""
    return type(callback).__module__.startswith("keras.")


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


def _check_file(seen: _Seen, notices: Notices) -> None:
    """Save and load a model, and compare what both say of a few examples."""
    if not seen.part.built:  # before its own fit
        return
    with tempfile.TemporaryDirectory() as folder:
        reloaded = save_and_load(seen.part, Path(folder, "model.keras"), notices)
    if seen.reported is None:
        return
    reloaded.run_eagerly = True  # as in `_Seen.of`
    compare_predictions(seen.predictions, reloaded.predict_on_batch(seen.batch[0]))
    if reloaded.compiled:
        received = _tested(reloaded, *seen.batch)
        difference = metrics_difference(seen.reported, received, on="a few examples")
        if difference is not None:
            notices.tell(f"{WITHOUT}: its {difference}")


def _small_part(
    model: keras.Model, data: Split | Stream
) -> tuple[keras.Model, tuple[Any, Any, Any]]:
    """Return what of a model is the user's own to save, with a batch of examples for it.

    Frozen layers at its beginning are Keras's own, and to save a large network takes seconds.
    """
    few = data.first(fixed_batch_size(model) or _ROWS)
    batch, rows = Examples.of(few).first(len(few)), len(few)
    x, y, weight = keras.utils.unpack_x_y_sample_weight(batch)
    try:
        part = find_frozen_part(model) if model.compiled else None
    except NotReusableError:
        part = None
    if part is None or not part.weights:
        return model, (x, y, weight)
    random = np.random.default_rng(0)
    made = [
        random.uniform(0, 1, (rows, *one.shape[1:])).astype(one.dtype)
        for one in part.extractor.outputs
    ]
    head = Fitting.compiled(model, Examples(x, y, weight), part=part).trained
    return head, (made[0] if len(made) == 1 else tuple(made), y, weight)


def _tested(model: keras.Model, x: Any, y: Any, weight: Any) -> dict[str, float]:
    weighted = {} if weight is None else {"sample_weight": weight}
    return plain_logs(model.test_on_batch(x, y, return_dict=True, **weighted))
