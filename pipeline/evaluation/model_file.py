"""A model's `.keras` file, which gives the model back."""

import contextlib
import inspect
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from pipeline.training.notices import Notices
from pipeline.training.weights import build_optimizer

_TOLERANCE = 1e-4
DECORATE = (
    "decorate each of its own classes and functions with "
    "@keras.saving.register_keras_serializable() and let its classes define get_config"
)
WITHOUT = "best_model.keras is saved without the loss, metrics and optimizer"
_CHANGED = (
    "after it was saved and loaded again; its layers must keep all their state in weights and "
    "get_config, and must not be random at inference"
)


class VerificationError(RuntimeError):
    """The model's file does not give the model back; the sentence's subject is the model."""


def save_and_load(model: keras.Model, path: Path, notices: Notices) -> keras.Model:
    """Write a model's file, and load it again.

    What the model is compiled with is left out if only that cannot be loaded.

    Args:
        model: Any model.
        path: The `.keras` file.
        notices: Told if the model is saved without what it is compiled with.

    Returns:
        What the file gives.

    Raises:
        VerificationError: It cannot be saved, or not be loaded.
        OSError: The file cannot be written.
    """
    if model.compiled and model.optimizer is None:
        raise VerificationError(
            "it is compiled with optimizer=None, and Keras cannot load such a model from a file; "
            "compile it with any optimizer, or not at all"
        )
    if model.compiled:
        # A training loop of its own may not use it; Keras would miss its variables on loading.
        build_optimizer(model)
    try:
        with _complete_configurations(model):
            model.save(path)
        return keras.saving.load_model(path)
    except OSError:
        raise
    except Exception as error:  # a user's get_config and from_config may raise anything
        reason = _reason(error)
        if not _is_loaded_uncompiled(path):
            raise VerificationError(
                f"it cannot be saved and loaded again ({reason}); {DECORATE}"
            ) from error
    notices.tell(f"{WITHOUT}: they cannot be loaded again ({reason}); {DECORATE}")
    return save_uncompiled(path)


def _reason(error: Exception) -> str:
    """Return the first sentence of what Keras met inside of the objects that it names before."""
    text = " ".join(str(error).split())
    return text.rpartition("Exception encountered: ")[2].partition(". ")[0]


def _is_loaded_uncompiled(path: Path) -> bool:
    """Whether only the loss, metrics or optimizer of a model cannot be loaded."""
    try:
        keras.saving.load_model(path, compile=False)
    except Exception:  # as above; what was raised there says why
        return False
    return True


def save_uncompiled(path: Path) -> keras.Model:
    """Take loss, metrics and optimizer out of a model's file, and load it again."""
    keras.saving.load_model(path, compile=False).save(path)
    return keras.saving.load_model(path)


def metrics_difference(
    expected: Mapping[str, float], received: Mapping[str, float], *, on: str
) -> str | None:
    """Say which metric of a model is another one of the model that its file gives.

    Args:
        expected: The model's.
        received: Of the loaded one.
        on: What they were measured on.

    Returns:
        A clause; None if there is no difference.
    """
    for name, value in expected.items():
        again = received.get(name, math.nan)
        both_nan = math.isnan(value) and math.isnan(again)
        if not both_nan and not math.isclose(value, again, rel_tol=_TOLERANCE, abs_tol=1e-7):
            return f"{name} on {on} is {value:g}, but {again:g} after it was saved and loaded again"
    return None


def compare_predictions(expected: Any, received: Any) -> None:
    """Compare the predictions of a model with those of the one that its file gives.

    Raises:
        VerificationError: They differ.
    """
    pairs = zip(keras.tree.flatten(expected), keras.tree.flatten(received), strict=True)
    if not all(np.allclose(*pair, rtol=_TOLERANCE, atol=1e-5, equal_nan=True) for pair in pairs):
        raise VerificationError(f"its predictions are different {_CHANGED}")


def losses_and_metrics(model: keras.Model) -> list[Any]:
    """Return the objects and functions, but not the names, that a model was compiled with."""
    compiled = model._compile_config.config if model.compiled and model._compile_config else {}
    given = [compiled.get(name) for name in ("loss", "metrics", "weighted_metrics")]
    return [one for one in keras.tree.flatten(given) if not isinstance(one, str | None)]


def left_out(value: Any) -> dict[str, Any]:
    """Return the arguments of one of Keras's losses or metrics that its configuration lacks.

    In Keras 3.15 these are `delta` of `Huber` and `axis` of `CosineSimilarity` and of
    `SparseCategoricalCrossentropy`; what is loaded from a file then has the default.

    Args:
        value: A loss or metric; of functions and of the user's own classes nothing is known.
    """
    if not type(value).__module__.startswith("keras.") or not hasattr(value, "get_config"):
        return {}
    known = value.get_config()
    arguments = inspect.signature(type(value).__init__).parameters
    given = getattr(value, "_fn_kwargs", {})
    return {name: given[name] for name in given if name in arguments and name not in known}


@contextlib.contextmanager
def _complete_configurations(model: keras.Model) -> Iterator[None]:
    """Let Keras save all arguments of its own losses and metrics, while the block runs."""
    lacking = [(one, left_out(one)) for one in losses_and_metrics(model)]
    lacking = [(one, arguments) for one, arguments in lacking if arguments]
    for one, arguments in lacking:
        config = {**one.get_config(), **arguments}
        one.get_config = lambda config=config: config
    try:
        yield
    finally:
        for one, _ in lacking:
            vars(one).pop("get_config", None)
