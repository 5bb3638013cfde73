"""What lets TensorBoard's HParams plugin show a search's trials side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from pipeline.training.execution import Execution

_OWN_VALUES = "tuner/"  # KerasTuner's, which are no hyperparameters
_TYPES = (bool, int, float, str)


def shown_trials(
    callbacks: Sequence[keras.callbacks.Callback], execution: Execution
) -> list[keras.callbacks.Callback]:
    """Return what tells each TensorBoard of a training which hyperparameters it has.

    As KerasTuner does it: the executions of a trial are a session group of the plugin.

    Args:
        callbacks: Those of the training, which write into its folder already.
        execution: What is trained.
    """
    if execution.folder is None:
        return []
    values = {
        name: value if isinstance(value, _TYPES) else str(value)
        for name, value in execution.hyperparameters.values.items()
        if not name.startswith(_OWN_VALUES)
    }
    trial = execution.folder.partition("/")[0]
    boards = [one for one in callbacks if isinstance(one, keras.callbacks.TensorBoard)]
    return [_ShownTrial(one.log_dir, values, trial) for one in boards]


class _ShownTrial(keras.callbacks.Callback):
    def __init__(self, folder: str, values: Mapping[str, Any], trial: str) -> None:
        super().__init__()
        self._folder = folder
        self._values = values
        self._trial = trial
        self._session: keras.callbacks.Callback | None = None

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        from tensorboard.plugins.hparams import api  # nobody else needs to wait for it

        self._session = api.KerasCallback(self._folder, self._values, trial_id=self._trial)
        self._session.on_train_begin()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        if self._session is not None:
            self._session.on_train_end()
