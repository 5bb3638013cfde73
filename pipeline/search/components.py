"""What the configuration names: built and checked; the only caller of Hydra's instantiate."""

import difflib
import functools
import importlib
import inspect
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner
from hydra.errors import InstantiationException
from hydra.utils import instantiate

from pipeline.configuration.config import Config, ConfigError, unknown
from pipeline.datasets.dataset import Dataset
from pipeline.frozen.feature_files import FeatureFiles
from pipeline.frozen.features import Features
from pipeline.hypermodels import spaces
from pipeline.seeds import derive_seed
from pipeline.training.trainer import Trainer

_HYPERMODEL = "a keras_tuner.HyperModel or a function build(hp)"
_SHOWN_NAMES = 30  # at most, of those that a module has
_MB = 1_000_000


def make_dataset(config: Config) -> Dataset:
    """Load the dataset, and check that it is one."""
    target = _target("dataset", config.dataset, Dataset, "a pipeline.datasets.Dataset")
    dataset: Dataset = _made("dataset", target, Dataset, "a pipeline.datasets.Dataset")
    return dataset


def make_hypermodel(config: Config, dataset: Dataset) -> keras_tuner.HyperModel:
    """Build the hypermodel: a `HyperModel` class, or a function `build(hp)`, as in KerasTuner."""
    kind = keras_tuner.HyperModel
    # What the YAML nests in it, such as a network with random weights, is built with it.
    keras.utils.set_random_seed(derive_seed(config.seed, "hypermodel") % 2**32)
    target = _target("model", config.model, kind, _HYPERMODEL)
    extra = {"dataset": dataset} if _accepts(target, "dataset") else {}
    if inspect.isroutine(target.func) and _accepts(target, "hp"):
        _check_complete("model", target, ("hp", *extra))
        return _FunctionHyperModel(functools.partial(target, **extra))
    return _made("model", target, kind, _HYPERMODEL, **extra)


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
    kind, described = keras_tuner.Oracle, "a keras_tuner.Oracle, not a tuner"
    target = _target("strategy", config.strategy, kind, described)
    objective = keras_tuner.Objective(config.objective.name, config.objective.direction.value)
    offered = {
        "objective": objective,
        "hyperparameters": space,
        "seed": config.seed,
        "max_attempts": config.max_attempts or 1,
        "max_retries_per_trial": (config.max_attempts or 1) - 1,
    }
    extra = {name: value for name, value in offered.items() if _accepts(target, name)}
    oracle = _made("strategy", target, kind, described, **extra)
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
        checkpoint_seconds=config.checkpoint.every_seconds,
    )


def make_features(
    config: Config,
    dataset: Dataset,
    on_progress: Callable[[int, int], None],
    on_refusal: Callable[[str], None],
) -> Features | None:
    """Return where features of the dataset are kept; None if they are not to be reused."""
    wanted = config.features
    if not wanted.reuse:
        return None
    return Features(
        dataset=dataset,
        files=FeatureFiles(Path(config.storage, "features"), wanted.max_disk_mb * _MB),
        max_bytes=wanted.max_memory_mb * _MB,
        half_precision=wanted.half_precision,
        on_progress=on_progress,
        on_refusal=on_refusal,
    )


def _make_callbacks(nodes: Mapping[str, Mapping[str, Any]]) -> list[keras.callbacks.Callback]:
    kind, described = keras.callbacks.Callback, "a Keras callback"
    made = []
    for name, node in nodes.items():
        key = f"callbacks.{name}"
        made.append(_made(key, _target(key, node, kind, described), kind, described))
    return made


def _target(
    key: str, node: Mapping[str, Any], kind: type, described: str
) -> functools.partial[Any]:
    """Resolve a node's `_target_` and its arguments, and check their names."""
    path = node["_target_"]
    if not isinstance(path, str) or "." not in path:
        raise ConfigError(
            f"{key}._target_ must be a dotted path, such as package.module.Class; received {path!r}"
        )
    try:
        target: functools.partial[Any] = instantiate(dict(node), _convert_="all", _partial_=True)
    except InstantiationException as error:
        raise ConfigError(f"{key}: {_reason(error)}") from error
    if inspect.isclass(target.func) and not issubclass(target.func, kind):
        raise ConfigError(f"{key}._target_ must name {described}; received {path}, which is none")
    known = _parameters(target)
    open_ended = known is None or any(item.kind is item.VAR_KEYWORD for item in known.values())
    wrong = [name for name in target.keywords if name not in (known or ())]
    if wrong and not open_ended:
        allowed = ", ".join(known or ()) or "no arguments"
        raise ConfigError(f"{key}.{wrong[0]} is not known; {path} allows: {allowed}")
    return target


def _made(
    key: str, target: functools.partial[Any], kind: type, described: str, **extra: Any
) -> Any:
    """Call a target, and check what it returns."""
    _check_complete(key, target, tuple(extra))
    value = explained(key, target, **extra)
    if not isinstance(value, kind):
        name = f"{target.func.__module__}.{target.func.__qualname__}"
        raise ConfigError(
            f"{key}._target_ must give {described}; {name} gives a value of type "
            f"{type(value).__name__}"
        )
    return value


def _check_complete(key: str, target: functools.partial[Any], given: Sequence[str]) -> None:
    """Check that every argument without a default is given."""
    missing = [
        item.name
        for item in (_parameters(target) or {}).values()
        if item.default is item.empty
        and item.kind not in (item.VAR_POSITIONAL, item.VAR_KEYWORD)
        and item.name not in (*target.keywords, *given)
    ]
    if missing:
        raise ConfigError(
            f"{key} lacks {', '.join(missing)}: give it in the YAML of {key}, or with "
            f"+{key}.{missing[0]}=VALUE"
        )


def _accepts(target: functools.partial[Any], name: str) -> bool:
    return name in (_parameters(target) or ()) and name not in target.keywords


def _parameters(target: functools.partial[Any]) -> Mapping[str, inspect.Parameter] | None:
    """Return what a target can be given; None if it is written in C and does not tell."""
    try:
        return inspect.signature(target.func).parameters
    except ValueError:
        return None


def explained(key: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call what the configuration named; what it raises becomes one sentence, exit code 2."""
    try:
        return function(*args, **kwargs)
    except ConfigError:
        raise
    except Exception as error:
        reason = _reason(error)
        prefix = "" if reason.startswith(f"{key}.") else f"{key}: "
        raise ConfigError(prefix + reason) from error


def _reason(error: Exception) -> str:
    """Say what was raised; our own sentences need nothing more."""
    cause = error.__cause__ if isinstance(error, InstantiationException) else None
    shown = cause if isinstance(cause, Exception) else error
    text = " ".join(str(shown).split())
    if match := re.match(r"Error loading '([^']+)'", text):
        return _unresolved(match[1])
    if text and (_is_ours(shown) or isinstance(shown, InstantiationException)):
        return text
    return f"{type(shown).__name__}: {text or 'no message'} (verbose=2 shows where)"


def _is_ours(error: Exception) -> bool:
    """Whether our own code raised it, not the user's or a library's."""
    frames = list(traceback.walk_tb(error.__traceback__))
    return bool(frames) and frames[-1][0].f_globals["__name__"].startswith("pipeline.")


def _unresolved(path: str) -> str:
    """Say why a dotted path leads nowhere."""
    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if f"{module_name}.".startswith(f"{error.name}."):
            return (
                f"{path} leads nowhere: {error.name} is no module of the working directory, and "
                "none that is installed"
            )
        return f"{module_name} cannot be imported: {error}"
    except Exception as error:
        return f"{module_name} cannot be imported: {type(error).__name__}: {error}"
    root = module_name.partition(".")[0]
    own = [
        other
        for other, value in vars(module).items()
        if not other.startswith("_")
        and callable(value)
        and str(getattr(value, "__module__", "")).partition(".")[0] == root
    ]
    if len(own) > _SHOWN_NAMES:
        own = difflib.get_close_matches(name, own, n=_SHOWN_NAMES, cutoff=0.3)
    return unknown(f"{name!r} of {module_name}", own, name)
