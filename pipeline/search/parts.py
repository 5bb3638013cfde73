"""What a configuration names, built: the parts that a search and a replay are made of."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import keras_tuner

from pipeline.configuration.config import Config
from pipeline.datasets.dataset import Dataset
from pipeline.hypermodels.spaces import SearchSpace
from pipeline.pruners import Pruner
from pipeline.search import components
from pipeline.search.budgeting import Spending
from pipeline.training.notices import Notices
from pipeline.training.trainer import Trainer


class Listener(Protocol):
    """Told what trainings have to say beside their results."""

    def on_features(self, done: int, total: int) -> None:
        """Told how many of how many examples the frozen layers have seen."""
        ...

    def on_features_refused(self, reason: str) -> None:
        """Told why models with frozen layers are trained as a whole."""
        ...

    def on_notice(self, sentence: str) -> None:
        """Told what whoever runs the trainings should know."""
        ...


@dataclass(frozen=True)
class Parts:
    """What the configuration names, built; nothing is written yet."""

    dataset: Dataset
    hypermodel: keras_tuner.HyperModel
    space: SearchSpace
    oracle: keras_tuner.Oracle
    pruner: Pruner
    trainer: Trainer

    @classmethod
    def of(cls, config: Config, dataset: Dataset) -> "Parts":
        """Build everything, the cheap first, so that a mistake is answered early."""
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
        return cls(dataset, hypermodel, space, oracle, pruner, trainer)

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

    def equipped(self, config: Config, listener: Listener) -> Trainer:
        """Return the trainer with the features that it may reuse, and whom it tells its notices.

        Args:
            config: The configuration that this was built of.
            listener: Told of the features' computation, and of notices.
        """
        features = components.make_features(
            config.features,
            Path(config.storage, "features"),
            self.dataset,
            listener.on_features,
            listener.on_features_refused,
        )
        notices = Notices(listener.on_notice)
        return dataclasses.replace(self.trainer, features=features, notices=notices)
