"""A hypermodel's own `fit`, called as KerasTuner calls it."""

import contextlib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import keras_tuner

from pipeline.datasets.given import Given, to_evaluate, to_validate
from pipeline.datasets.splits import Split
from pipeline.datasets.streams import Stream
from pipeline.frozen.model_graph import fixed_batch_size
from pipeline.training.best_epoch import EpochListener
from pipeline.training.notices import Notices
from pipeline.training.own_arguments import doubled_argument, noted_arguments
from pipeline.training.own_epochs import OwnEpochs
from pipeline.training.plain_logs import plain_logs

_MAY_SET = {"batch_size", "epochs", "verbose"}
_UNSEEN = (
    "the hypermodel's fit() does not pass its callbacks on to model.fit: a trial's score is that "
    "of the last epoch, or of the one whose weights it has restored"
)
OwnData = Callable[[int], Given]


def has_own_fit(hypermodel: keras_tuner.HyperModel) -> bool:
    """Whether a hypermodel trains its models in a way of its own."""
    return type(hypermodel).fit is not keras_tuner.HyperModel.fit


@dataclass(frozen=True)
class Start:
    """What a call of a hypermodel's own `fit` begins with.

    Attributes:
        model: A model that was not trained yet.
        callbacks: What `fit` is to pass on, with the watcher, if there is one.
        watcher: Sees the epochs; None if nobody needs them.
    """

    model: keras.Model
    callbacks: list[keras.callbacks.Callback] = field(default_factory=list)
    watcher: OwnEpochs | None = None


@dataclass(frozen=True)
class _Call:
    """A call of a hypermodel's own `fit`, which can be made again."""

    fit: Callable[..., Any]
    hyperparameters: keras_tuner.HyperParameters
    examples: Callable[[], tuple[Any, ...]]
    start: Callable[[], Start]
    arguments: Mapping[str, Any]

    def made(self, start: Start, omitted: set[str]) -> Any:
        given = {name: value for name, value in self.arguments.items() if name not in omitted}
        if (fixed := fixed_batch_size(start.model)) is not None and "batch_size" in given:
            given["batch_size"] = fixed
        return self.fit(
            self.hyperparameters,
            start.model,
            *self.examples(),
            callbacks=start.callbacks,
            **given,
        )

    def refused(self, error: TypeError) -> str | None:
        """Return the argument that `fit` sets itself, if that is what Python complains of."""
        name = doubled_argument(error)
        return name if name in _MAY_SET & self.arguments.keys() else None


class OwnFit:
    """Calls a hypermodel's own `fit`, and remembers which arguments it sets itself.

    Such a `fit` may set `batch_size`, `epochs` or `verbose` itself. Python then refuses ours when
    it comes to that, perhaps in the second phase of a training. The call is then made again without
    it and from a new start, so that it trains what it would have trained at once.

    Args:
        hypermodel: It has a `fit` of its own.
        validation: What its models are validated on.
        batch_size: Gives the examples of a step by the hyperparameters.
        notices: Told if it does not do what is expected of it.
    """

    def __init__(
        self,
        hypermodel: keras_tuner.HyperModel,
        validation: Split | Stream,
        batch_size: Callable[[keras_tuner.HyperParameters], int],
        notices: Notices,
    ) -> None:
        self._hypermodel = hypermodel
        self._validation = validation
        self._batch_size = batch_size
        self._notices = notices
        self._omitted: set[str] = set()

    def call(
        self,
        hyperparameters: keras_tuner.HyperParameters,
        data: OwnData,
        start: Callable[[], Start],
        **arguments: Any,
    ) -> tuple[Start, Any]:
        """Let the hypermodel train a model.

        Args:
            hyperparameters: The values that the model was built from.
            data: What to train it on, given how many examples are a batch; made anew for each call.
            start: Makes a new start of the training, the same each time.
            **arguments: What `fit` is given besides the data, batch size and callbacks.

        Returns:
            The start of the call that was not refused, and what `fit` returned.

        Raises:
            FatalTypeError: It sets its own epochs, which the strategy decides.
        """
        size = self._batch_size(hyperparameters)
        arguments |= {
            **data(size).keywords,
            "validation_data": to_validate(self._validation, size),
            "verbose": 0,
        }
        fit = self._hypermodel.fit
        call = _Call(fit, hyperparameters, lambda: data(size).examples, start, arguments)
        return self._as_remembered(call) or self._as_found_out(call)

    def watched(
        self,
        hyperparameters: keras_tuner.HyperParameters,
        data: OwnData,
        start: Callable[[], Start],
        **arguments: Any,
    ) -> OwnEpochs:
        """Let the hypermodel train a model, and return its watcher, which has taken the result.

        Args:
            hyperparameters: As of `call`.
            data: As of `call`.
            start: As of `call`; it has a watcher.
            **arguments: As of `call`.

        Raises:
            FatalTypeError: As `call`, or `fit` returned what KerasTuner does not take.
            ObjectiveNotFoundError: It returned or reported no objective.
        """
        begun, returned = self.call(hyperparameters, data, start, **arguments)
        assert begun.watcher is not None, "every start has one"
        batch_size = fixed_batch_size(begun.model) or self._batch_size(hyperparameters)
        validation = to_evaluate(self._validation, batch_size)
        evaluate = functools.partial(_validation_metrics, begun.model, validation)
        if not begun.watcher.take(returned, begun.model, evaluate):
            self._notices.tell(_UNSEEN)
        return begun.watcher

    def ended_after(
        self,
        enough: int,
        hyperparameters: keras_tuner.HyperParameters,
        data: OwnData,
        start: Callable[[], Start],
        **arguments: Any,
    ) -> keras.Model:
        """Train and return a model, but no more epochs than `enough`, all phases together.

        The rest is as of `call`. A `fit` that does not pass its callbacks on trains to its end.
        """
        begun: list[Start] = []

        def counted() -> Start:
            made = start()
            begun.append(replace(made, callbacks=[*made.callbacks, _Enough(enough)]))
            return begun[-1]

        with contextlib.suppress(_EnoughError):
            self.call(hyperparameters, data, counted, **arguments)
        return begun[-1].model

    def _as_remembered(self, call: _Call) -> tuple[Start, Any] | None:
        """Call `fit` without what it set itself the last time; None if it does not this time.

        It may set it for some hyperparameters only. A trial's result must not depend on the trials
        before it.
        """
        if not self._omitted:
            return None
        start = call.start()
        with noted_arguments(start.model) as noted:
            try:
                returned = call.made(start, self._omitted)
            except Exception as error:
                refused = isinstance(error, TypeError) and call.refused(error)
                if refused or not self._omitted <= noted:
                    return None
                raise
        return (start, returned) if self._omitted <= noted else None

    def _as_found_out(self, call: _Call) -> tuple[Start, Any]:
        """Call `fit`, again and again without what it turns out to set itself."""
        omitted: set[str] = set()
        while True:
            start = call.start()
            try:
                returned = call.made(start, omitted)
            except TypeError as error:
                name = call.refused(error)
                if name is None or name in omitted:
                    raise
                if name == "epochs" and "tuner/epochs" in call.hyperparameters.values:
                    raise keras_tuner.errors.FatalTypeError(
                        "the hypermodel's fit() sets its own epochs, which Hyperband must set; "
                        "leave epochs to the arguments it is given"
                    ) from error
                omitted.add(name)
            else:
                self._omitted = omitted
                return start, returned


class _EnoughError(Exception):
    """A hypermodel's own `fit` begins a phase after all epochs that are wanted."""


class _Enough(keras.callbacks.Callback):
    """Stops after a number of epochs of all calls of `model.fit` together."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._left = epochs

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        if self._left <= 0:
            raise _EnoughError

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        self._left -= 1
        if self._left <= 0:
            self.model.stop_training = True


def told_once(listener: EpochListener) -> EpochListener:
    """Return a listener that tells another one each epoch once, although it is trained again.

    An epoch that comes out otherwise is told again, and all that come after it.
    """
    told: dict[int, Mapping[str, float]] = {}

    def tell(epoch: int, logs: Mapping[str, float]) -> None:
        if told.get(epoch) == logs:
            return
        for later in [known for known in told if known >= epoch]:
            del told[later]
        told[epoch] = logs
        listener(epoch, logs)

    return tell


def _validation_metrics(model: keras.Model, given: Given) -> Mapping[str, float]:
    """Return a model's metrics on the validation data, named as an epoch reports them.

    There are none if they cannot be told: the model's own `fit` may train it on other data than the
    dataset's, prepared as it likes, so that whatever is raised here is nobody's fault.
    """
    if not model.compiled:
        return {}
    try:
        metrics = model.evaluate(*given.examples, **given.keywords, verbose=0, return_dict=True)
    except Exception:
        return {}
    return plain_logs({f"val_{name}": value for name, value in metrics.items()})
