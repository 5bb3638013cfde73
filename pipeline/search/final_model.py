"""The final model of a search: made of the best trial, tested, saved and verified."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import keras

from pipeline.configuration.config import Final
from pipeline.datasets.splits import Split
from pipeline.datasets.streams import Stream
from pipeline.evaluation import best_model as evaluation
from pipeline.journal.attempts import Attempt
from pipeline.journal.callbacks import EvaluationEnd, SearchBegin
from pipeline.journal.history import read
from pipeline.search.failures import SearchError
from pipeline.search.trained_rates import trained_rates
from pipeline.search.trial_files import TrialFiles
from pipeline.search.tuner import Tuner
from pipeline.seeds import derive_seed
from pipeline.training.failures import USERS_FAILURES, is_trials_own, sentence
from pipeline.training.own_fit import has_own_fit
from pipeline.training.results import TrainingResult
from pipeline.training.trainer import Trainer


def evaluate_best(
    tuner: Tuner,
    trainer: Trainer,
    files: TrialFiles,
    begin: SearchBegin,
    directory: Path,
    *,
    final: Final,
    known: EvaluationEnd | None,
    what_next: str,
) -> EvaluationEnd:
    """Make the final model of the best trial, and test, save and verify it.

    Args:
        tuner: It has searched, and at least one trial is completed.
        trainer: What its trials were trained by.
        files: Where the trials keep their weights.
        begin: The search.
        directory: Its folder.
        final: How the model is made.
        known: The last test of a search that was extended. If its model would be made again, it
            is what was made then: the same model is not registered twice.
        what_next: How to go on if it cannot be made.

    Returns:
        What the test said.

    Raises:
        SearchError: The final training failed, or the model cannot be saved and loaded, or
            predicts what cannot be tested.
    """
    best = tuner.best_trial()
    assert best is not None, "Tuner.search() returns only with a completed trial"
    history = read(directory)
    attempt = next(a for a in history.ranked() if a.begin.trial == best.trial_id)
    execution = attempt.best_execution(begin.objective, begin.direction)
    epochs = (final.epochs if final.retrain else None) or _best_epochs(attempt)
    if (
        known is not None
        and (known.trial, known.retrained, known.epochs) == (best.trial_id, final.retrain, epochs)
        and (directory / known.model).exists()
        and (not final.predictions or evaluation.PREDICTIONS in known.artifacts)
    ):
        return known
    test = trainer.dataset.test
    if attempt.epochs:  # else `fit` does not let anybody see where it begins to train
        test = trainer.as_validated(best.hyperparameters, test)
    if final.retrain:
        with _told(best.trial_id, trainer, directory, what_next):
            model = trainer.retrain(
                best.hyperparameters,
                epochs=epochs,
                seed=derive_seed(begin.seed, "final"),
                rates=trained_rates(history, attempt, execution),
                planned=None if final.epochs else attempt.begin.epochs,
            )
    else:
        trained = TrainingResult.load(files.weights(best.trial_id, execution))
        seed = tuner.execution_seed(best.trial_id, execution)
        model = trainer.restore(best.hyperparameters, trained.weights, seed=seed)
    batch_size = trainer.batch_size_of(best.hyperparameters)
    tested = _tested(
        model, best.trial_id, trainer, begin, directory, batch_size, test, final.predictions
    )
    return EvaluationEnd(
        trial=best.trial_id,
        retrained=final.retrain,
        epochs=epochs,
        metrics=tested.metrics,
        score_name=tested.score_name,
        model=tested.model,
        artifacts=tested.artifacts,
        time=time.time(),
        baseline=tested.baseline,
        confusion=tested.confusion,
    )


@contextlib.contextmanager
def _told(trial: str, trainer: Trainer, directory: Path, what_next: str) -> Iterator[None]:
    """Say why the final training failed, and what can be done about it."""
    try:
        yield
    except USERS_FAILURES as error:
        if not is_trials_own(error):
            raise
        validated = has_own_fit(trainer.hypermodel)
        where = "" if validated else ", in which nothing is validated,"
        raise SearchError(
            f"the final training of trial {trial}{where} failed: {sentence(error)}; once that is "
            f"mended, {what_next}; final.retrain=false, a search of its own, takes the best "
            "trial's weights instead",
            directory,
        ) from error


def _tested(
    model: keras.Model,
    trial: str,
    trainer: Trainer,
    begin: SearchBegin,
    directory: Path,
    batch_size: int,
    test: Split | Stream,
    keep_predictions: bool,
) -> evaluation.Evaluation:
    """Return what the test of the model says, or say why there is none."""
    try:
        return evaluation.evaluate(
            model,
            trainer.dataset,
            directory,
            objective=begin.objective,
            batch_size=batch_size,
            notices=trainer.notices,
            test=test,
            keep_predictions=keep_predictions,
        )
    except (evaluation.EvaluationError, evaluation.VerificationError) as error:
        raise SearchError(f"the best model (trial {trial}): {error}", directory) from error


def _best_epochs(attempt: Attempt) -> int:
    """Return how many epochs led to the trial's score."""
    assert attempt.end is not None
    best_epoch = attempt.end.best_epoch
    return attempt.begin.epochs if best_epoch is None else best_epoch + 1
