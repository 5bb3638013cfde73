"""What the oracles share: repeatable proposals and an honest end of every trial."""

import copy
import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import keras_tuner
from keras_tuner.engine import trial as trial_module

from pipeline.seeds import derive_seed
from pipeline.strategies.grids import Values, is_active, key, size, values_of
from pipeline.strategies.restored import RestoredTrial
from pipeline.strategies.sampling import sample_unseen


class Oracle(keras_tuner.Oracle):
    """Base of this package's oracles; goes before one of `keras_tuner.oracles` in the bases.

    Proposals are a pure function of the arguments and of the trials so far, in the order they
    started, with their values, statuses and scores: random numbers for a trial derive from the
    seed and the trial's number. So an oracle needs no state file. The journal is the only truth,
    `restore` rebuilds the oracle from it, and KerasTuner's own files are neither written nor read.

    Further repairs of KerasTuner 1.4.8: the objective states its direction; any seed counts, 0
    too; a score that is NaN or infinite fails the trial; a trial that is tried again starts
    without its earlier metrics; the best trials are COMPLETED ones; two exclusive scopes may use
    the same name. Stopping after too many failures in a row is left to the tuner, and nothing is
    printed.

    Args:
        objective: The metric to optimise.
        hyperparameters: The search space; the oracle works on a copy.
        seed: Any integer.
        max_attempts: How often a trial is tried before it is FAILED, at least 1.
        **budget: Arguments of the KerasTuner oracle.

    Raises:
        TypeError: The objective is not a `keras_tuner.Objective`, or the seed not an integer.
        ValueError: An argument is out of range.
    """

    def __init__(
        self,
        *,
        objective: keras_tuner.Objective,
        hyperparameters: keras_tuner.HyperParameters,
        seed: int,
        max_attempts: int,
        **budget: Any,
    ) -> None:
        _check_objective(objective)
        check_whole_number("max_attempts", max_attempts, 1)
        if isinstance(seed, bool) or not isinstance(seed, int):
            raise TypeError(f"seed must be an integer; received {seed!r}")
        super().__init__(
            objective=objective,
            hyperparameters=hyperparameters.copy(),
            seed=1,  # replaced below: KerasTuner ignores 0 and its NumPy generator many others
            max_retries_per_trial=max_attempts - 1,
            **budget,
        )
        self.seed = seed
        self._display.verbose = 0
        self._declared: dict[str, list[dict[str, Any]]] = {}

    @property
    def total_trials(self) -> int | None:
        """Trials that will be run in all, as far as the space is known; None if unbounded."""
        bounds = [bound for bound in (self.max_trials, self._space_size()) if bound is not None]
        return min(bounds, default=None)

    def total_epochs(self, epochs: int) -> int | None:
        """Return how many epochs all trials train at most, one execution each.

        Args:
            epochs: Epochs of a trial whose hyperparameters do not say otherwise.

        Returns:
            The number, None if the number of trials is unbounded.
        """
        trials = self.total_trials
        longest = [values_of(hp) for hp in self.hyperparameters.space if hp.name == "epochs"]
        own = [max(values) for values in longest if values is not None]
        return None if trials is None else trials * max(own, default=epochs)

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

    def needed_trials(self) -> set[str]:
        """Return the trials whose files may still be read: those that run or are tried again."""
        return {trial.trial_id for trial in self.ongoing_trials.values()} | {*self._retry_queue}

    def declared_by(self, trial_id: str) -> list[dict[str, Any]]:
        """Return the hyperparameters that the space did not have before a trial.

        Args:
            trial_id: A trial that has ended.

        Returns:
            KerasTuner's configurations of the hyperparameters, for `RestoredTrial.declared`.
        """
        return copy.deepcopy(self._declared.get(trial_id, []))

    @keras_tuner.synchronized  # type: ignore[untyped-decorator]
    def create_trial(self, tuner_id: str) -> Any:
        """Return the trial to run next: one to be tried again, else a new one.

        Args:
            tuner_id: Who asks; one tuner runs one trial at a time.

        Returns:
            A trial that is RUNNING; STOPPED if there is none left; IDLE if there may be one
            when trials of other tuners have ended.
        """
        if tuner_id in self.ongoing_trials:
            return self.ongoing_trials[tuner_id]
        self.tuner_ids.add(tuner_id)
        if self._retry_queue:
            trial = self.trials[self._retry_queue.pop(0)]
            _forget_attempt(trial)
        else:
            trial = self._propose()
        if trial.status == "RUNNING":
            self.ongoing_trials[tuner_id] = trial
        if trial.status == "STOPPED":
            self.tuner_ids.remove(tuner_id)
        return trial

    @keras_tuner.synchronized  # type: ignore[untyped-decorator]
    def update_trial(self, trial_id: str, metrics: Mapping[str, float], step: int = 0) -> Any:
        """Take note of a trial's metrics.

        Args:
            trial_id: The trial.
            metrics: Metric names and values, the objective among them.
            step: Absolute epoch of the metrics; the best one becomes the trial's `best_step`.

        Returns:
            The trial.

        Raises:
            ValueError: The objective is missing.
        """
        self._check_objective_found(metrics)
        trial = self.trials[trial_id]
        for name, value in metrics.items():
            if not trial.metrics.exists(name):
                # Given a direction, KerasTuner does not infer one, which fails for val_mean_io_u.
                trial.metrics.register(name, direction=self.objective.direction)
            trial.metrics.metrics[name].update(float(value), step=step)
        return trial

    @keras_tuner.synchronized  # type: ignore[untyped-decorator]
    def end_trial(self, trial: Any) -> None:
        """Score a COMPLETED trial; let an INVALID one be tried again or be FAILED.

        Args:
            trial: The trial, with its status.
        """
        known = len(self.hyperparameters.space)
        super().end_trial(trial)
        ended = self.trials[trial.trial_id]
        if ended.status != "COMPLETED":
            ended.score = ended.best_step = None
        self._note_declared(ended, known)

    def score_trial(self, trial: Any) -> None:
        """Set a trial's score and best step; the score is NaN if no value was finite."""
        history = trial.metrics.get_history(self.objective.name)
        means = {entry.step: sum(entry.value) / len(entry.value) for entry in history}
        finite = {step: mean for step, mean in means.items() if math.isfinite(mean)}
        if finite:
            best = max if self.objective.direction == "max" else min
            trial.best_step = best(finite, key=lambda step: finite[step])
            trial.score = finite[trial.best_step]
        else:
            trial.score = math.nan  # KerasTuner fails a trial whose score is NaN
            values = ", ".join(str(mean) for mean in means.values())
            trial.message = f"the objective {self.objective.name} must be finite; it was {values}"

    def get_best_trials(self, num_trials: int = 1) -> list[Any]:
        """Return the best COMPLETED trials, best first; of equal ones the earlier first.

        Args:
            num_trials: How many.

        Returns:
            As many trials, or all COMPLETED ones if there are fewer.
        """
        completed = [trial for trial in self.trials.values() if trial.status == "COMPLETED"]
        return self._ranked(completed)[:num_trials]

    @property
    def verbose(self) -> int:
        """Always 0: KerasTuner's display prints nothing."""
        return 0

    @verbose.setter
    def verbose(self, value: object) -> None:
        """Do nothing; KerasTuner's tuner sets it."""

    def save(self) -> None:
        """Write nothing: the journal is the only truth."""

    def reload(self) -> None:
        """Read nothing: use `restore`."""

    def _save_trial(self, trial: Any) -> None:
        """Write nothing: the journal is the only truth."""

    def _check_consecutive_failures(self) -> None:
        """Do nothing: the tuner decides when a search has failed."""

    def _retry(self, trial: Any) -> bool:
        """Queue an INVALID trial while it has attempts left, without KerasTuner's print."""
        if trial.status != "INVALID":
            return False
        if self._run_times[trial.trial_id] > self.max_retries_per_trial:
            trial.status = "FAILED"
            return False
        self._retry_queue.append(trial.trial_id)
        return True

    def _compute_values_hash(self, values: Mapping[str, Any]) -> str:
        return key(values)

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
        self._tried_so_far.add(key(hyperparameters.values))

    def _space_size(self) -> int | None:
        return size(self.hyperparameters)

    def _ranked(self, trials: Iterable[Any]) -> list[Any]:
        """Sort trials by score, best first; equal ones keep their order."""
        return sorted(
            trials, key=lambda trial: trial.score, reverse=self.objective.direction == "max"
        )

    def _unseen(self, seen: Collection[str]) -> Values | None:
        """Return random values for the next trial that are not among those seen."""
        return sample_unseen(
            self.hyperparameters, derive_seed(self.seed, "values", len(self.trials)), seen
        )

    def _answer(self, values: Values | None) -> dict[str, Any]:
        """Return what `populate_space` has to: without values, wait for others or stop."""
        if values is not None:
            return {"status": "RUNNING", "values": values}
        return {"status": "IDLE" if self.ongoing_trials else "STOPPED", "values": None}

    def _propose(self) -> Any:
        number = len(self.trials)
        trial_id = f"{number:04d}"
        if self.max_trials is not None and number >= self.max_trials:
            return self._new_trial(trial_id, {}, "STOPPED")
        answer = self.populate_space(trial_id)
        trial = self._new_trial(trial_id, answer["values"] or {}, answer["status"])
        if trial.status == "RUNNING":
            self._start(trial)
        return trial

    def _new_trial(self, trial_id: str, values: Mapping[str, Any], status: str) -> Any:
        hyperparameters = self.get_space()
        hyperparameters.values = dict(values)
        return trial_module.Trial(hyperparameters, trial_id, status)

    def _start(self, trial: Any) -> None:
        """Enter a trial among the others."""
        self._record_values(trial)
        self.trials[trial.trial_id] = trial
        self.start_order.append(trial.trial_id)

    def _restore(self, restored: RestoredTrial) -> None:
        expected = f"{len(self.trials):04d}"
        if restored.trial_id != expected:
            raise ValueError(f"expected trial {expected} to restore; received {restored.trial_id}")
        known = len(self.hyperparameters.space)
        trial = self._new_trial(expected, restored.values, str(restored.status))
        declared = copy.deepcopy({"space": list(restored.declared), "values": {}})
        trial.hyperparameters.merge(keras_tuner.HyperParameters.from_config(declared), False)
        self.update_space(trial.hyperparameters)
        self._note_declared(trial, known)
        self._start(trial)
        self._run_times[expected] = restored.attempts
        if trial.status == "RUNNING":
            self._retry_queue.append(expected)
            return
        self.end_order.append(expected)
        trial.message = restored.message
        if trial.status == "COMPLETED":
            metrics = {**restored.metrics, self.objective.name: restored.score}
            self.update_trial(expected, metrics, step=restored.best_step)
            self.score_trial(trial)

    def _note_declared(self, trial: Any, known: int) -> None:
        """Remember what the space has gained from a trial, given its size before."""
        if len(self.hyperparameters.space) > known:
            declared = self.hyperparameters.get_config()["space"][known:]
            self._declared.setdefault(trial.trial_id, []).extend(declared)


def check_whole_number(name: str, value: object, minimum: int) -> None:
    """Raise unless an argument is an integer that is large enough.

    Args:
        name: The argument.
        value: What was received.
        minimum: The smallest allowed number.

    Raises:
        ValueError: It is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}; received {value!r}")


def _check_objective(objective: object) -> None:
    if not isinstance(objective, keras_tuner.Objective):
        raise TypeError(
            "objective must be a keras_tuner.Objective with a name and a direction; "
            f"received {objective!r}"
        )
    if objective.direction not in ("min", "max"):
        raise ValueError(
            f"objective.direction must be min or max; received {objective.direction!r}"
        )


def _forget_attempt(trial: Any) -> None:
    """Make a trial look new; KerasTuner would drop a good second result for a bad first one."""
    trial.status = "RUNNING"
    trial.metrics = type(trial.metrics)()
    trial.message = trial.score = trial.best_step = None
