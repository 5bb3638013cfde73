"""The search space, read from the journal."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.journal.history import History
from pipeline.terminal.wording import number

_RANGES = ("Int", "Float")


@dataclass(frozen=True)
class Hyperparameter:
    """What may be chosen for a hyperparameter.

    Attributes:
        name: Its name.
        choices: The values of a choice, in the order they were declared; None for a range.
        low: The smallest value of a range; 0 for a choice.
        high: The largest value of a range that its step can reach; 0 for a choice.
        step: The step of a range: added, or multiplied with if it is logarithmic; None without.
        sampling: `linear`, `log` or `reverse_log`.
        integer: Whether a range has only integers.
        conditional: Whether it exists only for some values of other hyperparameters.
    """

    name: str
    choices: tuple[Any, ...] | None
    low: float = 0
    high: float = 0
    step: float | None = None
    sampling: str = "linear"
    integer: bool = False
    conditional: bool = False

    @property
    def searched(self) -> bool:
        """Whether there is anything to choose."""
        return self.low < self.high if self.choices is None else len(self.choices) > 1

    @property
    def binary(self) -> bool:
        """Whether there are two values to choose from."""
        if self.choices is not None:
            return len(self.choices) == 2
        step = self.step or (1 if self.integer and self.sampling == "linear" else None)
        if step is None:
            return False
        return (self.low + step if self.sampling == "linear" else self.low * step) >= self.high

    @property
    def log(self) -> bool:
        """Whether its range is logarithmic."""
        return self.choices is None and self.sampling == "log" and self.low > 0

    def position(self, value: float) -> float:
        """Return where in its range a value is: 0 at the lower bound, 1 at the upper one."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def describe(self) -> str:
        """Return what may be chosen in words: `16 to 256, times 2, logarithmic`."""
        if self.choices is not None:
            prefix = "" if self.searched else "fixed at "
            return prefix + ", ".join(map(shown, self.choices))
        parts = [f"{shown(self.low)} to {shown(self.high)}"]
        if self.step is not None:
            parts.append(f"{'step' if self.sampling == 'linear' else 'times'} {shown(self.step)}")
        if self.sampling != "linear":
            parts.append("logarithmic" if self.sampling == "log" else "logarithmic from above")
        return ", ".join(parts)


def space_of(history: History) -> dict[str, Hyperparameter]:
    """Return every hyperparameter of a search, by name.

    Those that trainings declared and those that only the values tell of are included. What was
    declared more than once, under different conditions, has all of its values.

    Args:
        history: The search.

    Returns:
        The hyperparameters in the order of their declaration.
    """
    ends = [attempt.end for attempt in history.attempts if attempt.end is not None]
    entries = [*history.begin.space, *(entry for end in ends for entry in end.declared)]
    declared: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        declared.setdefault(entry["config"]["name"], []).append(entry)
    tried: dict[str, dict[Any, None]] = {}
    for attempt in history.attempts:
        for name, value in attempt.hyperparameters.items():
            tried.setdefault(name, {})[value] = None
    names = dict.fromkeys([*declared, *tried])
    return {
        name: _hyperparameter(name, declared.get(name, []), list(tried.get(name, {})))
        for name in names
    }


def shown(value: Any) -> str:
    """Return a hyperparameter's value as the report writes it."""
    return number(value) if isinstance(value, float) else str(value)


def _hyperparameter(
    name: str, entries: Sequence[Mapping[str, Any]], tried: Sequence[Any]
) -> Hyperparameter:
    configs = [entry["config"] for entry in entries]
    conditional = any(config.get("conditions") for config in configs)
    if not entries or any(entry["class_name"] not in _RANGES for entry in entries):
        choices = [value for config in configs for value in _values(config)]
        return Hyperparameter(
            name, tuple(dict.fromkeys([*choices, *tried])), conditional=conditional
        )
    first = configs[0]
    return Hyperparameter(
        name,
        None,
        low=min([config["min_value"] for config in configs] + list(tried)),
        high=max([_reachable(config) for config in configs] + list(tried)),
        step=first["step"],
        sampling=first["sampling"] or "linear",
        integer=all(entry["class_name"] == "Int" for entry in entries),
        conditional=conditional,
    )


def _values(config: Mapping[str, Any]) -> list[Any]:
    """Return the values of what is no range: a choice, a boolean, a fixed value."""
    if "values" in config:
        return list(config["values"])
    if "value" in config:
        return [config["value"]]
    if "min_value" in config:
        return [config["min_value"], config["max_value"]]
    return [False, True]


def _reachable(config: Mapping[str, Any]) -> float:
    """Return the largest value of a range that its steps reach."""
    low, high, step = config["min_value"], config["max_value"], config["step"]
    reached = high
    if step is not None and low < high:
        if config["sampling"] == "linear":
            reached = low + math.floor((high - low) / step + 1e-9) * step
        else:
            reached = low * step ** math.floor(math.log(high / low) / math.log(step) + 1e-9)
    return float(min(reached, high)) if isinstance(high, float) else int(reached)
