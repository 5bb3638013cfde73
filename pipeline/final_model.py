"""The final model of a search: made of the best trial, tested, saved and verified."""

import time
from pathlib import Path

from pipeline import evaluation
from pipeline.attempts import Attempt
from pipeline.callbacks import EvaluationEnd, SearchBegin
from pipeline.config import Config
from pipeline.history import read
from pipeline.results import TrainingResult
from pipeline.seeds import derive_seed
from pipeline.trainer import Trainer
from pipeline.trial_files import TrialFiles
from pipeline.tuner import SearchError, Tuner


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
        SearchError: The model cannot be saved and loaded, or predicts what cannot be tested.
    """
    best = tuner.best_trial()
    assert best is not None, "Tuner.search() returns only with a completed trial"
    attempt = next(a for a in read(directory).ranked() if a.begin.trial == best.trial_id)
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
        seed = derive_seed(config.seed, "final")
        model = trainer.retrain(best.hyperparameters, epochs=epochs, seed=seed)
    else:
        execution = attempt.best_execution(begin.objective, begin.direction)
        trained = TrainingResult.load(files.weights(best.trial_id, execution))
        seed = tuner.execution_seed(best.trial_id, execution)
        model = trainer.restore(best.hyperparameters, trained.weights, seed=seed)
    try:
        tested = evaluation.evaluate(
            model,
            trainer.dataset,
            directory,
            objective=begin.objective,
            batch_size=config.training.batch_size,
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


def _best_epochs(attempt: Attempt) -> int:
    """Return how many epochs led to the trial's score."""
    assert attempt.end is not None
    best_epoch = attempt.end.best_epoch
    return attempt.begin.epochs if best_epoch is None else best_epoch + 1
