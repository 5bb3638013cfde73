"""Oracles that are rebuilt from the journal: they keep no files of their own."""

import copy
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import keras_tuner
from keras_tuner.engine import trial as trial_module

from pipeline.strategies.grids import is_active
from pipeline.strategies.restored import RestoredTrial
from pipeline.strategies.tried import Tried


class Durable(keras_tuner.Oracle):
    """An oracle that can be given the trials of an earlier process; the journal is the only truth.

    KerasTuner 1.4.8 keeps an oracle in `oracle.json`, and each trial in a `trial.json`: those are
    neither written nor read.

    Args:
        **arguments: Arguments of the KerasTuner oracle.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._declared: dict[str, list[dict[str, Any]]] = {}
        self._tried = Tried()
        self._unused: dict[str, Collection[str]] = {}

    def restore(self, trials: Iterable[RestoredTrial]) -> None:
        """Continue where an earlier process ended.

        Afterwards the oracle proposes what it would have proposed without the interruption;
        trials that are RUNNING are proposed again first, with their identifiers and values.

        Args:
            trials: All trials of the earlier process, in the order they started.

        Raises:
            ValueError: The oracle has trials already, or one is missing.
        """
        if self.trials:
            raise ValueError("an oracle that has proposed trials cannot be restored")
        for restored in trials:
            self._restore(restored)

    def declared_by(self, trial_id: str) -> list[dict[str, Any]]:
        """Return the hyperparameters that the space did not have before a trial.

        Args:
            trial_id: A trial that has ended.

        Returns:
            KerasTuner's configurations of the hyperparameters, for `RestoredTrial.declared`.
        """
        return copy.deepcopy(self._declared.get(trial_id, []))

    def note_unused(self, trial_id: str, names: Collection[str]) -> None:
        """Take note of what a trial's model did not ask for, before the trial is ended.

        Args:
            trial_id: The trial.
            names: Of values that another trial need not vary where all others are equal.
        """
        self._unused[trial_id] = names

    def unused_by(self, trial_id: str) -> list[str]:
        """Return what `note_unused` was told of a trial."""
        return [*self._unused.get(trial_id, ())]

    def save(self) -> None:
        """Write nothing: the journal is the only truth."""

    def reload(self) -> None:
        """Read nothing: use `restore`."""

    def _save_trial(self, trial: Any) -> None:
        """Write nothing: the journal is the only truth."""

    def _new_trial(self, trial_id: str, values: Mapping[str, Any], status: str) -> Any:
        hyperparameters = self.get_space()
        hyperparameters.values = dict(values)
        return trial_module.Trial(hyperparameters, trial_id, status)

    def _start(self, trial: Any) -> None:
        """Enter a trial among the others."""
        self._record_values(trial)
        self.trials[trial.trial_id] = trial
        self.start_order.append(trial.trial_id)

    def _record_values(self, trial: Any) -> None:
        """Complete a trial's values with defaults, drop inactive ones and remember the rest.

        KerasTuner takes unseeded random values, and drops the value of an active hyperparameter
        if one of the same name in another scope is inactive.
        """
        hyperparameters = trial.hyperparameters
        for hp in hyperparameters.space:
            if is_active(hp, hyperparameters.values):
                hyperparameters.values.setdefault(hp.name, hp.default)
            elif not hyperparameters.is_active(hp.name):
                hyperparameters.values.pop(hp.name, None)
        self._tried.add(hyperparameters.values)

    def _restore(self, restored: RestoredTrial) -> None:
        expected = f"{len(self.trials):04d}"
        if restored.trial_id != expected:
            raise ValueError(f"expected trial {expected} to restore; received {restored.trial_id}")
        known = len(self.hyperparameters.space)
        trial = self._new_trial(expected, restored.values, str(restored.status))
        declared = copy.deepcopy({"space": self._new(restored), "values": {}})
        trial.hyperparameters.merge(keras_tuner.HyperParameters.from_config(declared), False)
        self.update_space(trial.hyperparameters)
        self._note_declared(trial, known)
        self._start(trial)
        self._run_times[expected] = restored.attempts
        self.note_unused(expected, restored.unused)
        if trial.status == "RUNNING":
            self._retry_queue.append(expected)
            return
        self.end_order.append(expected)
        trial.message = restored.message
        if trial.status in ("COMPLETED", "PRUNED"):
            self._tried.complete(trial.hyperparameters.values, restored.unused)
        if trial.status == "COMPLETED":
            metrics = {**restored.metrics, self.objective.name: restored.score}
            self.update_trial(expected, metrics, step=restored.best_step)
            self.score_trial(trial)
        if trial.status == "PRUNED":
            self._run_times[expected] += 1  # as `prune_trial` counts it
            self._note_partial(trial, restored.partial)

    def _note_partial(self, trial: Any, partial: Mapping[int, float]) -> None:
        """Let a trial know what it has reported, by absolute epoch, without a score."""
        for epoch, value in partial.items():
            self.update_trial(trial.trial_id, {self.objective.name: value}, step=epoch)

    def _new(self, restored: RestoredTrial) -> list[Any]:
        """Return what a trial declared, but for what it had values for without that.

        Before hyperparameters were explored, those that only some models ask for were declared by
        the first trial that did.
        """
        space = self.hyperparameters.space
        had = {hp.name for hp in space if is_active(hp, restored.values)}
        return [one for one in restored.declared if one["config"]["name"] not in had]

    def _note_declared(self, trial: Any, known: int) -> None:
        """Remember what the space has gained from a trial, given its size before."""
        if len(self.hyperparameters.space) > known:
            declared = self.hyperparameters.get_config()["space"][known:]
            self._declared.setdefault(trial.trial_id, []).extend(declared)
