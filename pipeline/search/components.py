"""What the configuration names, built and checked."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import keras_tuner

from pipeline.configuration.config import Compile, ConfigError, Training
from pipeline.configuration.config import Features as FeatureSettings
from pipeline.datasets.dataset import Dataset, Stream
from pipeline.frozen.features import Features
from pipeline.hypermodels import spaces
from pipeline.hypermodels.discovery import discover
from pipeline.journal.array_store import ArrayStore
from pipeline.pruners import NoPruner, Pruner
from pipeline.search.compilation import make_compilation
from pipeline.search.targets import Target, explained
from pipeline.seeds import derive_seed
from pipeline.strategies import Oracle
from pipeline.training.trainer import Trainer

_HYPERMODEL = "a keras_tuner.HyperModel or a function build(hp)"
_MB = 1_000_000
Node = Mapping[str, Any]
"""A part of the configuration with a `_target_`."""


def make_dataset(
    node: Node,
    class_weight: Any = None,
    tell: Callable[[str], None] = lambda _sentence: None,
) -> Dataset:
    """Load the dataset, check that it is one, and let its classes count as they are wanted to.

    Args:
        node: What names it.
        class_weight: As `training.class_weight`.
        tell: What it is given, if it takes an argument `tell`, to say what takes long.
    """
    target = Target.of("dataset", node, Dataset, "a pipeline.datasets.Dataset")
    dataset: Dataset = target.make(**({"tell": tell} if target.accepts("tell") else {}))
    if class_weight is None:
        return dataset
    weighted: Dataset = explained(
        "training", dataclasses.replace, dataset, class_weight=class_weight
    )
    return weighted


def make_hypermodel(node: Node, dataset: Dataset, seed: int) -> keras_tuner.HyperModel:
    """Build the hypermodel: a `HyperModel` class, or a function `build(hp)`, as in KerasTuner.

    Args:
        node: What names it.
        dataset: What it is given, if it takes an argument `dataset`.
        seed: The search's.

    Returns:
        The hypermodel.
    """
    # What the YAML nests in it, such as a network with random weights, is built with it.
    keras.utils.set_random_seed(derive_seed(seed, "hypermodel") % 2**32)
    target = Target.of("model", node, keras_tuner.HyperModel, _HYPERMODEL)
    extra = {"dataset": dataset} if target.accepts("dataset") else {}
    if inspect.isroutine(target.call.func) and target.accepts("hp"):
        target.check_complete(("hp", *extra))
        return _FunctionHyperModel(functools.partial(target.call, **extra))
    return target.make(**extra)


class _FunctionHyperModel(keras_tuner.HyperModel):
    """A hypermodel made of a user's function `build(hp)`."""

    def __init__(self, build: functools.partial[Any]) -> None:
        super().__init__()
        self.function = build.func
        self.build = build


def make_space(
    hypermodel: keras_tuner.HyperModel,
    overrides: Mapping[str, Any],
    compile_node: Compile,
    strategy: Node,
) -> spaces.SearchSpace:
    """Explore what the hypermodel asks for, overridden with `hyperparameters`.

    What these do not list is new to the strategy, in KerasTuner's words: it may allow none, and
    need not tune it.
    """
    whole = compile_node.optimizer is not None and compile_node.loss is not None
    declared = explained("model", discover, hypermodel, compiled=not whole)
    space = explained("hyperparameters", spaces.search_space, hypermodel, declared, overrides)
    return _without_new_entries(space, overrides, strategy)


def _without_new_entries(
    space: spaces.SearchSpace, listed: Mapping[str, Any], strategy: Node
) -> spaces.SearchSpace:
    """Return a space with what is not listed, if the strategy allows it, as it wants it."""
    for name in ("tune_new_entries", "allow_new_entries"):
        if not strategy.get(name, True) and not listed:
            raise ConfigError(
                f"strategy.{name}=false needs hyperparameters that are listed; received "
                "hyperparameters={}"
            )
    names = dict.fromkeys(hp.name for hp in space.explored.space)
    new = [name for name in names if name not in listed]
    if new and not strategy.get("allow_new_entries", True):
        raise ConfigError(
            f"strategy.allow_new_entries=false, but the model asks for {', '.join(new)} too; "
            f"hyperparameters lists {', '.join(listed)}"
        )
    if strategy.get("tune_new_entries", True):
        return space
    fixed = spaces.at_defaults(space.explored, listed)
    return spaces.SearchSpace(spaces.at_defaults(space.declared, listed), fixed, space.stated)


def make_oracle(
    node: Node,
    space: keras_tuner.HyperParameters,
    objective: keras_tuner.Objective,
    *,
    seed: int,
    max_attempts: int,
) -> keras_tuner.Oracle:
    """Build the strategy's oracle: ours, or any other that KerasTuner could run.

    Args:
        node: What names it.
        space: The search space.
        objective: What is optimised.
        seed: The search's.
        max_attempts: How often a trial is tried, at least 1.

    Returns:
        The oracle, given of all this what it takes.
    """
    target = Target.of("strategy", node, keras_tuner.Oracle, "a keras_tuner.Oracle, not a tuner")
    offered = {
        "objective": objective,
        "hyperparameters": space,
        "seed": seed,
        "max_attempts": max_attempts,
        "max_retries_per_trial": max_attempts - 1,
    }
    return target.make(**{name: value for name, value in offered.items() if target.accepts(name)})


def make_pruner(
    node: Node, oracle: keras_tuner.Oracle, *, direction: str, epochs: int, seed: int
) -> Pruner:
    """Build what stops trials early.

    Args:
        node: What names it.
        oracle: What proposes the trials; one that is none of ours knows nothing of pruned ones.
        direction: Whether the `min` or the `max` objective is the best.
        epochs: Epochs of a trial, unless the oracle decides.
        seed: The search's.

    Raises:
        ConfigError: It cannot be built, or the strategy cannot go with it.
    """
    target = Target.of("pruner", node, Pruner, "a pipeline.pruners.Pruner")
    longest = getattr(oracle, "max_epochs", epochs)
    offered = {"direction": direction, "max_epochs": longest, "seed": seed}
    given = {name: value for name, value in offered.items() if target.accepts(name)}
    pruner: Pruner = target.make(**given)
    if not isinstance(pruner, NoPruner) and not isinstance(oracle, Oracle):
        raise ConfigError(
            f"pruner={node['_target_']} needs a strategy that knows of pruned trials; "
            f"{type(oracle).__name__} is no pipeline.strategies.Oracle"
        )
    if pruner.keeps_pruned and isinstance(oracle, keras_tuner.oracles.HyperbandOracle):
        raise ConfigError(
            "a pruner that takes trials up again cannot go with Hyperband, which promotes trials "
            "itself; allowed: a pruner that does not, such as pruner=median"
        )
    return pruner


def check_epochs(oracle: keras_tuner.Oracle, overrides: Mapping[str, Any]) -> None:
    """Raise a ConfigError if the epochs are to be searched by an oracle that sets them itself."""
    if isinstance(oracle, keras_tuner.oracles.HyperbandOracle) and "epochs" in overrides:
        raise ConfigError(
            "hyperparameters.epochs cannot be searched by Hyperband, which sets the epochs itself; "
            "allowed: strategy.max_epochs"
        )


def check_batch_size(space: keras_tuner.HyperParameters, dataset: Dataset) -> None:
    """Raise a ConfigError if the batch size is searched of examples that come in batches."""
    searched = [one.name for one in space.space if one.name == "batch_size"]
    if searched and isinstance(dataset.train, Stream) and dataset.train.batched:
        raise ConfigError(
            "hyperparameters.batch_size cannot be searched where the training examples come in "
            "batches: give them one by one, with Stream(source, batched=False)"
        )


def make_trainer(
    dataset: Dataset,
    hypermodel: keras_tuner.HyperModel,
    objective: keras_tuner.Objective,
    training: Training,
    compile_node: Compile,
    callbacks: Mapping[str, Node],
    checkpoint_seconds: float,
) -> Trainer:
    """Build the trainer; its Keras callbacks are built once now, so that a wrong one ends here.

    Args:
        dataset: What it trains on.
        hypermodel: What builds the models.
        objective: What is optimised.
        training: How each trial is trained.
        compile_node: What models are compiled with in place of what their hypermodel says.
        callbacks: What names the Keras callbacks of each training.
        checkpoint_seconds: How often the state of a running training is kept.

    Returns:
        The trainer.
    """
    make_callbacks = functools.partial(_make_callbacks, callbacks)
    make_callbacks()
    return Trainer(
        hypermodel=hypermodel,
        dataset=dataset,
        objective=objective,
        batch_size=training.batch_size,
        compiled_with=make_compilation(compile_node),
        callbacks=make_callbacks,
        precision=training.precision.value,
        checkpoint_seconds=checkpoint_seconds,
    )


def make_features(
    wanted: FeatureSettings,
    directory: Path,
    dataset: Dataset,
    on_progress: Callable[[int, int], None],
    on_refusal: Callable[[str], None],
) -> Features | None:
    """Return where features of the dataset are kept; None if they are not to be reused.

    Args:
        wanted: What is kept of them.
        directory: Where they are on the disk.
        dataset: What they are of.
        on_progress: Told how many of how many examples are done.
        on_refusal: Told why there are none, in a sentence.

    Returns:
        The features.
    """
    if not wanted.reuse:
        return None
    return Features(
        dataset=dataset,
        files=ArrayStore(directory, wanted.max_disk_mb * _MB),
        max_bytes=wanted.max_memory_mb * _MB,
        half_precision=wanted.half_precision,
        on_progress=on_progress,
        on_refusal=on_refusal,
    )


def _make_callbacks(nodes: Mapping[str, Node]) -> list[keras.callbacks.Callback]:
    kind, described = keras.callbacks.Callback, "a Keras callback"
    return [
        Target.of(f"callbacks.{name}", node, kind, described).make() for name, node in nodes.items()
    ]
