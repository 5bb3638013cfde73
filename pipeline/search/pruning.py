"""What the pruner makes of a search's trials: which stop early, and which go on again."""

from collections.abc import Collection, Mapping
from typing import Protocol

from pipeline.journal.attempts import Told
from pipeline.journal.callbacks import (
    EpochEnd,
    Record,
    SearchCallback,
    Status,
    TrialBegin,
    TrialEnd,
)
from pipeline.pruners import Curve, NoPruner, Pruner
from pipeline.pruners.curves import curve_of
from pipeline.training.stopping import Stop


class Pruning(Protocol):
    """What the loop asks about its trials."""

    def replay(self, record: Record) -> None:
        """Take note of what an earlier process has told."""
        ...

    def stop(self, trial: str) -> Stop | None:
        """Return whether a trial stops at the end of its newest epoch."""
        ...

    def resumed(self, *, exhausted: bool) -> str | None:
        """Return the pruned trial that is taken up again now, if there is one.

        Args:
            exhausted: Whether the oracle has no new trial, now or ever.
        """
        ...

    def values(self, trial: str) -> Mapping[int, float]:
        """Return the objective by absolute epoch in the first execution of a pruned trial."""
        ...

    @property
    def kept(self) -> Collection[str]:
        """The pruned trials whose state is needed, as they may go on."""
        ...


class NoPruning(SearchCallback):
    """Trains every trial to its end, and follows none."""

    def replay(self, record: Record) -> None:
        """Do nothing."""

    def stop(self, trial: str) -> Stop | None:  # noqa: ARG002
        """Let it go on."""
        return None

    def resumed(self, *, exhausted: bool) -> str | None:  # noqa: ARG002
        """Return None: no trial was pruned."""
        return None

    def values(self, trial: str) -> Mapping[int, float]:  # noqa: ARG002
        """Return nothing: no trial was pruned."""
        return {}

    @property
    def kept(self) -> Collection[str]:
        """No trial."""
        return ()


class CurvePruning(SearchCallback):
    """Follows the trials of a search, and asks a pruner about them.

    It is told what the journal is told, also of what earlier processes did, so that a continued
    search prunes what an uninterrupted one would have pruned.

    Args:
        pruner: What decides.
        objective: Name of the metric that is compared.
        executions: Trainings of each trial.
    """

    def __init__(self, pruner: Pruner, objective: str, executions: int) -> None:
        self._pruner = pruner
        self._objective = objective
        self._executions = executions
        self._told: dict[str, Told] = {}  # of trials that run, or may go on
        self._curves: dict[str, Curve] = {}  # in the order the trials started
        self._paused: dict[str, tuple[int, int]] = {}  # at which execution and epoch

    def replay(self, record: Record) -> None:
        """Take note of what an earlier process has told."""
        match record:
            case TrialBegin():
                self.on_trial_begin(record)
            case EpochEnd():
                self.on_epoch_end(record)
            case TrialEnd():
                self.on_trial_end(record)

    def on_trial_begin(self, record: TrialBegin) -> None:
        """Follow an attempt, which may go on where it was interrupted or pruned."""
        trial = record.trial
        told = self._told.get(trial)
        if told is None or told.as_attempt().begin.attempt != record.attempt:
            told = Told(record)
            self._paused.pop(trial, None)
        told.start(record)
        self._told[trial] = told
        self._curves[trial] = curve_of(told.as_attempt(), self._objective)

    def on_epoch_end(self, record: EpochEnd) -> None:
        """Note what the trial reports."""
        self._told[record.trial].add(record)

    def on_trial_end(self, record: TrialEnd) -> None:
        """Note how the attempt ended."""
        told = self._told[record.trial]
        told.finish(record)
        attempt = told.as_attempt()
        self._curves[record.trial] = curve_of(attempt, self._objective)
        pruned = record.status is Status.PRUNED
        if pruned:
            last = attempt.epochs[-1]
            self._paused[record.trial] = (last.execution, last.epoch)
        if not (attempt.continues or pruned):
            del self._told[record.trial]

    def stop(self, trial: str) -> Stop | None:
        """Return whether a trial stops at the end of its newest epoch.

        Where it was pruned and taken up again it is not asked again, nor at the trial's end.

        Args:
            trial: One that runs and has an epoch.
        """
        attempt = self._told[trial].as_attempt()
        last = attempt.epochs[-1]
        position = (last.execution, last.epoch)
        if position <= self._paused.get(trial, (-1, -1)):
            return None
        if position >= (self._executions - 1, attempt.begin.epochs - 1):
            return None
        others = [curve for name, curve in self._curves.items() if name != trial]
        if not self._pruner.prunes(curve_of(attempt, self._objective), others):
            return None
        return Stop.PAUSE if self._pruner.keeps_pruned else Stop.PRUNE

    def resumed(self, *, exhausted: bool) -> str | None:
        """Return the pruned trial that is taken up again now, if there is one.

        Args:
            exhausted: Whether the oracle has no new trial, now or ever.
        """
        if not self._pruner.keeps_pruned:
            return None
        return self._pruner.resumes([*self._curves.values()], exhausted=exhausted)

    def values(self, trial: str) -> Mapping[int, float]:
        """Return the objective by absolute epoch in the first execution of a pruned trial.

        It may be asked before the trial's end is told.
        """
        executions = curve_of(self._told[trial].as_attempt(), self._objective).executions
        return executions[0] if executions else {}

    @property
    def kept(self) -> Collection[str]:
        """The pruned trials whose state is needed, as they may go on."""
        if not self._pruner.keeps_pruned:
            return ()
        return [trial for trial, curve in self._curves.items() if curve.pruned]


def pruning_of(pruner: Pruner, objective: str, executions: int) -> NoPruning | CurvePruning:
    """Return what asks a pruner about a search's trials.

    Args:
        pruner: What decides.
        objective: Name of the metric that is compared.
        executions: Trainings of each trial.
    """
    if isinstance(pruner, NoPruner):
        return NoPruning()
    return CurvePruning(pruner, objective, executions)
