"""What the oracles share: repeatable proposals and an honest end of every trial."""

from collections.abc import Container, Iterable, Mapping
from typing import Any

import keras_tuner

from pipeline.configuration.arguments import check_whole_number
from pipeline.seeds import derive_seed
from pipeline.strategies.arguments import check_objective, check_seed
from pipeline.strategies.beginning import Beginning
from pipeline.strategies.grids import Values, key, size, values_of
from pipeline.strategies.sampling import sample_unseen
from pipeline.strategies.scores import ranked, score


class Oracle(Beginning):
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
        **arguments: Arguments of the KerasTuner oracle.

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
        **arguments: Any,
    ) -> None:
        check_objective(objective)
        check_whole_number("max_attempts", max_attempts, 1)
        check_seed(seed)
        super().__init__(
            objective=objective,
            hyperparameters=hyperparameters.copy(),
            seed=1,  # replaced below: KerasTuner ignores 0 and its NumPy generator many others
            max_retries_per_trial=max_attempts - 1,
            **arguments,
        )
        self.seed = seed
        self._display.verbose = 0

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

    def needed_trials(self) -> set[str]:
        """Return the trials whose files may still be read: those that run or are tried again."""
        return {trial.trial_id for trial in self.ongoing_trials.values()} | {*self._retry_queue}

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
        if ended.status in ("COMPLETED", "PRUNED"):
            unused = self._unused.get(trial.trial_id, ())
            self._tried.complete(ended.hyperparameters.values, unused)
        if ended.status != "COMPLETED":
            ended.score = ended.best_step = None
        self._note_declared(ended, known)

    @keras_tuner.synchronized  # type: ignore[untyped-decorator]
    def prune_trial(self, trial: Any, partial: Mapping[int, float]) -> None:
        """End a trial that a pruner stopped: it is PRUNED, and has no score.

        Args:
            trial: A trial that runs.
            partial: The objective by absolute epoch; its metrics have it afterwards.
        """
        trial.status = "PRUNED"
        self.end_trial(trial)
        self._note_partial(trial, partial)

    @keras_tuner.synchronized  # type: ignore[untyped-decorator]
    def resume_trial(self, tuner_id: str, trial_id: str) -> Any:
        """Return a PRUNED trial as one that is RUNNING again.

        Args:
            tuner_id: Who runs it.
            trial_id: The trial.
        """
        trial = self.trials[trial_id]
        _forget_attempt(trial)
        self.end_order.remove(trial_id)
        self._run_times[trial_id] -= 1
        self.tuner_ids.add(tuner_id)
        self.ongoing_trials[tuner_id] = trial
        return trial

    @property
    def must_try_again(self) -> bool:
        """Whether a trial that was begun comes before every other."""
        return bool(self._retry_queue)

    def score_trial(self, trial: Any) -> None:
        """Set a trial's score and best step; the score is NaN if no value was finite."""
        score(trial, self.objective)

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

    def _space_size(self) -> int | None:
        return size(self.hyperparameters)

    def _ranked(self, trials: Iterable[Any]) -> list[Any]:
        return ranked(trials, self.objective)

    def _unseen(self, seen: Container[Values]) -> Values | None:
        """Return random values for the next trial that are not among those seen."""
        return sample_unseen(
            self.hyperparameters, derive_seed(self.seed, "values", len(self.trials)), seen
        )

    def _answer(self, values: Values | None) -> dict[str, Any]:
        """Return what `populate_space` has to: without values, wait for others or stop."""
        if values is not None:
            return {"status": "RUNNING", "values": values}
        return {"status": "IDLE" if self.ongoing_trials else "STOPPED", "values": None}

    def _answer_or_draw(self, values: Values | None) -> dict[str, Any]:
        """Return the answer with values, or with random ones that are new where there are none."""
        return self._answer(self._unseen(self._tried) if values is None else values)

    def _propose(self) -> Any:
        number = len(self.trials)
        trial_id = f"{number:04d}"
        if self.max_trials is not None and number >= self.max_trials:
            return self._new_trial(trial_id, {}, "STOPPED")
        first = self._first_values()
        answer = self.populate_space(trial_id) if first is None else self._answer(first)
        trial = self._new_trial(trial_id, answer["values"] or {}, answer["status"])
        if trial.status == "RUNNING":
            self._start(trial)
        return trial


def _forget_attempt(trial: Any) -> None:
    """Make a trial look new; KerasTuner would drop a good second result for a bad first one."""
    trial.status = "RUNNING"
    trial.metrics = type(trial.metrics)()
    trial.message = trial.score = trial.best_step = None
