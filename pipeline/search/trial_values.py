"""A trial's values: the hyperparameters, and what KerasTuner keeps beside them."""

from collections.abc import Mapping
from typing import Any

from pipeline.journal.callbacks import TrialBegin

_OWN_VALUES = "tuner/"


def hyperparameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a trial's values without those that KerasTuner keeps beside them."""
    return {name: value for name, value in values.items() if not name.startswith(_OWN_VALUES)}


def lineage(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return Hyperband's `bracket`, `round` and `parent` of a trial; nothing if it has none."""
    if "tuner/bracket" not in values:
        return {}
    return {
        "bracket": values["tuner/bracket"],
        "round": values.get("tuner/round"),
        "parent": values.get("tuner/trial_id"),
    }


def restored_values(hyperparameters: Mapping[str, Any], begin: TrialBegin) -> dict[str, Any]:
    """Return the values of a trial again, from what its journal tells.

    Args:
        hyperparameters: The values under evaluation.
        begin: How one of its attempts started.

    Returns:
        Those values, with what KerasTuner keeps beside them.
    """
    values = dict(hyperparameters)
    if begin.lineage:
        values |= {
            "tuner/epochs": begin.epochs,
            "tuner/initial_epoch": begin.initial_epoch,
            "tuner/bracket": begin.lineage["bracket"],
            "tuner/round": begin.lineage["round"],
        }
        if begin.lineage["parent"] is not None:
            values["tuner/trial_id"] = begin.lineage["parent"]
    return values


def epoch_range(values: Mapping[str, Any], epochs: int) -> tuple[int, int]:
    """Return the absolute epochs at which a trial starts and before which it ends.

    Args:
        values: The trial's values.
        epochs: Where it ends, unless the strategy or the hyperparameter `epochs` decides.

    Returns:
        Both.
    """
    last = values.get("tuner/epochs", values.get("epochs", epochs))
    return int(values.get("tuner/initial_epoch", 0)), int(last)
