"""A hypermodel's own `fit`, called as KerasTuner calls it."""

import re
from typing import Any

import keras
import keras_tuner

from pipeline.splits import Split


def has_own_fit(hypermodel: keras_tuner.HyperModel) -> bool:
    """Whether a hypermodel trains its models in a way of its own."""
    return type(hypermodel).fit is not keras_tuner.HyperModel.fit


def call_own_fit(
    hypermodel: keras_tuner.HyperModel,
    hyperparameters: keras_tuner.HyperParameters,
    model: keras.Model,
    data: Split,
    **arguments: Any,
) -> Any:
    """Let a hypermodel train a model.

    Such a `fit` may set `batch_size` or `epochs` itself; Python then refuses ours, and it is
    called again without it. Where a strategy decides the epochs it must not set them.

    Args:
        hypermodel: It has a `fit` of its own.
        hyperparameters: The values that the model was built from.
        model: What it built.
        data: What to train it on.
        **arguments: What `keras.Model.fit` takes besides; `verbose` is 0.

    Returns:
        What `fit` returned.

    Raises:
        FatalTypeError: It sets its own epochs, which the strategy decides.
    """
    arguments["verbose"] = 0
    while True:
        try:
            return hypermodel.fit(hyperparameters, model, data.x, data.y, **arguments)
        except TypeError as error:
            name = _doubled_argument(error)
            if name not in {"batch_size", "epochs", "verbose"} & arguments.keys():
                raise
            if name == "epochs" and "tuner/epochs" in hyperparameters.values:
                raise keras_tuner.errors.FatalTypeError(
                    "the hypermodel's fit() sets its own epochs, which Hyperband must set; "
                    "leave epochs to the arguments it is given"
                ) from error
            del arguments[name]


def _doubled_argument(error: TypeError) -> str | None:
    match = re.search(r"got multiple values for keyword argument '(\w+)'", str(error))
    return match[1] if match else None
