"""The final model of a search: made of the best trial, tested, saved and verified."""

import time
from pathlib import Path

from pipeline.configuration.config import Config
from pipeline.evaluation import best_model as evaluation
from pipeline.journal.attempts import Attempt
from pipeline.journal.callbacks import EvaluationEnd, SearchBegin
from pipeline.journal.history import read
from pipeline.search.continuation import what_next
from pipeline.search.failures import SearchError
from pipeline.search.trained_rates import trained_rates
from pipeline.search.trial_files import TrialFiles
from pipeline.search.tuner import Tuner
from pipeline.seeds import derive_seed
from pipeline.training.failures import is_trials_own, sentence
from pipeline.training.own_fit import has_own_fit
from pipeline.training.results import TrainingResult
from pipeline.training.trainer import Trainer


def evaluate_best(
    config: Config,
    tuner: Tuner,
    files: TrialFiles,
    begin: SearchBegin,
    directory: Path,
    trainer: Trainer,
    known: EvaluationEnd | None,
) -> EvaluationEnd:
    """Make the final model of the best trial, and test, save and verify it.

    Args:
        config: The search's configuration.
        tuner: It has searched, and at least one trial is completed.
        files: Where the trials keep their weights.
        begin: The search.
        directory: Its folder.
        trainer: What its trials were trained by.
        known: The last test of a search that was extended. If its model would be made again, it
            is what was made then: the same model is not registered twice.

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
    retrain, epochs = config.final.retrain, _best_epochs(attempt)
    if retrain:
        epochs = config.final.epochs or epochs
    if (
        known is not None
        and (known.trial, known.retrained, known.epochs) == (best.trial_id, retrain, epochs)
        and (directory / known.model).exists()
    ):
        return known
    if retrain:
        rates = trained_rates(history, attempt, execution)
        seed = derive_seed(config.seed, "final")
        try:
            model = trainer.retrain(
                best.hyperparameters,
                epochs=epochs,
                seed=seed,
                rates=rates,
                planned=None if config.final.epochs else attempt.begin.epochs,
            )
        except Exception as error:
            if not is_trials_own(error):
                raise
            after = what_next(config, tuner.oracle)
            raise SearchError(_failed(best.trial_id, trainer, error, after), directory) from error
    else:
        trained = TrainingResult.load(files.weights(best.trial_id, execution))
        seed = tuner.execution_seed(best.trial_id, execution)
        model = trainer.restore(best.hyperparameters, trained.weights, seed=seed)
    try:
        tested = evaluation.evaluate(
            model,
            trainer.dataset,
            directory,
            objective=begin.objective,
            batch_size=trainer.batch_size_of(best.hyperparameters),
            notices=trainer.notices,
        )
    except (evaluation.EvaluationError, evaluation.VerificationError) as error:
        raise SearchError(f"the best model (trial {best.trial_id}): {error}", directory) from error
    return EvaluationEnd(
        trial=best.trial_id,
        retrained=retrain,
        epochs=epochs,
        metrics=tested.metrics,
        score_name=tested.score_name,
        model=tested.model,
        artifacts=tested.artifacts,
        time=time.time(),
    )


def _failed(trial: str, trainer: Trainer, error: Exception, after: str) -> str:
    """Say why the final training failed, and what can be done about it."""
    validated = has_own_fit(trainer.hypermodel)
    where = "" if validated else ", in which nothing is validated,"
    return (
        f"the final training of trial {trial}{where} failed: {sentence(error)}; once that is "
        f"mended, {after}; final.retrain=false, a search of its own, takes the best trial's "
        "weights instead"
    )


def _best_epochs(attempt: Attempt) -> int:
    """Return how many epochs led to the trial's score."""
    assert attempt.end is not None
    best_epoch = attempt.end.best_epoch
    return attempt.begin.epochs if best_epoch is None else best_epoch + 1
