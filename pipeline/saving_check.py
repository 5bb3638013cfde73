"""Whether the models of a search can be saved and loaded, found out before the first trial."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

from pipeline.batches import Examples
from pipeline.fitting import Fitting
from pipeline.frozen import NotReusableError, find_frozen_part
from pipeline.model_files import (
    DECORATE,
    VerificationError,
    compare_metrics,
    compare_predictions,
    left_out,
    losses_and_metrics,
    save_and_load,
)
from pipeline.plain_logs import plain_logs
from pipeline.release import fixed_batch_size
from pipeline.seeds import derive_seed
from pipeline.splits import Split, take
from pipeline.trainer import Trainer

_ROWS = 8
_PLAIN = (bool, int, float, str)


def check_saving(trainer: Trainer, space: keras_tuner.HyperParameters) -> list[str]:
    """Save and load the first model of a search, and what another one is compiled with.

    Args:
        trainer: It builds the models, and knows the data.
        space: The search space.

    Returns:
        Sentences on what Keras would not save, and is saved all the same.

    Raises:
        VerificationError: A model cannot be saved, or its file does not give it back.
    """
    seed = derive_seed(0, "saving")
    first = trainer.build(space.copy(), seed)
    sentences = list(_checked_parts(first))
    _check_file(first, trainer)
    try:
        other = trainer.build(_sampled(space), seed)
    except Exception:  # these values may not go together, which fails a trial and no search
        return sentences
    return [*sentences, *(one for one in _checked_parts(other) if one not in sentences)]


def _sampled(space: keras_tuner.HyperParameters) -> keras_tuner.HyperParameters:
    """Return other values than the first trial may have: what they change may not be saved."""
    sampled = space.copy()
    for number, one in enumerate(sampled.space):
        if not isinstance(one, keras_tuner.engine.hyperparameters.Fixed):
            sampled.values[one.name] = one.random_sample(number + 1)
    return sampled


def _checked_parts(model: keras.Model) -> Iterator[str]:
    """Make sure that losses and metrics keep their state; tell what Keras itself would lose."""
    for part in losses_and_metrics(model):
        name = getattr(part, "__name__", type(part).__name__)
        dropped = left_out(part)
        if dropped:
            what = " and ".join(dropped)
            yield (
                f"Keras {keras.__version__} does not save {what} of {name}: best_model.keras is "
                "given it, a model that you save yourself is not"
            )
        elif isinstance(part, keras.Loss | keras.Metric):
            _check_part(part, name)


def _check_part(part: keras.Loss | keras.Metric, name: str) -> None:
    try:
        copy = type(part).from_config(part.get_config())
    except Exception as error:  # a user's code may raise anything
        reason = " ".join(str(error).split()).partition(". ")[0]
        raise VerificationError(
            f"its {name} cannot be made again ({reason}); {DECORATE}"
        ) from error
    for attribute, value in vars(part).items():
        again = vars(copy).get(attribute)
        if isinstance(value, _PLAIN) and attribute not in ("built", "_built") and again != value:
            raise VerificationError(
                f"its {name} has {attribute}={value!r}, but {attribute}={again!r} after it was "
                "saved and loaded again; its get_config must have it"
            )


def _check_file(model: keras.Model, trainer: Trainer) -> None:
    """Save and load a model, and compare what both say of a few examples."""
    model, x, y = _small_part(model, trainer.dataset.train)
    with tempfile.TemporaryDirectory() as folder:
        reloaded = save_and_load(model, Path(folder, "model.keras"))
    if model.compiled and reloaded.compiled:
        tested = [_tested(one, x, y) for one in (model, reloaded)]
        compare_metrics(*tested, on="a few examples")
    compare_predictions(*(one.predict_on_batch(x) for one in (model, reloaded)))


def _small_part(model: keras.Model, split: Split) -> tuple[keras.Model, Any, Any]:
    """Return what of a model is the user's own to save, with examples for it.

    Frozen layers at its beginning are Keras's own, and to save a large network takes seconds.
    """
    rows = np.arange(min(fixed_batch_size(model) or _ROWS, len(split)))
    x, y = Examples.of(Split(take(split.x, rows), split.y[rows])).rows(0, len(rows))
    try:
        part = find_frozen_part(model) if model.compiled else None
    except NotReusableError:
        part = None
    if part is None or not part.weights:
        return model, x, y
    random = np.random.default_rng(0)
    made = [
        random.uniform(0, 1, (len(rows), *one.shape[1:])).astype(one.dtype)
        for one in part.extractor.outputs
    ]
    head = Fitting.compiled(model, Examples(x, y), part=part).trained
    return head, made[0] if len(made) == 1 else tuple(made), y


def _tested(model: keras.Model, x: Any, y: Any) -> dict[str, float]:
    model.run_eagerly = True  # for a few examples, faster than a trace
    return plain_logs(model.test_on_batch(x, y, return_dict=True))
