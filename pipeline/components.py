"""What the configuration names: built and checked; the only caller of Hydra's instantiate."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras
import keras_tuner
from hydra.errors import InstantiationException
from hydra.utils import instantiate

from pipeline import spaces
from pipeline.config import Config, ConfigError
from pipeline.datasets import Dataset
from pipeline.trainer import Trainer


def make_dataset(config: Config) -> Dataset:
    """Load the dataset, and check that it is one."""
    dataset = explained("dataset", _target("dataset", config.dataset))
    if not isinstance(dataset, Dataset):
        raise ConfigError(
            "dataset._target_ must return a pipeline.datasets.Dataset; "
            f"received a {type(dataset).__name__} from {config.dataset['_target_']}"
        )
    return dataset


def make_hypermodel(config: Config, dataset: Dataset) -> keras_tuner.HyperModel:
    """Build the hypermodel: a `HyperModel` class, or a function `build(hp)`, as in KerasTuner."""
    target = _target("model", config.model)
    extra = {"dataset": dataset} if _accepts(target, "dataset") else {}
    if inspect.isfunction(target.func) and _accepts(target, "hp"):
        return _FunctionHyperModel(functools.partial(target, **extra))
    hypermodel = explained("model", target, **extra)
    if isinstance(hypermodel, keras_tuner.HyperModel):
        return hypermodel
    raise ConfigError(
        "model._target_ must name a keras_tuner.HyperModel or a function build(hp); "
        f"received a {type(hypermodel).__name__} from {config.model['_target_']}"
    )


class _FunctionHyperModel(keras_tuner.HyperModel):
    """A hypermodel made of a user's function `build(hp)`."""

    def __init__(self, build: functools.partial[Any]) -> None:
        super().__init__()
        self.function = build.func
        self.build = build


def make_space(config: Config, hypermodel: keras_tuner.HyperModel) -> keras_tuner.HyperParameters:
    """Explore what the hypermodel declares, and override it with `hyperparameters`."""
    declared = explained("model", spaces.discover, hypermodel)
    return explained("hyperparameters", spaces.override, declared, config.hyperparameters)


def make_oracle(config: Config, space: keras_tuner.HyperParameters) -> keras_tuner.Oracle:
    """Build the strategy's oracle: ours, or any other that KerasTuner could run."""
    target = _target("strategy", config.strategy)
    objective = keras_tuner.Objective(config.objective.name, config.objective.direction.value)
    offered = {
        "objective": objective,
        "hyperparameters": space,
        "seed": config.seed,
        "max_attempts": config.max_attempts,
        "max_retries_per_trial": config.max_attempts - 1,
    }
    extra = {name: value for name, value in offered.items() if _accepts(target, name)}
    oracle = explained("strategy", target, **extra)
    if not isinstance(oracle, keras_tuner.Oracle):
        raise ConfigError(
            "strategy._target_ must name a keras_tuner.Oracle; "
            f"received a {type(oracle).__name__} from {config.strategy['_target_']}"
        )
    if isinstance(oracle, keras_tuner.oracles.HyperbandOracle) and (
        "epochs" in config.hyperparameters
    ):
        raise ConfigError(
            "hyperparameters.epochs cannot be searched by Hyperband, which sets the epochs itself; "
            "allowed: strategy.max_epochs"
        )
    return oracle


def make_trainer(
    config: Config,
    dataset: Dataset,
    hypermodel: keras_tuner.HyperModel,
    objective: keras_tuner.Objective,
) -> Trainer:
    """Build the trainer; its Keras callbacks are built once now, so that a wrong one ends here."""
    make_callbacks = functools.partial(_make_callbacks, config.callbacks)
    make_callbacks()
    return Trainer(
        hypermodel=hypermodel,
        dataset=dataset,
        objective=objective,
        batch_size=config.training.batch_size,
        callbacks=make_callbacks,
        precision=config.training.precision.value,
    )


def _make_callbacks(nodes: Mapping[str, Mapping[str, Any]]) -> list[keras.callbacks.Callback]:
    made = []
    for name, node in nodes.items():
        callback = explained(f"callbacks.{name}", _target(f"callbacks.{name}", node))
        if not isinstance(callback, keras.callbacks.Callback):
            raise ConfigError(
                f"callbacks.{name} must be a Keras callback; "
                f"received a {type(callback).__name__} from {node['_target_']}"
            )
        made.append(callback)
    return made


def _target(key: str, node: Mapping[str, Any]) -> functools.partial[Any]:
    """Resolve a node's `_target_` and its arguments, and check their names."""
    try:
        target: functools.partial[Any] = instantiate(dict(node), _convert_="all", _partial_=True)
    except InstantiationException as error:
        raise ConfigError(f"{key}: {_reason(error)}") from error
    try:
        known = inspect.signature(target.func).parameters
    except ValueError:  # a class written in C has no signature; calling it will tell
        return target
    open_ended = any(item.kind is inspect.Parameter.VAR_KEYWORD for item in known.values())
    wrong = [name for name in target.keywords if name not in known]
    if wrong and not open_ended:
        raise ConfigError(
            f"{key}.{wrong[0]} is not known; {node['_target_']} allows: {', '.join(known)}"
        )
    return target


def _accepts(target: functools.partial[Any], name: str) -> bool:
    return name in inspect.signature(target.func).parameters and name not in target.keywords


def explained(key: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call what the configuration named; what it raises becomes one sentence, exit code 2."""
    try:
        return function(*args, **kwargs)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"{key}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, InstantiationException) else None
    shown = cause or error
    text = " ".join(str(shown).split())
    if isinstance(shown, ValueError | FileNotFoundError | TypeError | OSError) and text:
        return text
    return f"{type(shown).__name__}: {text}"
