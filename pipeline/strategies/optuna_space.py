"""KerasTuner's hyperparameters as Optuna's parameters, and back, without loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras_tuner
from keras_tuner.engine import hyperparameters as kinds
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from pipeline.strategies.grids import is_active, is_uneven, values_of


@dataclass(frozen=True)
class Parameter:
    """A hyperparameter that varies, as Optuna sees it.

    Attributes:
        name: The hyperparameter's; with its conditions, if another scope has the name already,
            as Optuna knows one distribution a name.
        hp: KerasTuner's hyperparameter.
        distribution: What its values become. Finitely many with an order, equally likely, are
            counted, so that no digit of a step is lost; ranges keep their numbers, in a
            `reverse_log` range counted from its other end; values without an order are categories.
    """

    name: str
    hp: Any
    distribution: BaseDistribution

    def param_of(self, value: Any) -> Any:
        """Return Optuna's value for one of KerasTuner's."""
        if isinstance(self.distribution, CategoricalDistribution):
            return value
        if _is_counted(self.hp):
            return _index_of(values_of(self.hp) or (), value)
        return self._mirrored(value)

    def value_of(self, param: Any) -> Any:
        """Return KerasTuner's value for one of Optuna's, the inverse of `param_of`."""
        if isinstance(self.distribution, CategoricalDistribution):
            return param
        if _is_counted(self.hp):
            return (values_of(self.hp) or ())[param]
        return self._mirrored(param)

    def _mirrored(self, number: float) -> float:
        if self.hp.sampling != "reverse_log":
            return number
        low, high = self.hp.min_value, self.hp.max_value
        return type(number)(min(max(low + high - number, low), high))


def parameters_of(space: keras_tuner.HyperParameters) -> list[Parameter]:
    """Return the hyperparameters that vary.

    Args:
        space: The search space.

    Returns:
        One parameter each, in the order of the space. What joins the space later changes none of
        those before it.
    """
    parameters: dict[str, Parameter] = {}
    for hp in space.space:
        distribution = _distribution(hp)
        if distribution is not None:
            name = hp.name
            if name in parameters:
                scopes = [f"{c.name}={list(c.values)}" for c in hp.conditions]
                name = f"{hp.name} ({', '.join(scopes)})"
            parameters[name] = Parameter(name, hp, distribution)
    return list(parameters.values())


def params_of(parameters: Sequence[Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return Optuna's values of a trial: those of the active hyperparameters that it has.

    Args:
        parameters: Those of the space.
        values: The trial's hyperparameters.

    Returns:
        Values by the parameters' names; of those that share a hyperparameter's name, the first
        active one's.
    """
    found: dict[str, Any] = {}
    taken: set[str] = set()
    for parameter in parameters:
        hp = parameter.hp
        if hp.name in values and hp.name not in taken and is_active(hp, values):
            taken.add(hp.name)
            found[parameter.name] = parameter.param_of(values[hp.name])
    return found


def _distribution(hp: Any) -> BaseDistribution | None:
    values = values_of(hp)
    if values is not None and len(values) == 1:
        return None
    unordered = isinstance(hp, kinds.Boolean) or (isinstance(hp, kinds.Choice) and not hp.ordered)
    if values is not None and unordered:
        return CategoricalDistribution(values)
    if values is not None and _is_counted(hp):
        return IntDistribution(0, len(values) - 1)
    log = hp.sampling != "linear"
    if values is not None:
        return IntDistribution(hp.min_value, hp.max_value, log=log)
    return FloatDistribution(hp.min_value, hp.max_value, log=log)


def _is_counted(hp: Any) -> bool:
    return values_of(hp) is not None and not is_uneven(hp)


def _index_of(values: Sequence[Any], value: Any) -> int:
    """Return where a value is; a default that is no value of its range counts as the nearest."""
    if value in values:
        return values.index(value)
    return min(range(len(values)), key=lambda index: abs(values[index] - value))
