"""The loop around the oracle: trials, their attempts and failures; it tells the callbacks."""

import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from pipeline.journal.callbacks import (
    EpochEnd,
    SearchBegin,
    SearchCallback,
    SearchEnd,
    Status,
    TrialBegin,
    TrialEnd,
)
from pipeline.search.trial_files import TrialFiles
from pipeline.search.trial_values import epoch_range, trial_begin
from pipeline.seeds import derive_seed
from pipeline.training.failures import SearchError, can_be_continued, is_trials_own, sentence
from pipeline.training.results import TrainingResult, best_result, mean_metrics
from pipeline.training.trainer import Execution, Trainer
from pipeline.training.verification import DifferenceError, Verification
from pipeline.training.weights import Weights

__all__ = ["Earlier", "SearchError", "Tuner"]


@dataclass(frozen=True)
class Earlier:
    """What earlier processes did of a search.

    Attributes:
        attempts: FAILED attempts, by trial.
        seconds: Time spent on the attempt that is continued, by trial.
        elapsed: Time spent on attempts that ended.
    """

    attempts: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    elapsed: float = 0.0


_NOTHING = Earlier()


class Tuner(keras_tuner.Tuner):
    """Runs the trials an oracle proposes, and tells the callbacks of every event.

    KerasTuner's own tuner deep-copies callbacks, skips its last hooks when something is raised,
    writes a checkpoint at every improvement and averages executions away; this one does none of
    that. The trainer trains, the callbacks record.

    Args:
        oracle: Proposes the trials; ours or any of KerasTuner's.
        trainer: Trains one execution.
        begin: What the callbacks are told first; its seed and executions are used here.
        directory: The search's folder.
        files: Where trials keep their weights.
        epochs: Epochs of a trial, unless the strategy or the hyperparameter `epochs` decides.
        callbacks: Told of every event, in this order.
        max_failed_trials: Failed trials in a row that end the search.
        max_seconds: Time that all trials together may take; when it is over, no other trial
            starts. None does not limit it.
        verification: Compares trials with plain Keras; None compares none.
        earlier: What earlier processes did; the oracle knows their trials already.
        should_stop: Asked between trials and at the end of every epoch whether to stop there.
    """

    def __init__(
        self,
        *,
        oracle: keras_tuner.Oracle,
        trainer: Trainer,
        begin: SearchBegin,
        directory: Path,
        epochs: int,
        callbacks: Sequence[SearchCallback],
        max_failed_trials: int,
        files: TrialFiles,
        max_seconds: float | None = None,
        verification: Verification | None = None,
        earlier: Earlier = _NOTHING,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(
            oracle=oracle,
            hypermodel=trainer.hypermodel,
            directory=str(directory.parent),
            project_name=directory.name,
            executions_per_trial=begin.executions_per_trial,
        )
        # KerasTuner's count raises in the middle of ending a trial; ours is in _count_failure.
        oracle.max_consecutive_failed_trials = None
        oracle.verbose = 0
        self._trainer = trainer
        self._begin = begin
        self._folder = directory
        self._epochs = epochs
        self._callbacks = tuple(callbacks)
        self._max_failed_trials = max_failed_trials
        self._files = files
        self._max_seconds = max_seconds
        self._verification = verification
        self._should_stop = should_stop
        self._attempts = Counter(earlier.attempts)
        self._earlier = earlier
        self._elapsed = earlier.elapsed
        self._epochs_trained = 0
        self._out_of_time = False
        ended = [oracle.trials[trial] for trial in oracle.end_order]
        failed = takewhile(lambda trial: trial.status == TrialStatus.FAILED, reversed(ended))
        self._failed_in_a_row = len(list(failed))
        for trial in ended:
            self._note_score(trial)

    def search(self) -> Trial:
        """Run trials until the oracle stops.

        Returns:
            The best COMPLETED trial.

        Raises:
            SearchError: Too many trials failed in a row, or none completed.
            KeyboardInterrupt: It was interrupted.
            StorageError: What it has to keep cannot be written; it can be continued.
            DamagedFileError: What an earlier trial or process kept cannot be read.
            keras_tuner.errors.FatalError: The configuration cannot work, whatever the trial.
        """
        for callback in self._callbacks:
            callback.on_search_begin(self._begin)
        # What is neither told nor proven hopeless can be continued.
        status, message = Status.INTERRUPTED, None
        try:
            self._delete_files()
            self._run_trials()
            best = self.best_trial()
            if best is None:
                raise SearchError(self._failed_all(), self._folder)
            status = Status.COMPLETED
            if self._out_of_time:
                message = f"max_seconds={self._max_seconds:g} are over"
            return best
        except (SearchError, keras_tuner.errors.FatalError) as error:
            status, message = Status.FAILED, sentence(error)
            raise
        except KeyboardInterrupt:
            message = "interrupted"
            raise
        except Exception as error:
            message = sentence(error)
            raise
        finally:
            best = self.best_trial()
            trial = best.trial_id if best else None
            end = SearchEnd(status, trial, message, time.time(), self._out_of_time)
            for callback in self._callbacks:
                callback.on_search_end(end)

    def best_trial(self) -> Trial | None:
        """Return the best COMPLETED trial; KerasTuner's own list may name a failed one."""
        trials = self.oracle.get_best_trials(1)
        completed = [trial for trial in trials if trial.status == TrialStatus.COMPLETED]
        return completed[0] if completed else None

    def run_trial(self, trial: Trial) -> list[TrainingResult]:
        """Train every execution of a trial, and keep the weights each ended with.

        Args:
            trial: What the oracle proposed.

        Returns:
            One result an execution.
        """
        results = []
        for execution in range(self.executions_per_trial):
            seed = self.execution_seed(trial.trial_id, execution)
            path = self._files.weights(trial.trial_id, execution)
            result = TrainingResult.find(path, seed)
            if result is None:
                result = self._train(trial, execution, seed)
                result.save(path, seed)
            else:  # an earlier process trained it
                for epoch, logs in result.logs.items():
                    self._tell_epoch(trial, execution, epoch, logs)
            results.append(result)
        return results

    def execution_seed(self, trial_id: str, execution: int) -> int:
        """Return the seed of a trial's execution in its current attempt."""
        attempt = self._attempts[trial_id]
        return derive_seed(self._begin.seed, "execution", trial_id, attempt, execution)

    def _populate_initial_space(self) -> None:
        """Do nothing: the oracle was given the explored space."""

    def _run_trials(self) -> None:
        self._check_failures(None)
        while True:
            if self._should_stop():
                raise KeyboardInterrupt
            if self._max_seconds is not None and self._elapsed >= self._max_seconds:
                self._out_of_time = True
                return
            trial = self.oracle.create_trial(self.tuner_id)
            if trial.status == TrialStatus.STOPPED:
                return
            self._run_attempt(trial)

    def _run_attempt(self, trial: Trial) -> None:
        attempt, started = self._attempts[trial.trial_id], time.monotonic()
        self._epochs_trained = 0
        begin = trial_begin(trial, attempt, self._epochs)
        for callback in self._callbacks:
            callback.on_trial_begin(begin)
        results: list[TrainingResult] = []
        failure: BaseException | None = None
        try:
            results = self.run_trial(trial)
        except BaseException as error:  # told to the callbacks, then raised unless the trial's own
            failure = error
        ends_search = failure is not None and not is_trials_own(failure)
        if not ends_search:
            self._tell_oracle(trial, results, failure)
        seconds = self._seconds_before(trial.trial_id, attempt) + time.monotonic() - started
        self._elapsed += seconds
        self._tell_trial_end(begin, results, failure, seconds)
        if failure is not None and ends_search:
            raise failure
        ended = self.oracle.get_trial(trial.trial_id)
        self._note_score(ended)
        self._delete_files()
        self._count_failure(ended, failure)

    def _tell_oracle(
        self, trial: Trial, results: Sequence[TrainingResult], failure: BaseException | None
    ) -> None:
        if failure is None:
            best = best_result(results, self._begin.direction)
            metrics = mean_metrics(results)
            self.oracle.update_trial(trial.trial_id, metrics, step=best.best_epoch or 0)
            trial.status = TrialStatus.COMPLETED
        else:
            failed = isinstance(failure, keras_tuner.errors.FailedTrialError)
            trial.status = TrialStatus.FAILED if failed else TrialStatus.INVALID
            trial.message = sentence(failure)
        self.oracle.end_trial(trial)

    def _tell_trial_end(
        self,
        began: TrialBegin,
        results: Sequence[TrainingResult],
        failure: BaseException | None,
        seconds: float,
    ) -> None:
        """Say how the oracle judged the attempt."""
        ended = self.oracle.get_trial(began.trial)
        completed = failure is None and ended.status == TrialStatus.COMPLETED
        interrupted = failure is not None and can_be_continued(failure)
        status = (
            Status.COMPLETED if completed else Status.INTERRUPTED if interrupted else Status.FAILED
        )
        best = best_result(results, self._begin.direction) if completed else None
        again = interrupted or ended.status == TrialStatus.INVALID
        end = TrialEnd(
            trial=began.trial,
            attempt=began.attempt,
            status=status,
            score=float(ended.score) if completed else None,
            best_epoch=best.best_epoch if best else None,
            metrics=mean_metrics(results) if completed else {},
            epochs_trained=self._epochs_trained,
            duration_seconds=seconds,
            final=not again,
            message=sentence(failure) if failure else ended.message,
            traceback="".join(traceback.format_exception(failure)) if failure else None,
            time=time.time(),
            **self._declared(ended, began),
        )
        if status is Status.FAILED:
            self._attempts[began.trial] += 1
        for callback in self._callbacks:
            callback.on_trial_end(end)

    def _declared(self, ended: Trial, began: TrialBegin) -> dict[str, Any]:
        """Return what the trial's own training added to the search space."""
        if not hasattr(self.oracle, "declared_by"):
            return {}
        declared = self.oracle.declared_by(ended.trial_id)
        names = {item["config"]["name"] for item in declared} - began.hyperparameters.keys()
        values = {name: ended.hyperparameters.values.get(name) for name in sorted(names)}
        return {"declared": declared, "declared_values": values}

    def _failed_all(self) -> str:
        trials = list(self.oracle.trials.values())
        reason = f"; the last one: {trials[-1].message}" if trials and trials[-1].message else ""
        return f"none of {len(trials)} trials completed{reason}"

    def _seconds_before(self, trial: str, attempt: int) -> float:
        """Return what earlier processes spent on an attempt that this one continues."""
        continued = attempt == self._earlier.attempts.get(trial, 0)
        return self._earlier.seconds.get(trial, 0.0) if continued else 0.0

    def _note_score(self, trial: Trial) -> None:
        if trial.status == TrialStatus.COMPLETED:
            self._files.add(trial.trial_id, trial.score)

    def _delete_files(self) -> None:
        """Delete what no trial can need any more; only our oracles say what they need."""
        if hasattr(self.oracle, "needed_trials"):
            self._files.delete_others(self.oracle.needed_trials())

    def _count_failure(self, trial: Trial, failure: BaseException | None) -> None:
        if trial.status == TrialStatus.COMPLETED:
            self._failed_in_a_row = 0
        elif trial.status == TrialStatus.FAILED:
            self._failed_in_a_row += 1
        self._check_failures(failure)

    def _check_failures(self, failure: BaseException | None) -> None:
        if self._failed_in_a_row >= self._max_failed_trials:
            last = self.oracle.trials[self.oracle.end_order[-1]]
            reason = sentence(failure) if failure else last.message
            raise SearchError(
                f"{self._failed_in_a_row} trials in a row failed, as many as max_failed_trials "
                f"allows; the last one: {reason}",
                self._folder,
            ) from failure

    def _train(self, trial: Trial, execution: int, seed: int) -> TrainingResult:
        initial_epoch, epochs = epoch_range(trial.hyperparameters.values, self._epochs)
        task = Execution(
            hyperparameters=trial.hyperparameters,
            seed=seed,
            initial_epoch=initial_epoch,
            epochs=epochs,
            weights=self._parents_weights(trial, execution),
            checkpoint=self._files.checkpoint(trial.trial_id, execution),
        )

        def on_epoch_end(epoch: int, logs: Mapping[str, float]) -> None:
            self._tell_epoch(trial, execution, epoch, logs)

        if self._verification is None:
            return self._trainer.train(task, on_epoch_end, self._should_stop)
        try:
            return self._verification.train(trial.trial_id, task, on_epoch_end, self._should_stop)
        except DifferenceError as error:
            what = f"trial {trial.trial_id} is not what Keras gives"
            raise SearchError(f"{what}: {error}", self._folder) from error

    def _parents_weights(self, trial: Trial, execution: int) -> Weights | None:
        parent = trial.hyperparameters.values.get("tuner/trial_id")
        if parent is None:
            return None
        return TrainingResult.load(self._files.weights(parent, execution)).weights

    def _tell_epoch(
        self, trial: Trial, execution: int, epoch: int, logs: Mapping[str, float]
    ) -> None:
        self._epochs_trained += 1
        attempt = self._attempts[trial.trial_id]
        record = EpochEnd(trial.trial_id, attempt, execution, epoch, logs, time.time())
        for callback in self._callbacks:
            callback.on_epoch_end(record)
