"""Trains trials again the plain Keras way, and compares: `training.verify`.

Both ways take the same examples in the same order from the same weights, so that an epoch must
report the same, but for rounding. As training makes much of little, plain Keras begins each epoch
with the weights that the other way began it with; and how far rounding leads within one is measured
by a plain training from weights that differ in the sixth digit.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from pipeline.datasets.any_examples import examples_of
from pipeline.datasets.feed import Epochs, Feed
from pipeline.training.best_epoch import EpochListener
from pipeline.training.callback_order import in_order
from pipeline.training.own_fit import has_own_fit
from pipeline.training.plain_logs import plain_logs
from pipeline.training.results import Logs, TrainingResult
from pipeline.training.stateful import Forgetting, stateful_layers
from pipeline.training.stopping import StopOf
from pipeline.training.throughput import steps_as_compiled, validation_as_trained
from pipeline.training.traces import Traces
from pipeline.training.trainer import Execution, Trainer
from pipeline.training.weights import build_optimizer

_CLOSE = 1e-3  # relative; Adam's step in one pass rounds otherwise
_PERTURBATION = 1e-5
_DRIFT = 10.0  # times what the perturbation leads to
_LOSSES = ("loss", "val_loss")
_NOTHING_TO_VERIFY = (
    "training.verify compares nothing: the hypermodel's own fit is called as it is, and nothing is "
    "reused"
)
States = Mapping[int, Sequence[np.ndarray]]
"""The values of a model's and its optimizer's variables, by the epoch they ended."""

_WITHOUT: Mapping[str, Callable[[Trainer], Trainer]] = {
    "a traced model in place of an equal new one": lambda t: t,
    "the features of frozen layers (features.reuse)": lambda t: replace(t, features=None),
    "Adam's step in one operation": lambda t: replace(
        t, throughput=replace(t.throughput, stepping=contextlib.nullcontext)
    ),
    "several steps a call": lambda t: replace(
        t, throughput=replace(t.throughput, steps=steps_as_compiled)
    ),
    "larger batches of the validation": lambda t: replace(
        t, throughput=replace(t.throughput, validation=validation_as_trained)
    ),
}
"""What makes a training fast, and the same trainer without it; none reuses a trace."""


class DifferenceError(RuntimeError):
    """A training reported something else than plain Keras; the message says what, and why."""


@dataclass
class Verification:
    """Compares the first trials of a search with plain Keras.

    Attributes:
        trainer: What the trials are trained by.
        trials: How many are compared; what continues a search begins to count anew.
    """

    trainer: Trainer
    trials: int
    _verified: set[str] = field(default_factory=set, init=False)

    def train(
        self,
        trial: str,
        execution: Execution,
        on_epoch_end: EpochListener,
        stop: StopOf,
    ) -> TrainingResult:
        """Train an execution, and compare it if its trial is one of those that are.

        Args:
            trial: The trial's identifier.
            execution: What to train.
            on_epoch_end: As in `Trainer.train`.
            stop: As in `Trainer.train`.

        Returns:
            What the trainer returned.

        Raises:
            DifferenceError: Plain Keras reports something else.
        """
        if has_own_fit(self.trainer.hypermodel):
            if self.trials:
                self.trainer.notices.tell(_NOTHING_TO_VERIFY)
            return self.trainer.train(execution, on_epoch_end, stop)
        self._verified |= {trial} if len(self._verified) < self.trials else set()
        if trial not in self._verified:
            return self.trainer.train(execution, on_epoch_end, stop)
        states: dict[int, Sequence[np.ndarray]] = {}
        noting = _noting(self.trainer, states)
        result = noting.train(execution, on_epoch_end, stop)
        compare(self.trainer, execution, result.logs, states)
        epochs = f"{len(result.logs)} epochs are those of plain Keras"
        self.trainer.notices.tell(f"trial {trial} verified: {epochs}")
        return result


def compare(trainer: Trainer, execution: Execution, logs: Logs, states: States) -> None:
    """Train an execution again the plain Keras way.

    Args:
        trainer: What it was trained by; the hypermodel has no `fit` of its own.
        execution: What was trained.
        logs: What it reported, by epoch.
        states: What its epochs ended with.

    Raises:
        DifferenceError: Plain Keras reports something else.
    """
    expected = train_plainly(trainer, execution, states)
    if _difference(logs, expected, {}) is None:
        return
    perturbed = train_plainly(trainer, execution, states, perturbation=_PERTURBATION)
    room = _room(
        expected, perturbed, min(map(len, (trainer.dataset.train, trainer.dataset.validation)))
    )
    difference = _difference(logs, expected, room)
    if difference is not None:
        raise DifferenceError(f"{difference}; {_cause(trainer, execution, room)}")


def _noting(trainer: Trainer, states: dict[int, Sequence[np.ndarray]]) -> Trainer:
    """Return a trainer that notes what each epoch ends with."""
    return replace(trainer, callbacks=lambda: [*trainer.callbacks(), _States(states)])


class _States(keras.callbacks.Callback):
    """Notes the values of all variables at the end of each epoch; those that stay, once."""

    def __init__(self, states: dict[int, Sequence[np.ndarray]]) -> None:
        super().__init__()
        self._noted = states

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        now = [keras.ops.convert_to_numpy(one) for one in _variables(self.model)]
        before = self._noted.get(epoch - 1, now)
        self._noted[epoch] = [
            old if np.array_equal(old, new) else np.array(new)
            for old, new in zip(before, now, strict=True)
        ]


class _Resumed(keras.callbacks.Callback):
    """Lets each epoch begin with the values that another training ended the one before with."""

    def __init__(self, states: States, perturb: Callable[[np.ndarray], np.ndarray]) -> None:
        super().__init__()
        self._given = states
        self._perturb = perturb

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        if epoch - 1 not in self._given or not self.model.optimizer.built:
            return
        trained = {id(variable) for variable in self.model.trainable_variables}
        pairs = zip(_variables(self.model), self._given[epoch - 1], strict=True)
        for variable, value in pairs:
            if np.issubdtype(value.dtype, np.integer):  # steps, states of random generators
                _check_equal(variable, value, epoch - 1)
            elif not variable.path.endswith("/learning_rate"):  # callbacks decide on it
                variable.assign(self._perturb(value) if id(variable) in trained else value)


def _variables(model: keras.Model) -> list[keras.Variable]:
    return [*model.variables, *model.optimizer.variables]


def _check_equal(variable: keras.Variable, value: np.ndarray, epoch: int) -> None:
    expected = keras.ops.convert_to_numpy(variable)
    if not np.array_equal(expected, value):
        raise DifferenceError(
            f"after epoch {epoch}, {variable.path} is {value.tolist()}, but {expected.tolist()} in "
            "plain Keras"
        )


def train_plainly(
    trainer: Trainer, execution: Execution, states: States, *, perturbation: float = 0.0
) -> Logs:
    """Train as a user of Keras would: build, compile, fit, with nothing of ours but the order.

    Args:
        trainer: It knows the hypermodel, the data and the callbacks.
        execution: What to train.
        states: What the epochs of another training ended with; each begins with it here too.
        perturbation: By how much each weight is changed then, relatively, at most.

    Returns:
        What Keras reported, by absolute epoch.

    Raises:
        DifferenceError: The other training took other steps or other random numbers.
    """
    random = np.random.default_rng(0)

    def perturb(value: np.ndarray) -> np.ndarray:
        noise = random.uniform(-perturbation, perturbation, value.shape)
        return np.asarray(value * (1 + noise), value.dtype)

    model = trainer.build(execution.hyperparameters, execution.seed)
    if execution.weights is not None:
        build_optimizer(model)
        execution.weights.apply(model)
    for variable in model.trainable_variables:
        variable.assign(perturb(keras.ops.convert_to_numpy(variable)))
    batch_size = trainer.batch_size_for(model, execution.hyperparameters)
    epochs = Epochs(execution.seed, execution.initial_epoch, execution.epochs, exact=True)
    examples = examples_of(trainer.dataset.train)
    feed = examples.feed(batch_size, epochs)
    if stateful_layers(model):
        feed = Feed(examples.in_order(batch_size), callbacks=[Forgetting()])
    validation = examples_of(trainer.dataset.validation)
    beside = replace(execution, folder=execution.folder and f"{execution.folder}-plain")
    callbacks = in_order(trainer.callbacks_of(beside), beside, trainer.notices.tell)
    logs: dict[int, dict[str, float]] = {}
    noted = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, values: logs.update({epoch: plain_logs(values)})
    )
    model.fit(
        feed.x,
        shuffle=False,
        validation_data=validation.in_order(batch_size),
        callbacks=[*feed.callbacks, _Resumed(states, perturb), *callbacks, noted],
        initial_epoch=execution.initial_epoch,
        epochs=execution.epochs,
        verbose=0,
    )
    return logs


def _difference(received: Logs, expected: Logs, room: Mapping[str, float]) -> str | None:
    """Say where two trainings report something else first; None if they do not."""
    for epoch, name, value, wanted in _pairs(received, expected):
        allowed = _CLOSE * max(abs(wanted), 1e-3) + room.get(name, 0.0)
        if not np.isclose(value, wanted, rtol=0, atol=allowed, equal_nan=True):
            return f"{name} of epoch {epoch} is {value:.6g}, but {wanted:.6g} in plain Keras"
    if received.keys() != expected.keys():
        return f"{len(received)} epochs were trained, but {len(expected)} in plain Keras"
    for epoch, values in received.items():
        if values.keys() != expected[epoch].keys():
            return f"epoch {epoch} reports {sorted(values)}, but {sorted(expected[epoch])} in Keras"
    return None


def _pairs(one: Logs, other: Logs) -> Iterator[tuple[int, str, float, float]]:
    for epoch in sorted(one.keys() & other.keys()):
        for name in one[epoch].keys() & other[epoch].keys():
            yield epoch, name, one[epoch][name], other[epoch][name]


def _room(one: Logs, other: Logs, rows: int) -> dict[str, float]:
    """Return how far rounding may take each metric: a measured drift, and an example that flips."""
    room: dict[str, float] = {}
    for _, name, value, wanted in _pairs(one, other):
        drift = _DRIFT * abs(value - wanted) if np.isfinite([value, wanted]).all() else 0.0
        room[name] = max(room.get(name, 0.0), drift)
    return {name: drift + (name not in _LOSSES) * 1.5 / rows for name, drift in room.items()}


def _cause(trainer: Trainer, execution: Execution, room: Mapping[str, float]) -> str:
    """Name what the difference is gone without, by training without one thing after the other."""
    again = replace(execution, checkpoint=None)
    for name, without in _WITHOUT.items():
        states: dict[int, Sequence[np.ndarray]] = {}
        slower = replace(without(trainer), traces=Traces(0))
        logs = _noting(slower, states).train(again, lambda _epoch, _logs: None).logs
        if _difference(logs, train_plainly(trainer, execution, states), room) is None:
            return f"without {name} there is no difference"
    return "nothing that makes a training fast is the cause alone"
