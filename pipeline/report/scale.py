"""Where a hyperparameter's values stand on an axis, and which of them are named there."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from matplotlib.ticker import Locator, LogLocator, MaxNLocator

from pipeline.report.space import Hyperparameter, shown

_MOST_NAMED = 8
_MOST_STEPS = 1000
_PAD = 0.04  # of an axis, at either end


@dataclass(frozen=True)
class Scale:
    """An axis that names values that are searched; logarithmic where the search space is.

    Attributes:
        item: The hyperparameter.
    """

    item: Hyperparameter

    @cached_property
    def values(self) -> tuple[Any, ...]:
        """All values that there are, in order, if there is a choice or few steps; else none."""
        choices = self.item.choices
        if choices is None:
            return self._steps if len(self._steps) <= _MOST_NAMED else ()
        numbers = all(isinstance(choice, int | float) for choice in choices)
        return tuple(sorted(choices)) if numbers else choices

    def place(self, value: Any) -> float:
        """Return where a value stands on the axis of `layout`."""
        return value if self.item.choices is None else self.values.index(value)

    def layout(self) -> dict[str, Any]:
        """Return the settings of Plotly's axis."""
        item = self.item
        if item.choices is not None:
            named: dict[str, Any] = {"range": [-0.5, len(self.values) - 0.5]}
        elif item.log:
            low, high = math.log10(item.low), math.log10(item.high)
            named = {"type": "log", "range": _padded(low, high)}
        else:
            named = {"range": _padded(item.low, item.high)}
        if not (self.values or item.log or item.step):
            return named  # any number is as good as another: Plotly names round ones
        ticks = self._ticks()
        named["tickvals"] = [self.place(value) for value in ticks]
        named["ticktext"] = [_text(value) for value in ticks]
        return named

    def height(self, value: Any, within: float = 0.5) -> float:
        """Return where a value stands between 0 and 1.

        Args:
            value: The value.
            within: Where in its part of the axis, if it is one of `values`, which share the axis
                evenly: from 0 to 1.
        """
        if self.values:
            return (self._index(value) + within) / len(self.values)
        item = self.item
        return item.position(value) if item.low < item.high else 0.5

    def marks(self) -> list[tuple[float, str]]:
        """Return the heights of values to be named, and their names."""
        return [(self.height(value), _text(value)) for value in self._ticks()]

    def _ticks(self) -> Sequence[Any]:
        """Return the values that are named: all, or some that are searched, or round ones."""
        item = self.item
        if self.values:
            return self.values
        if item.step and self._steps:
            return self._steps[:: -(-len(self._steps) // _MOST_NAMED)]
        if item.log:
            wide = item.high >= 100 * item.low
            locator: Locator = LogLocator(
                subs=(1.0,) if wide else (1.0, 2.0, 5.0), numticks=_MOST_NAMED
            )
        else:
            locator = MaxNLocator(6, steps=[1, 2, 5, 10], integer=item.integer)
        slack = 1e-9 * abs(item.high)
        found = [float(value) for value in locator.tick_values(item.low, item.high)]
        inside = [value for value in found if item.low - slack <= value <= item.high + slack]
        return inside if len(inside) > 1 else list(dict.fromkeys((item.low, item.high)))

    @cached_property
    def _steps(self) -> tuple[Any, ...]:
        """All values that the steps of a range reach; none if it has no steps, or very many."""
        item = self.item
        step = item.step or (1 if item.integer and not item.log else None)
        if item.choices is not None or step is None or item.sampling == "reverse_log":
            return ()
        if item.log:
            count = math.floor(math.log(item.high / item.low) / math.log(step) + 1e-9)
        else:
            count = math.floor((item.high - item.low) / step + 1e-9)
        if count > _MOST_STEPS:
            return ()
        found = [item.low * step**n if item.log else item.low + n * step for n in range(count + 1)]
        return tuple(round(value) if item.integer else float(f"{value:.10g}") for value in found)

    def _index(self, value: Any) -> int:
        if self.item.choices is not None:
            return self.values.index(value)
        return min(range(len(self.values)), key=lambda index: abs(self.values[index] - value))


def _padded(low: float, high: float) -> list[float]:
    pad = _PAD * (high - low or 1.0)
    return [low - pad, high + pad]


def _text(value: Any) -> str:
    """Return a value as an axis names it."""
    if isinstance(value, float):
        return f"{value:.4g}"
    text = shown(value)
    return text if len(text) <= 16 else f"{text[:15]}…"
