"""The loop around the oracle: it runs trials, judges their failures and tells the callbacks."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from pipeline.journal.callbacks import EpochEnd, SearchBegin, SearchCallback, SearchEnd, Status
from pipeline.search.asked import Asked
from pipeline.search.attempts import Attempts, Earlier
from pipeline.search.budgeting import Budgeting, NoBudget
from pipeline.search.executions import Executions
from pipeline.search.failures import SearchError, TooManyFailedError, ends_search
from pipeline.search.pruning import NoPruning, Pruning
from pipeline.search.trial_files import TrialFiles
from pipeline.search.trial_records import Outcome, trial_begin, trial_end
from pipeline.training.failures import sentence
from pipeline.training.results import TrainingResult, best_result, mean_metrics
from pipeline.training.stopping import PrunedError, Stop
from pipeline.training.trainer import Trainer
from pipeline.training.verification import DifferenceError, Verification

_NOTHING = Earlier()
_NO_PRUNING = NoPruning()
_NO_BUDGET = NoBudget()


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
        budgeting: Asked what the budget allows; it is among the callbacks.
        verification: Compares trials with plain Keras; None compares none.
        earlier: What earlier processes did; the oracle knows their trials already.
        should_stop: Asked between trials and at the end of every epoch whether to stop there.
        pruning: Asked which trials stop early and go on again; it is among the callbacks.
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
        budgeting: Budgeting = _NO_BUDGET,
        verification: Verification | None = None,
        earlier: Earlier = _NOTHING,
        should_stop: Callable[[], bool] = lambda: False,
        pruning: Pruning = _NO_PRUNING,
    ) -> None:
        super().__init__(
            oracle=oracle,
            hypermodel=trainer.hypermodel,
            directory=str(directory.parent),
            project_name=directory.name,
            executions_per_trial=begin.executions_per_trial,
        )
        # KerasTuner's count raises in the middle of ending a trial; ours is in _check_failures.
        oracle.max_consecutive_failed_trials = None
        oracle.verbose = 0
        self._executions = Executions(
            trainer=trainer,
            files=files,
            count=begin.executions_per_trial,
            seed=begin.seed,
            epochs=epochs,
            verification=verification,
            fork_of=begin.fork_of,
        )
        self._begin = begin
        self._folder = directory
        self._epochs = epochs
        self._callbacks = tuple(callbacks)
        self._max_failed_trials = max_failed_trials
        self._files = files
        self._budgeting = budgeting
        self._should_stop = should_stop
        self._pruning = pruning
        ended = [oracle.trials[trial] for trial in oracle.end_order]
        self._attempts = Attempts(earlier, [trial.status for trial in ended])
        self._needed_yet = earlier.needed
        self._epochs_trained = 0
        for trial in ended:
            self._note_score(trial)

    def search(self) -> Trial:
        """Run trials until the oracle stops.

        Returns:
            The best COMPLETED trial.

        Raises:
            TooManyFailedError: Too many trials failed in a row.
            SearchError: None completed, or one is not what plain Keras gives.
            KeyboardInterrupt: It was interrupted.
            StorageError: What it has to keep cannot be written; it can be continued.
            DamagedFileError: What an earlier trial or process kept cannot be read.
            keras_tuner.errors.FatalError: The configuration cannot work, whatever the trial.
        """
        for callback in self._callbacks:
            callback.on_search_begin(self._begin)
        # What is neither told nor proven hopeless can be continued.
        status, message, wrong = Status.INTERRUPTED, None, False
        try:
            self._delete_files()
            self._run_trials()
            self._delete_files(ended=self._budgeting.key is None)
            best = self.best_trial()
            if best is None:
                raise SearchError(self._failed_all(), self._folder)
            status = Status.COMPLETED
            message = self._budgeting.sentence
            return best
        except (SearchError, keras_tuner.errors.FatalError) as error:
            status, message = Status.FAILED, sentence(error)
            wrong = isinstance(error, keras_tuner.errors.FatalError)
            raise
        except KeyboardInterrupt:
            message = "interrupted"
            raise
        except Exception as error:
            message = sentence(error)
            raise
        finally:
            trial = best.trial_id if (best := self.best_trial()) else None
            limit = self._budgeting.key if status is Status.COMPLETED else None
            end = SearchEnd(status, trial, message, time.time(), limit == "seconds", wrong, limit)
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

        def tell_epoch(execution: int, epoch: int, logs: Mapping[str, float]) -> None:
            self._epochs_trained += 1
            record = EpochEnd(trial.trial_id, attempt, execution, epoch, logs, time.time())
            for callback in self._callbacks:
                callback.on_epoch_end(record)

        def stop() -> Stop | None:
            if self._should_stop():
                return Stop.INTERRUPT
            return self._pruning.stop(trial.trial_id) or self._budgeting.stop(trial.trial_id)

        attempt = self._attempts.number(trial.trial_id)
        allow_new = bool(self.oracle.allow_new_entries)
        try:
            with Asked.of(trial, self.hypermodel, allow_new=allow_new) as asked:
                results = self._executions.run(asked.trial, attempt, tell_epoch, stop)
            if hasattr(self.oracle, "note_unused"):
                self.oracle.note_unused(trial.trial_id, asked.unused)
            return results
        except DifferenceError as error:
            what = f"trial {trial.trial_id} is not what Keras gives"
            raise SearchError(f"{what}: {error}", self._folder) from error

    def execution_seed(self, trial_id: str, execution: int) -> int:
        """Return the seed of a trial's execution in its current attempt."""
        return self._executions.seed_of(trial_id, self._attempts.number(trial_id), execution)

    def _populate_initial_space(self) -> None:
        """Do nothing: the oracle was given the explored space."""

    def _run_trials(self) -> None:
        self._check_failures(None)
        while True:
            if self._should_stop():
                raise KeyboardInterrupt
            trial = None if self._budgeting.is_over() else self._next_trial()
            if trial is None:
                return
            try:
                self._run_attempt(trial)
            except KeyboardInterrupt:
                if self._budgeting.stopped is None:
                    raise
                return

    def _next_trial(self) -> Trial | None:
        """Return the trial that runs next: one that a pruner lets go on, or the oracle's."""
        begun_first = getattr(self.oracle, "must_try_again", False)  # KerasTuner's do not say
        resumed = None if begun_first else self._pruning.resumed(exhausted=False)
        if resumed is not None:
            return self.oracle.resume_trial(self.tuner_id, resumed)
        if begun_first or not self._budgeting.is_closed():
            trial = self.oracle.create_trial(self.tuner_id)
            if trial.status != TrialStatus.STOPPED:
                return trial
        resumed = self._pruning.resumed(exhausted=True)
        return None if resumed is None else self.oracle.resume_trial(self.tuner_id, resumed)

    def _run_attempt(self, trial: Trial) -> None:
        name, started = trial.trial_id, time.monotonic()
        self._epochs_trained = 0
        begin = trial_begin(trial, self._attempts.number(name), self._epochs)
        for callback in self._callbacks:
            callback.on_trial_begin(begin)
        results: list[TrainingResult] = []
        failure: BaseException | None = None
        try:
            results = self.run_trial(trial)
        except BaseException as error:  # told to the callbacks, then raised unless the trial's own
            failure = error
        fatal = failure is not None and ends_search(failure)
        if not fatal:
            self._tell_oracle(trial, results, failure)
        seconds = self._attempts.spend(name, time.monotonic() - started)
        outcome = Outcome(results, failure, self._epochs_trained, seconds)
        end = trial_end(self.oracle, begin, outcome, self._begin.direction)
        if end.status is Status.FAILED:
            self._attempts.note_failure(name)
        if end.status is Status.PRUNED:
            self._attempts.note_pruned(name, seconds)
        for callback in self._callbacks:
            callback.on_trial_end(end)
        if failure is not None and fatal:
            raise failure
        ended = self.oracle.get_trial(name)
        self._note_score(ended)
        self._delete_files()
        self._attempts.note_end(ended.status)
        self._check_failures(failure)

    def _tell_oracle(
        self, trial: Trial, results: Sequence[TrainingResult], failure: BaseException | None
    ) -> None:
        if failure is None:
            best = best_result(results, self._begin.direction)
            metrics = mean_metrics(results)
            self.oracle.update_trial(trial.trial_id, metrics, step=best.best_epoch or 0)
            trial.status = TrialStatus.COMPLETED
        elif isinstance(failure, PrunedError):
            self.oracle.prune_trial(trial, self._pruning.values(trial.trial_id))
            return
        else:
            failed = isinstance(failure, keras_tuner.errors.FailedTrialError)
            trial.status = TrialStatus.FAILED if failed else TrialStatus.INVALID
            trial.message = sentence(failure)
        self.oracle.end_trial(trial)

    def _failed_all(self) -> str:
        trials = list(self.oracle.trials.values())
        reason = f"; the last one: {trials[-1].message}" if trials and trials[-1].message else ""
        return f"none of {len(trials)} trials completed{reason}"

    def _note_score(self, trial: Trial) -> None:
        if trial.status == TrialStatus.COMPLETED:
            self._files.add(trial.trial_id, trial.score)

    def _delete_files(self, *, ended: bool = False) -> None:
        """Delete what no trial can need any more; only our oracles say what they need.

        Args:
            ended: Whether no pruned trial goes on.
        """
        if hasattr(self.oracle, "needed_trials"):
            paused = () if ended else self._pruning.kept
            self._files.delete_others({*self.oracle.needed_trials(), *paused, *self._needed_yet})

    def _check_failures(self, failure: BaseException | None) -> None:
        if self._attempts.failed_in_a_row >= self._max_failed_trials:
            last = self.oracle.trials[self.oracle.end_order[-1]]
            reason = sentence(failure) if failure else last.message
            raise TooManyFailedError(
                f"{self._attempts.failed_in_a_row} trials in a row failed, as many as "
                f"max_failed_trials allows; the last one: {reason}",
                self._folder,
            ) from failure
