"""Ours with everything on: journal, MLflow on SQLite, evaluation, report and registered model."""

from pathlib import Path

from benchmarks.image_folders import ALL
from benchmarks.work import BATCH_SIZE, SEED, Outcome, Work
from pipeline.configuration.composition import compose_config
from pipeline.configuration.config import Config
from pipeline.search import run_search

_CONF = Path(__file__).parents[1] / "conf"
_CHOICES = {
    "small": ["dataset=digits", "model=mlp"],
    "inception": ["dataset=blobs", "dataset.image_size=128", "model=inception"],
    "mobilenet": ["dataset=blobs", "dataset.image_size=160", "model=mobilenet"],
    "photographs": ["dataset=images", "dataset.image_size=[96,96]", "model=small_cnn"],
    "small_images": ["dataset=images", "dataset.image_size=[160,160]", "model=small_cnn"],
}


def search(work: Work, folder: Path) -> Outcome:
    """Search without early stopping, as nobody else does it."""
    history = run_search(configuration(work, folder)).history
    (best, *_) = history.ranked()
    assert best.end is not None
    return Outcome([one.begin.hyperparameters for one in history.attempts], best.end.score)


def configuration(work: Work, folder: Path) -> Config:
    """Return what a command would say.

    Args:
        work: The search.
        folder: Of the searches, and of MLflow's store.

    Returns:
        The composed configuration.
    """
    overrides = [
        *_CHOICES[work.case],
        *([] if work.data is None else [f"dataset.path={work.data / ALL}"]),
        f"strategy={'random' if work.sets else 'hyperband'}",
        f"seed={SEED}",
        f"training.epochs={work.epochs}",
        f"training.batch_size={BATCH_SIZE}",
        "~callbacks.early_stopping",
        "~callbacks.reduce_learning_rate",
        f"storage={folder}/searches",
        f"tracking.uri=sqlite:///{folder}/mlflow.db",
        "verbose=0",
    ]
    config = compose_config(overrides, config_dir=str(_CONF))
    if work.sets:
        sets = [dict(values) for values in work.sets]
        config.strategy = {"_target_": "benchmarks.given_sets.OurGivenSets", "sets": sets}
    return config
