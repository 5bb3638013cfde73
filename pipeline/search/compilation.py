"""What the configuration compiles models with, in place of what their hypermodel says."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras

from pipeline.configuration.config import Compile, ConfigError, did_you_mean
from pipeline.search.targets import Target

_OPTIMIZER, _LOSS, _METRIC = "a Keras optimizer", "a Keras loss", "a Keras metric"
_ALL = {_OPTIMIZER: keras.optimizers, _LOSS: keras.losses, _METRIC: keras.metrics}
# What Keras chooses a metric for when it sees the targets.
_CHOSEN_LATER = {"accuracy", "acc", "crossentropy", "ce"}


def make_compilation(node: Compile) -> Callable[[], dict[str, Any]]:
    """Return what makes the arguments that a model is compiled with, afresh for each model.

    They are made once now, so that a wrong one ends here.

    Args:
        node: The configuration's; what is null is left to the hypermodel.

    Raises:
        ConfigError: One of them is none of Keras's and leads nowhere, or is something else.
    """
    if isinstance(node.metrics, str) or _is_node(node.metrics):
        raise ConfigError(f"compile.metrics must be a list; received {node.metrics!r}")
    if isinstance(node.optimizer, list | Mapping) and not _is_node(node.optimizer):
        raise ConfigError(f"compile.optimizer must be one optimizer; received {node.optimizer!r}")
    makers = {
        "optimizer": functools.partial(_made, "compile.optimizer", node.optimizer, _OPTIMIZER),
        "loss": functools.partial(_made, "compile.loss", node.loss, _LOSS),
        "metrics": functools.partial(_made, "compile.metrics", node.metrics, _METRIC),
    }
    given = {name: make for name, make in makers.items() if getattr(node, name) is not None}

    def make() -> dict[str, Any]:
        return {name: make() for name, make in given.items()}

    make()
    return make


def _is_node(value: Any) -> bool:
    return isinstance(value, Mapping) and "_target_" in value


def _made(key: str, value: Any, described: str) -> Any:
    """Return a value with what its `_target_`s name, in the structure that it has."""
    if value is None:  # of one of several outputs
        return None
    if isinstance(value, str):
        return _known(key, value, described)
    if isinstance(value, Mapping):
        if _is_node(value):
            return _named(key, value, described)
        return {name: _made(f"{key}.{name}", one, described) for name, one in value.items()}
    if isinstance(value, list):
        return [_made(f"{key}.{place}", one, described) for place, one in enumerate(value)]
    raise ConfigError(
        f"{key} must be a name that Keras knows, or name {described} by _target_; "
        f"received {value!r}"
    )


def _known(key: str, name: str, described: str) -> str:
    """Return a name that Keras knows as it is: it makes its own of it for each model."""
    module = _ALL[described]
    if described != _METRIC or name not in _CHOSEN_LATER:
        try:
            module.get(name)
        except (ValueError, TypeError) as error:
            nearest = did_you_mean(name, (one for one in dir(module) if one[0].isalpha()))
            raise ConfigError(
                f"{key}={name} is not {described}; {nearest}one of yours is named by _target_"
            ) from error
    return name


def _named(key: str, node: Mapping[str, Any], described: str) -> Any:
    """Return what a node names: an optimizer, or a loss or metric, which may be a function."""
    kinds: Mapping[str, Any] = {_OPTIMIZER: keras.Optimizer}
    target = Target.of(key, node, kinds.get(described, Callable), described)
    if inspect.isroutine(target.call.func) and target.accepts("y_true"):
        return target.call if target.call.keywords else target.call.func
    return target.make()
