"""Trains the executions of trials, and keeps what each of them ended with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from keras_tuner.engine.trial import Trial

from pipeline.search.trial_files import TrialFiles
from pipeline.search.trial_values import epoch_range
from pipeline.seeds import derive_seed
from pipeline.training.results import TrainingResult
from pipeline.training.stopping import StopOf
from pipeline.training.trainer import Execution, Trainer
from pipeline.training.verification import Verification
from pipeline.training.weights import Weights

EpochOfExecution = Callable[[int, int, Mapping[str, float]], None]
"""Told of each epoch: the execution's index, the absolute epoch, and what Keras reported."""


@dataclass(frozen=True)
class Executions:
    """Trains the executions of trials; each result is kept in a file, its weights included.

    Attributes:
        trainer: Trains one.
        files: Where the trials keep their weights.
        count: How many each trial has, at least 1.
        seed: The search's.
        epochs: Epochs of a trial, unless the strategy or the hyperparameter `epochs` decides.
        verification: Compares trials with plain Keras; None compares none.
        fork_of: The `trial` and `attempt` whose seeds a fork's only trial has; empty otherwise.
    """

    trainer: Trainer
    files: TrialFiles
    count: int
    seed: int
    epochs: int
    verification: Verification | None
    fork_of: Mapping[str, str] = field(default_factory=dict)

    def run(
        self, trial: Trial, attempt: int, on_epoch_end: EpochOfExecution, stop: StopOf
    ) -> list[TrainingResult]:
        """Train those that no earlier process has trained.

        Args:
            trial: What the oracle proposed.
            attempt: 0 for the first try at it.
            on_epoch_end: Told of every epoch, also of those that an earlier process trained.
            stop: Asked at the end of every other epoch whether the training stops there.

        Returns:
            One result an execution.

        Raises:
            DifferenceError: Plain Keras reports something else.
        """
        results = []
        for execution in range(self.count):
            seed = self.seed_of(trial.trial_id, attempt, execution)
            path = self.files.weights(trial.trial_id, execution)
            result = TrainingResult.find(path, seed)
            if result is None:
                result = self._train(trial, attempt, execution, on_epoch_end, stop)
                result.save(path, seed)
            else:  # an earlier process trained it
                for epoch, logs in result.logs.items():
                    on_epoch_end(execution, epoch, logs)
            results.append(result)
        return results

    def seed_of(self, trial_id: str, attempt: int, execution: int) -> int:
        """Return the seed of one execution, of its weights and of its examples' order."""
        if self.fork_of:
            trial_id, attempt = self.fork_of["trial"], int(self.fork_of["attempt"]) + attempt
        return derive_seed(self.seed, "execution", trial_id, attempt, execution)

    def _train(
        self,
        trial: Trial,
        attempt: int,
        execution: int,
        on_epoch_end: EpochOfExecution,
        stop: StopOf,
    ) -> TrainingResult:
        initial_epoch, epochs = epoch_range(trial.hyperparameters.values, self.epochs)
        task = Execution(
            hyperparameters=trial.hyperparameters,
            seed=self.seed_of(trial.trial_id, attempt, execution),
            initial_epoch=initial_epoch,
            epochs=epochs,
            weights=self._parents_weights(trial, execution),
            checkpoint=self.files.checkpoint(trial.trial_id, execution),
            folder=_folder(trial.trial_id, attempt, execution),
        )

        def tell(epoch: int, logs: Mapping[str, float]) -> None:
            on_epoch_end(execution, epoch, logs)

        if self.verification is None:
            return self.trainer.train(task, tell, stop)
        return self.verification.train(trial.trial_id, task, tell, stop)

    def _parents_weights(self, trial: Trial, execution: int) -> Weights | None:
        parent = trial.hyperparameters.values.get("tuner/trial_id")
        if parent is None:
            return None
        return TrainingResult.load(self.files.weights(parent, execution)).weights


def _folder(trial: str, attempt: int, execution: int) -> str:
    """Return where the callbacks of an execution write, under what they name."""
    again = f"attempt{attempt}/" if attempt else ""
    return f"{trial}/{again}execution{execution}"
