"""Learning rates that can be set: not those that follow a schedule, nor where there is none."""

from typing import Any

import keras

RATE = "learning_rate"


def optimizers(optimizer: Any) -> list[Any]:
    """Return the optimizers that an optimizer consists of: it alone, unless it has several."""
    return list(getattr(optimizer, "optimizers", [optimizer]))


def is_settable(optimizer: Any) -> bool:
    """Whether somebody may set the learning rate of an optimizer that consists of no others."""
    return isinstance(getattr(optimizer, RATE, None), keras.Variable)


def fixed_because(model: keras.Model) -> str | None:
    """Say why nobody can set a model's learning rate; None if one can.

    Args:
        model: Any model; one that was not compiled has no optimizer.
    """
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return "its model has no optimizer"
    if not all(map(is_settable, optimizers(optimizer))):
        return "the learning rate follows a schedule"
    return None
