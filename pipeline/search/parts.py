"""What a configuration names, built: the parts of a search."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras_tuner

from pipeline.configuration.config import Config
from pipeline.datasets.dataset import Dataset
from pipeline.hypermodels.spaces import SearchSpace
from pipeline.pruners import Pruner
from pipeline.search import components
from pipeline.search.budgeting import Spending
from pipeline.search.targets import explained
from pipeline.terminal.progress import Progress
from pipeline.tracking import check_uri
from pipeline.training.notices import Notices
from pipeline.training.trainer import Trainer


@dataclass(frozen=True)
class Parts:
    """What the configuration names, built; nothing is written yet."""

    dataset: Dataset
    hypermodel: keras_tuner.HyperModel
    space: SearchSpace
    oracle: keras_tuner.Oracle
    pruner: Pruner
    trainer: Trainer
    obstacle: str | None
    """Why MLflow cannot be told anything yet."""

    @classmethod
    def of(cls, config: Config, dataset: Dataset) -> "Parts":
        """Build everything, the cheap first, so that a mistake is answered early."""
        obstacle = explained("tracking", check_uri, config.tracking.uri, config.tracking.experiment)
        hypermodel = components.make_hypermodel(config.model, dataset, config.seed)
        space = components.make_space(
            hypermodel, config.hyperparameters, config.compile, config.strategy
        )
        oracle = components.make_oracle(
            config.strategy,
            space.explored,
            keras_tuner.Objective(config.objective.name, config.objective.direction.value),
            seed=config.seed,
            max_attempts=config.max_attempts or 1,
        )
        pruner = components.make_pruner(
            config.pruner,
            oracle,
            direction=config.objective.direction.value,
            epochs=config.training.epochs,
            seed=config.seed,
        )
        components.check_epochs(oracle, config.hyperparameters)
        components.check_batch_size(space.explored, dataset)
        trainer = components.make_trainer(
            dataset,
            hypermodel,
            oracle.objective,
            config.training,
            config.compile,
            config.callbacks,
            config.checkpoint.every_seconds,
        )
        return cls(dataset, hypermodel, space, oracle, pruner, trainer, obstacle)

    def spending(self, config: Config, tell: Callable[[str], None]) -> Spending:
        """Return what follows the costs of a search.

        Args:
            config: The configuration that this was built of.
            tell: Given a sentence on what the budget buys.
        """
        return Spending(
            config.budget,
            self.oracle,
            retrained=config.final.retrain,
            epochs=config.training.epochs if self.pruner.keeps_pruned else 0,
            tell=tell,
        )

    def equipped(self, config: Config, progress: Progress) -> Trainer:
        """Return the trainer with the features that it may reuse, and whom it tells its notices.

        Args:
            config: The configuration that this was built of.
            progress: Told of the features' computation, and of notices.
        """
        features = components.make_features(
            config.features,
            Path(config.storage, "features"),
            self.dataset,
            progress.on_features,
            progress.on_features_refused,
        )
        notices = Notices(progress.on_notice)
        return dataclasses.replace(self.trainer, features=features, notices=notices)
