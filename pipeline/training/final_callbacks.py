"""The Keras callbacks of the final training, in which nothing is validated."""

import contextlib
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from pipeline.training.failures import SentenceError, is_trials_own, sentence
from pipeline.training.learning_rates import RATE, is_settable, optimizers
from pipeline.training.notices import Notices

Rates = Mapping[str, float]
"""What Keras logs: `learning_rate`, or `learning_rate_NAME` of each of several optimizers."""

_LOGGERS = (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau)


class FinalCallbackError(SentenceError):
    """A callback raised; the sentence's subject is the final training."""


@dataclass(frozen=True)
class TrainedRates:
    """The learning rates of the best trial, as Keras logged them.

    Attributes:
        of_epoch: Those of each absolute epoch.
        before_epoch: Those of the epoch that its training went on from, if there was one.
    """

    of_epoch: Mapping[int, Rates] = field(default_factory=dict)
    before_epoch: Mapping[int, Rates] = field(default_factory=dict)


def final_callbacks(
    callbacks: Sequence[keras.callbacks.Callback], rates: TrainedRates, notices: Notices
) -> list[keras.callbacks.Callback]:
    """Return the callbacks that need no validation, and what the others did to the learning rate.

    Those that monitor a metric of the validation are left out. Early stopping has done its part
    with the number of epochs. What may have changed the learning rate, as `ReduceLROnPlateau`
    does, is replaced by the learning rates that the best trial was trained with.

    Keras 3.15 logs the rate of an epoch at its end. It is the one that the epoch was trained with,
    unless a `LearningRateScheduler` logs it after `ReduceLROnPlateau` has reduced it; then it is
    the one that the scheduler is given in the next epoch.

    Args:
        callbacks: Fresh ones, as the configuration names them.
        rates: Those of the best trial.
        notices: Told which of the user's own are left out.

    Returns:
        The callbacks of the final training.
    """
    left_out = [callback for callback in callbacks if _monitored(callback)]
    for callback in left_out:
        if not _is_keras(callback):
            notices.tell(
                f"{type(callback).__name__} is left out of the final training: it monitors "
                f"{_monitored(callback)}, and nothing is validated there"
            )
    kept = [callback for callback in callbacks if callback not in left_out]
    changers = [callback for callback in left_out if _may_change_rates(callback)]
    if not changers:
        return kept
    last = [callback for callback in callbacks if isinstance(callback, _LOGGERS)][-1:]
    after_it = callbacks[callbacks.index(changers[0]) :]
    if last and isinstance(last[0], keras.callbacks.LearningRateScheduler) and last[0] in after_it:
        return [_Replay(rates.before_epoch), *kept]
    return [*kept, _Replay(rates.of_epoch)]


class FinalCallbacks:
    """The callbacks of a final training, made anew for each model, and named if one of them fails.

    Args:
        make: Makes fresh ones, as the configuration names them.
        rates: As of `final_callbacks`.
        notices: As of `final_callbacks`.
    """

    def __init__(
        self,
        make: Callable[[], Sequence[keras.callbacks.Callback]],
        rates: TrainedRates,
        notices: Notices,
    ) -> None:
        self._make = make
        self._rates = rates
        self._notices = notices
        self._made: list[keras.callbacks.Callback] = []

    def make(self) -> list[keras.callbacks.Callback]:
        """Return the callbacks of a model; to be asked for after it is built."""
        made = final_callbacks(self._make(), self._rates, self._notices)
        self._made += made
        _keep_traces_of_callbacks()  # a session of Keras that is cleared forgets it
        return made

    @contextlib.contextmanager
    def named_failures(self) -> Iterator[None]:
        """Let a failure in the block say which of the callbacks raised it, if one did.

        Raises:
            FinalCallbackError: In place of what a callback raised.
        """
        filtered = keras.config.is_traceback_filtering_enabled()
        _keep_traces_of_callbacks()
        try:
            yield
        except Exception as error:
            name = _raised_by(error, self._made)
            if name is None or not is_trials_own(error):
                raise
            raise FinalCallbackError(f"its callback {name} raised {sentence(error)}") from error
        finally:
            if filtered:
                keras.config.enable_traceback_filtering()


def _keep_traces_of_callbacks() -> None:
    """Let errors tell which callback was called, which Keras hides."""
    keras.config.disable_traceback_filtering()


class _Replay(keras.callbacks.Callback):
    """Sets learning rates at the beginning of epochs; schedules of an optimizer's own stay."""

    def __init__(self, rates: Mapping[int, Rates]) -> None:
        super().__init__()
        self._rates = rates

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        optimizer = getattr(self.model, "optimizer", None)  # absent if a user's `fit` has its own
        rates = self._rates.get(epoch, {})
        for one in optimizers(optimizer):
            name = RATE if one is optimizer else f"{RATE}_{one.name}"
            if name in rates and is_settable(one):
                one.learning_rate = rates[name]


def _monitored(callback: keras.callbacks.Callback) -> str | None:
    """Return the metric of the validation that a callback monitors, if any."""
    monitor = getattr(callback, "monitor", None)
    return monitor if isinstance(monitor, str) and monitor.startswith("val_") else None


def _may_change_rates(callback: keras.callbacks.Callback) -> bool:
    return isinstance(callback, keras.callbacks.ReduceLROnPlateau) or not _is_keras(callback)


def _is_keras(callback: keras.callbacks.Callback) -> bool:
    return type(callback).__module__.startswith("keras.")


def _raised_by(error: BaseException, callbacks: Sequence[keras.callbacks.Callback]) -> str | None:
    """Return the class of the callback that was called last before an error was raised."""
    called = [
        frame.f_locals.get(name)
        for frame, _ in traceback.walk_tb(error.__traceback__)
        for name in ("callback", "self")  # Keras's list of callbacks, and the callback itself
    ]
    named = [type(one).__name__ for one in called if any(one is known for known in callbacks)]
    return named[-1] if named else None
