"""What a search is: the description that opens its journal, and the fingerprint in it."""

import functools
import hashlib
import inspect
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import keras_tuner
from omegaconf import OmegaConf

from pipeline.configuration.config import Config
from pipeline.configuration.secrets import hidden
from pipeline.datasets.dataset import Dataset
from pipeline.hypermodels.spaces import SearchSpace
from pipeline.journal.callbacks import SearchBegin
from pipeline.search.machine import machine
from pipeline.search.main_code import main_code
from pipeline.search.own_modules import own_modules
from pipeline.search.targets import named_paths

_PACKAGES = ("keras", "keras-tuner", "tensorflow", "mlflow", "numpy", "scikit-learn")
# More trials or iterations extend the same search.
_BUDGET = {"max_trials", "hyperband_iterations"}
_NO_PRUNER = "pipeline.pruners.NoPruner"
# At their default, true, a search of before these could be given is the same without them.
_NEW_ENTRIES = {"tune_new_entries", "allow_new_entries"}
_NO_FORK: Mapping[str, str] = MappingProxyType({})


def describe(
    config: Config,
    dataset: Dataset,
    hypermodel: keras_tuner.HyperModel,
    oracle: keras_tuner.Oracle,
    space: SearchSpace,
    overrides: Sequence[str],
    config_dir: Path | None = None,
    fork_of: Mapping[str, str] = _NO_FORK,
) -> SearchBegin:
    """Return the record that opens a search, with no secret in it.

    Args:
        config: The typed configuration.
        dataset: What the search trains on.
        hypermodel: What builds its models.
        oracle: What proposes its trials.
        space: What it searches, and what tells it from other searches.
        overrides: What was changed on the command line.
        config_dir: A folder with groups of the user's own, and maybe modules.
        fork_of: Of a fork, where it comes from.

    Returns:
        The record; its `search` is still empty, and its `sweep` that of a search by itself.
    """
    declared = space.declared.get_config()["space"]
    executions = config.training.executions_per_trial
    trials, epochs = _totals(oracle, config)
    modules = users_modules(config, config_dir)
    source = source_of(hypermodel)
    settings = fingerprint(config, dataset.digest, source, declared, fork_of)
    return SearchBegin(
        search="",
        name=config.name,
        strategy=config.names.strategy,
        dataset=config.names.dataset,
        model=config.names.model,
        task=dataset.task,
        objective=config.objective.name,
        direction=config.objective.direction.value,
        fingerprint=_with_modules(settings, modules),
        sweep=None,
        seed=config.seed,
        executions_per_trial=executions,
        total_trials=trials,
        total_epochs=epochs,
        dataset_info=dataset.info(),
        space=oracle.hyperparameters.get_config()["space"],
        config=_shown(config),
        overrides=hidden(config.tracking.uri, list(overrides)),
        versions={name: version(name) for name in _PACKAGES},
        time=time.time(),
        settings=settings,
        modules=modules,
        pruner=config.names.pruner,
        machine=machine(),
        fork_of=dict(fork_of),
    )


def users_modules(config: Config, config_dir: Path | None = None) -> dict[str, str]:
    """Return digests of the user's own modules that a configuration's `_target_`s reach.

    Args:
        config: The typed configuration.
        config_dir: Modules in it are the user's, as those of the working directory are.

    Returns:
        A digest of each, by name. `__main__` is one where it has what is reached.
    """
    groups = [config.dataset, config.model, config.strategy, config.pruner]
    nodes = [*groups, config.callbacks, asdict(config.compile)]
    names = [*named_paths(nodes)]
    main, used = main_code(names)
    folders = [Path.cwd(), *([] if config_dir is None else [config_dir])]
    modules = own_modules([*names, *used], folders)
    return modules if main is None else {"__main__": main, **modules}


def _with_modules(settings: str, modules: Mapping[str, str]) -> str:
    """Return a fingerprint in which modules count too; the same one if there are none."""
    if not modules:
        return settings
    return _digest([settings, modules])


def has_same_settings(past: SearchBegin, begin: SearchBegin) -> bool:
    """Whether what began once and what begins now differ in the user's modules at most."""
    return (past.settings or past.fingerprint) == (begin.settings or begin.fingerprint)


def changed_modules(past: SearchBegin, begin: SearchBegin) -> list[str]:
    """Return the user's modules that differ; none if the journal is of before they counted."""
    then, now = past.modules, begin.modules
    if then is None or now is None:
        return []
    return sorted(name for name in {**then, **now} if then.get(name) != now.get(name))


def is_same_search(past: SearchBegin, begin: SearchBegin) -> bool:
    """Whether what began once and what begins now may continue one another."""
    return has_same_settings(past, begin) and not changed_modules(past, begin)


def fingerprint(
    config: Config,
    digest: str,
    source: str,
    space: Sequence[Mapping[str, Any]],
    fork_of: Mapping[str, str] = _NO_FORK,
) -> str:
    """Return a digest of what decides a search's results but modules; its budget is left out.

    Args:
        config: The typed configuration.
        digest: The dataset's content digest.
        source: The hypermodel's source code.
        space: What the hypermodel declares at its defaults, as KerasTuner's configuration.
        fork_of: As `SearchBegin.fork_of`.

    Returns:
        16 hexadecimal digits; two searches with the same may continue one another.
    """
    strategy = {
        key: value
        for key, value in config.strategy.items()
        if key not in _BUDGET and not (key in _NEW_ENTRIES and value is True)
    }
    # Class weights are sample weights, which the dataset's digest has.
    training = {
        key: value
        for key, value in asdict(config.training).items()
        if key not in ("verify", "class_weight")
    }
    decisive = {
        "dataset": digest,
        "model": config.model,
        "source": source,
        "space": space,
        "strategy": strategy,
        "objective": {"name": config.objective.name, "direction": config.objective.direction},
        "training": training,
        "callbacks": config.callbacks,
        "seed": config.seed,
        "final": {"retrain": config.final.retrain, "epochs": config.final.epochs},
    }
    given = {key: value for key, value in asdict(config.compile).items() if value is not None}
    if given:  # a search of before these could be given is the same without them
        decisive["compile"] = given
    if config.pruner.get("_target_") != _NO_PRUNER:  # nor was there a pruner
        decisive["pruner"] = config.pruner
    for key in ("first_trials", "warm_start"):  # nor could these be given
        if getattr(config, key):
            decisive[key] = getattr(config, key)
    if fork_of:  # its seeds are those of another trial
        decisive["fork_of"] = [fork_of["search"], fork_of["trial"]]
    return _digest(decisive)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _shown(config: Config) -> dict[str, Any]:
    """Return the configuration as plain data without the secrets of its `tracking.uri`."""
    plain: Any = OmegaConf.to_container(OmegaConf.structured(config), enum_to_str=True)
    return dict(hidden(config.tracking.uri, plain))


def _totals(oracle: keras_tuner.Oracle, config: Config) -> tuple[int | None, int | None]:
    """Return how many trials and epochs are run at most; None where that cannot be known."""
    budget, executions = config.budget, config.training.executions_per_trial
    trials = _least(getattr(oracle, "total_trials", None), budget.trials)
    if not hasattr(oracle, "total_epochs"):
        return trials, budget.epochs
    epochs: int | None = oracle.total_epochs(config.training.epochs)
    if epochs is not None and trials is not None and trials < oracle.total_trials:
        longest = getattr(oracle, "max_epochs", epochs // oracle.total_trials)
        epochs = min(epochs, trials * longest)
    epochs = None if epochs is None else epochs * executions
    return trials, _least(epochs, budget.epochs)


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def source_of(hypermodel: keras_tuner.HyperModel) -> str:
    """Return the source of what builds the models; its name where there is no source."""
    builder = getattr(hypermodel, "function", type(hypermodel))
    while isinstance(builder, functools.partial):  # Hydra's own kind is not flattened
        builder = builder.func
    try:
        return inspect.getsource(builder)
    except (OSError, TypeError):
        return f"{builder.__module__}.{builder.__qualname__}"


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else str(value)
