"""Numbers, durations and hyperparameters as the terminal words them."""

from collections.abc import Mapping
from typing import Any


def assignments(hyperparameters: Mapping[str, Any]) -> str:
    """Return hyperparameters in a line: `units=64 rate=0.1`."""
    return " ".join(
        f"{name}={number(value) if isinstance(value, float) else value}"
        for name, value in hyperparameters.items()
    )


def number(value: float) -> str:
    """Return a number with four digits, or with one decimal where it is large."""
    return f"{value:.1f}" if 1e3 <= abs(value) < 1e9 else f"{value:.4g}"


def duration(seconds: float) -> str:
    """Return seconds below a minute as they are, else hours, minutes and seconds."""
    return f"{seconds:.1f} s" if seconds < 60 else clock_time(seconds)


def clock_time(seconds: float) -> str:
    """Return hours, minutes and seconds: `0:01:30`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def count(number: int, noun: str) -> str:
    """Return a number of things: `1 trial`, `2 trials`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
