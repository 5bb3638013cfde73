"""Keras's callbacks that monitor a metric, wherever they stand and whatever they are given.

In Keras 3.15 `EarlyStopping` overlooks what a callback behind it reports, cannot compare a metric
of several values, and `ReduceLROnPlateau` fails where the optimizer has a schedule or there is
none. They stand in every search's configuration, so that none of this may end a training.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras

from pipeline.training.learning_rates import fixed_because
from pipeline.training.plain_logs import plain_logs

_MONITORS = (
    keras.callbacks.EarlyStopping,
    keras.callbacks.ModelCheckpoint,
    keras.callbacks.ReduceLROnPlateau,
)
_EpochEnd = Callable[[int, dict[str, Any]], None]


class Waiting(keras.callbacks.Callback):
    """Calls the callbacks whose metric was not reported when it was their turn.

    It comes behind all that may report one. Every other callback is called in its place.

    Args:
        callbacks: Those of a training; what monitors a metric as Keras does learns to wait.
        tell: Told which of them can do nothing.
    """

    def __init__(
        self, callbacks: Sequence[keras.callbacks.Callback], tell: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._tell = tell
        self._late: list[_EpochEnd] = []
        for callback in callbacks:
            if any(type(callback).on_epoch_end is kind.on_epoch_end for kind in _MONITORS):
                self._let_wait(callback)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Call those that wait, in their order."""
        late, self._late = self._late, []
        for call in late:
            call(epoch, {} if logs is None else logs)

    def _let_wait(self, callback: Any) -> None:
        own = callback.on_epoch_end
        own = getattr(own, "own", own)  # a callback may be used in several trainings

        def call(epoch: int, logs: dict[str, Any]) -> None:
            obstacle = _obstacle(callback)
            if obstacle is not None:
                self._tell(f"{type(callback).__name__} is left out: {obstacle}")
                return
            with _as_a_number(callback.monitor, logs):
                own(epoch, logs)

        def on_epoch_end(epoch: int, logs: dict[str, Any] | None = None) -> None:
            if callback.monitor in plain_logs(logs):
                call(epoch, {} if logs is None else logs)
            else:
                self._late.append(call)

        vars(on_epoch_end)["own"] = own
        callback.on_epoch_end = on_epoch_end


def _obstacle(callback: keras.callbacks.Callback) -> str | None:
    """Say why Keras would fail to call a callback; None if it does not."""
    reduces = isinstance(callback, keras.callbacks.ReduceLROnPlateau)
    return fixed_because(callback.model) if reduces else None


@contextlib.contextmanager
def _as_a_number(name: str, logs: dict[str, Any]) -> Iterator[None]:
    """Let a metric of several values be their mean, and one of them have a name, for a while."""
    single = name in logs and plain_logs({name: logs[name]}).keys() == {name}
    numbers = plain_logs(logs)
    if single or name not in numbers:
        yield
        return
    known, kept = name in logs, logs.get(name)
    logs[name] = numbers[name]
    try:
        yield
    finally:
        if known:
            logs[name] = kept
        else:
            del logs[name]
