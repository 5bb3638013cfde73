"""What a `_target_` of the configuration names: found, checked and called.

The only caller of Hydra's instantiate.
"""

import difflib
import functools
import importlib
import inspect
import pkgutil
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from pipeline.configuration.config import ConfigError, unknown
from pipeline.training.failures import USERS_FAILURES, sentence

_SHOWN_NAMES = 30  # at most, of those that a module has


@dataclass(frozen=True)
class Target:
    """A class or function that the configuration names, with the arguments it is given there.

    Attributes:
        key: Where it stands in the configuration, such as `model` or `callbacks.mine`.
        call: The class or function with its arguments.
        kind: What it must give.
        described: The same in words, such as `a keras_tuner.Oracle`.
    """

    key: str
    call: functools.partial[Any]
    kind: type
    described: str

    @classmethod
    def of(cls, key: str, node: Mapping[str, Any], kind: type, described: str) -> "Target":
        """Resolve a node's `_target_` and its arguments, and check their names.

        Raises:
            ConfigError: It leads nowhere, names something else, or does not take the arguments.
        """
        path = node["_target_"]
        if not isinstance(path, str) or "." not in path:
            raise ConfigError(
                f"{key}._target_ must be a dotted path, such as package.module.Class; "
                f"received {path!r}"
            )
        try:
            call = instantiate(dict(node), _convert_="all", _partial_=True)
        except InstantiationException as error:
            lost = next(filter(_leads_nowhere, named_paths(node)), None)
            reason = _reason(error) if lost is None else _unresolved(lost)
            raise ConfigError(f"{key}: {reason}") from error
        if inspect.isclass(call.func) and not issubclass(call.func, kind):
            raise ConfigError(
                f"{key}._target_ must name {described}; received {path}, which is none"
            )
        target = cls(key, call, kind, described)
        target._check_names(path)
        return target

    def accepts(self, name: str) -> bool:
        """Whether it takes an argument that the configuration does not give."""
        return name in (self._parameters() or ()) and name not in self.call.keywords

    def make(self, **extra: Any) -> Any:
        """Call it, and check what it returns.

        Args:
            **extra: Arguments beside those of the configuration.

        Returns:
            What it gives.

        Raises:
            ConfigError: It lacks an argument, raises something, or gives something else.
        """
        self.check_complete(extra)
        value = explained(self.key, self.call, **extra)
        if not isinstance(value, self.kind):
            name = f"{self.call.func.__module__}.{self.call.func.__qualname__}"
            raise ConfigError(
                f"{self.key}._target_ must give {self.described}; {name} gives a value of type "
                f"{type(value).__name__}"
            )
        return value

    def check_complete(self, given: Collection[str]) -> None:
        """Raise a ConfigError if an argument without a default is not given."""
        missing = [
            item.name
            for item in (self._parameters() or {}).values()
            if item.default is item.empty
            and item.kind not in (item.VAR_POSITIONAL, item.VAR_KEYWORD)
            and item.name not in (*self.call.keywords, *given)
        ]
        if missing:
            raise ConfigError(
                f"{self.key} lacks {', '.join(missing)}: give it in the YAML of {self.key}, or "
                f"with +{self.key}.{missing[0]}=VALUE"
            )

    def _check_names(self, path: str) -> None:
        known = self._parameters()
        open_ended = known is None or any(item.kind is item.VAR_KEYWORD for item in known.values())
        wrong = [name for name in self.call.keywords if name not in (known or ())]
        if wrong and not open_ended:
            allowed = ", ".join(known or ()) or "no arguments"
            raise ConfigError(f"{self.key}.{wrong[0]} is not known; {path} allows: {allowed}")

    def _parameters(self) -> Mapping[str, inspect.Parameter] | None:
        """Return what it can be given; None if it is written in C and does not tell."""
        try:
            return inspect.signature(self.call.func).parameters
        except ValueError:
            return None


def explained(key: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call what the configuration named; what it raises becomes one sentence, exit code 2."""
    try:
        return function(*args, **kwargs)
    except ConfigError:
        raise
    except USERS_FAILURES as error:
        reason = _reason(error)
        prefix = "" if reason.startswith(f"{key}.") else f"{key}: "
        raise ConfigError(prefix + reason) from error


def _reason(error: BaseException) -> str:
    """Say what was raised; our own sentences need nothing more."""
    if isinstance(error, SystemExit):
        return sentence(error)
    cause = error.__cause__ if isinstance(error, InstantiationException) else None
    shown = cause if isinstance(cause, Exception) else error
    text = " ".join(str(shown).split())
    if text and (_is_ours(shown) or isinstance(shown, InstantiationException)):
        return text
    return f"{type(shown).__name__}: {text or 'no message'} (verbose=2 shows where)"


def _is_ours(error: BaseException) -> bool:
    """Whether our own code raised it, not the user's or a library's."""
    frames = list(traceback.walk_tb(error.__traceback__))
    return bool(frames) and frames[-1][0].f_globals["__name__"].startswith("pipeline.")


def named_paths(node: Any) -> Iterator[str]:
    """Yield the dotted paths that a node names, with those of the nodes in it."""
    if isinstance(node, Mapping):
        path = node.get("_target_")
        if isinstance(path, str):
            yield path
            # A function that is given as it is: hydra.utils.get_method and others.
            if path.startswith("hydra.utils.get_") and isinstance(node.get("path"), str):
                yield node["path"]
        for value in node.values():
            yield from named_paths(value)
    elif isinstance(node, list):
        for value in node:
            yield from named_paths(value)


def _leads_nowhere(path: str) -> bool:
    try:
        pkgutil.resolve_name(path)
    except USERS_FAILURES:  # a module of the user's may raise anything while it is imported
        return True
    return False


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
    except USERS_FAILURES as error:
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
