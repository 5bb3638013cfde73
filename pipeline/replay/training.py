"""The training of a trial again, on the path that its search has taken."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from pipeline.configuration.config import Config, ConfigError
from pipeline.journal.attempts import Attempt
from pipeline.search.executions import Executions
from pipeline.search.parts import Parts
from pipeline.search.trial_files import TrialFiles
from pipeline.search.trial_values import restored_values
from pipeline.training.callback_folders import give_folder
from pipeline.training.failures import USERS_FAILURES, is_trials_own, sentence
from pipeline.training.results import mean_metrics
from pipeline.training.stopping import PrunedError, Stop
from pipeline.training.trainer import Trainer

_FOLDER = "replay"  # below what callbacks name, beside what they wrote during the search

EpochListener = Callable[[str, int, int], None]
"""Told of each epoch: the trial, the execution and the absolute epoch."""
Logs = Mapping[tuple[int, int], Mapping[str, float]]
"""What Keras reported, by execution and absolute epoch, in the order of the training."""


@dataclass(frozen=True)
class Trained:
    """What an attempt at a trial came to.

    Attributes:
        trial: The trial.
        logs: Its epochs.
        score: The objective's value, the mean over executions; None if it failed or was pruned.
        failure: Why it failed, in a sentence; None if it did not.
    """

    trial: str
    logs: Logs
    score: float | None
    failure: str | None = None

    @classmethod
    def then(cls, attempt: Attempt) -> "Trained":
        """Return what the journal tells of an attempt that has ended."""
        assert attempt.end is not None
        logs = {(one.execution, one.epoch): one.logs for one in attempt.epochs}
        failure = attempt.end.message if attempt.failed else None
        return cls(attempt.begin.trial, logs, attempt.end.score, failure)


@dataclass(frozen=True)
class Again:
    """Trains trials of a search again.

    Attributes:
        parts: What the search's configuration names, built.
        config: The search's configuration.
        fork_of: As `SearchBegin.fork_of`.
        folder: An empty one, for the weights that promoted trials go on from.
        on_epoch: Told of each epoch.
        tell: Told what whoever replays should know, in sentences.
    """

    parts: Parts
    config: Config
    fork_of: Mapping[str, str]
    folder: Path
    on_epoch: EpochListener
    tell: Callable[[str], None]

    def train(
        self, lineage: Sequence[Attempt], seed: int, *, name: str = "again", stops: bool = True
    ) -> list[Trained]:
        """Train an attempt, and before it those that it goes on from, whose weights may be gone.

        Args:
            lineage: The attempts, the last one that of the trial itself.
            seed: The search's, from which those of the executions derive.
            name: A folder of its own for what is kept.
            stops: Whether each training stops where it did then, whoever stopped it.

        Returns:
            What each came to; none after one that failed.

        Raises:
            ConfigError: None can be trained, as where the model reports another objective now.
        """
        executions = Executions(
            trainer=self._trainer,
            files=TrialFiles(self.folder / name, 1, self.config.objective.direction.value),
            count=self.config.training.executions_per_trial,
            seed=seed,
            epochs=self.config.training.epochs,
            verification=None,
            fork_of=self.fork_of,
        )
        trained: list[Trained] = []
        for attempt in lineage:
            trained.append(self._train(executions, attempt, stops=stops))
            if trained[-1].failure is not None:
                break
        return trained

    def _train(self, executions: Executions, attempt: Attempt, *, stops: bool) -> Trained:
        trial, logs = attempt.begin.trial, dict[tuple[int, int], Mapping[str, float]]()
        ends = _ends(attempt) if stops else {}

        def note(execution: int, epoch: int, values: Mapping[str, float]) -> None:
            logs[execution, epoch] = values
            self.on_epoch(trial, execution, epoch)

        def stop() -> Stop | None:
            return ends.get(next(reversed(logs)))

        try:
            results = executions.run(self._proposed(attempt), attempt.begin.attempt, note, stop)
        except PrunedError:
            return Trained(trial, logs, None)
        except keras_tuner.errors.FatalError as error:  # whatever the trial
            raise ConfigError(sentence(error)) from error
        except USERS_FAILURES as error:
            if not is_trials_own(error):
                raise
            return Trained(trial, logs, None, sentence(error))
        return Trained(trial, logs, mean_metrics(results)[self.config.objective.name])

    def _proposed(self, attempt: Attempt) -> Trial:
        """Return what the oracle proposed, from what the journal tells of it."""
        hyperparameters: keras_tuner.HyperParameters = self.parts.space.explored.copy()
        hyperparameters.values = restored_values(attempt.hyperparameters, attempt.begin)
        return Trial(hyperparameters, attempt.begin.trial, TrialStatus.RUNNING)

    @functools.cached_property
    def _trainer(self) -> Trainer:
        """Return the search's trainer, whose callbacks write beside what they wrote then."""
        trainer = self.parts.equipped(self.config, _Told(self.tell))

        def callbacks() -> list[keras.callbacks.Callback]:
            made = trainer.callbacks()
            for callback in made:
                give_folder(callback, _FOLDER)
            return made

        return dataclasses.replace(trainer, callbacks=callbacks)


@dataclass(frozen=True)
class _Told:
    """Tells what trainings have to say, as a `pipeline.search.parts.Listener`."""

    on_notice: Callable[[str], None]

    def on_features(self, done: int, total: int) -> None:
        """Say nothing: the epochs show that it goes on."""

    def on_features_refused(self, reason: str) -> None:
        """Tell why models with frozen layers are trained as a whole."""
        self.on_notice(f"features of frozen layers are not reused: {reason}")


def _ends(attempt: Attempt) -> dict[tuple[int, int], Stop]:
    """Return where a pruner or a budget may have stopped it: at the end of its executions."""
    if attempt.failed:
        return {}
    lasts = {one.execution: (one.execution, one.epoch) for one in attempt.epochs}
    ends = dict.fromkeys(lasts.values(), Stop.END)
    return {**ends, max(ends): Stop.PRUNE} if attempt.pruned else ends
