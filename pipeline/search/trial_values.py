"""A trial's values: the hyperparameters, and what KerasTuner keeps beside them."""

import time
from collections.abc import Mapping
from typing import Any

from keras_tuner.engine.trial import Trial

from pipeline.journal.callbacks import TrialBegin

_OWN_VALUES = "tuner/"


def trial_begin(trial: Trial, attempt: int, epochs: int) -> TrialBegin:
    """Return the record of an attempt that starts now.

    Args:
        trial: What the oracle proposed.
        attempt: 0 for the first try at it.
        epochs: As in `epoch_range`.

    Returns:
        The record.
    """
    values = trial.hyperparameters.values
    first, last = epoch_range(values, epochs)
    lineage = {
        "bracket": values.get("tuner/bracket"),
        "round": values.get("tuner/round"),
        "parent": values.get("tuner/trial_id"),
    }
    return TrialBegin(
        trial=trial.trial_id,
        attempt=attempt,
        hyperparameters={
            name: value for name, value in values.items() if not name.startswith(_OWN_VALUES)
        },
        lineage=lineage if "tuner/bracket" in values else {},
        initial_epoch=first,
        epochs=last,
        time=time.time(),
    )


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
