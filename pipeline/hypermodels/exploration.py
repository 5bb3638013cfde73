"""Which hyperparameters a model asks for, found out by building it at other values.

A loop such as `for i in range(hp.Int("layers", 1, 3)): hp.Int(f"units_{i}", …)` declares without a
conditional scope what only some models have. KerasTuner learns of it while trials run, and from
then on varies `units_2` for models of one layer too.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import keras_tuner
from keras_tuner.engine import hyperparameters as kinds

UNDECLARED = ("batch_size", "epochs")
"""What the configuration may search although no hypermodel declares it."""

_MOST_BUILDS = 100  # what they do not find joins the space when a trial asks for it
_MOST_VALUES = 1000  # of an integer, to be conditions
Values = dict[str, Any]


def explore(
    hypermodel: keras_tuner.HyperModel,
    space: keras_tuner.HyperParameters,
    overridden: Callable[[Any], Any] = lambda hp: hp,
) -> keras_tuner.HyperParameters:
    """Find what a hypermodel asks for at other values than the defaults, and at which.

    Models are built at both ends of all ranges and at each value of all choices, all
    hyperparameters changed at once: where every model asks for the same, that is as many builds
    as the longest choice has other values. Where one does not, hyperparameters are changed one by
    one too, from the defaults and from each model that asked for something new; of an integer
    the values between two that ask for the same are left out. What only some values of a choice
    or an integer ask for becomes conditional on these. A build that raises tells nothing.

    Args:
        hypermodel: It builds the models.
        space: What is known of its space, as the configuration overrides it.
        overridden: Makes of a hyperparameter that is found what the configuration wants it to be.

    Returns:
        The same space if every model asks for all of it; else a new one in which what was found
        comes last, and what no model asked for is missing.
    """
    exploration = _Exploration(hypermodel, list(space.space), overridden)
    try:
        exploration.run()
    finally:
        keras.utils.clear_session()
    if not exploration.varies:
        return space
    explored = keras_tuner.HyperParameters()
    explored.merge(exploration.conditional_space())
    return explored


@dataclass(frozen=True)
class _Build:
    """What one model asked for: by keys of hyperparameters, and under which values."""

    values: Values
    asked: frozenset[str]


@dataclass
class _Exploration:
    """Builds models, and infers which values decide on what they ask for.

    Attributes:
        hypermodel: It builds the models.
        hps: What is known of the space, in the order found.
        overridden: As in `explore`.
        builds: What was built.
        asking: For what is asked for at times, the values of each name that ask for it.
        varies: Whether some model has not asked for all that its scopes let it have, or for more.
    """

    hypermodel: keras_tuner.HyperModel
    hps: list[Any]
    overridden: Callable[[Any], Any]
    builds: list[_Build] = field(default_factory=list)
    asking: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    varies: bool = False

    def run(self) -> None:
        """Build from the defaults, then from each model that asked for something new."""
        first = self._build({hp.name: hp.default for hp in reversed(self.hps)})
        bases = [] if first is None else [first]
        while bases:
            base = bases.pop(0)
            others = self._change_all(base)
            if any(map(self._is_surprising, [base, *others])):
                self.varies = True
                known = base.asked.union(*(one.asked for one in bases))
                for one in [*self._change_each(base), *others]:
                    if not one.asked <= known:
                        bases.append(one)
                        known |= one.asked

    def conditional_space(self) -> list[Any]:
        """Return what models ask for, conditional where only some values do."""
        asked = frozenset[str]().union(*(one.asked for one in self.builds))
        contradicted = {
            key for one in self.builds for key in one.asked if not self._may_ask(key, one.values)
        }
        result = []
        for hp in self.hps:
            key, config = _key(hp), hp.get_config()
            if key not in asked and hp.name not in UNDECLARED and self._was_possible(hp):
                continue
            deciding = {} if key in contradicted else self.asking.get(key, {})
            config["conditions"] += [
                {"class_name": "Parent", "config": {"name": name, "values": values}}
                for name, values in deciding.items()
            ]
            result.append(type(hp).from_config(config))
        return result

    def _change_all(self, base: _Build) -> list[_Build]:
        """Build with all changed at once but what is known to decide."""
        deciding = {name for names in self.asking.values() for name in names}
        ends = {
            hp.name: other
            for hp in self._asked_of(base)
            if hp.name not in deciding and (other := _others(hp, base.values[hp.name]))
        }
        builds = []
        for turn in range(max(map(len, ends.values()), default=0)):
            changed = {name: other[turn % len(other)] for name, other in ends.items()}
            builds.append(self._build(base.values | changed))
        return [*filter(None, builds)]

    def _change_each(self, base: _Build) -> list[_Build]:
        """Build with one changed after the other, and note what their values decide."""
        built: list[_Build] = []
        for hp in self._asked_of(base):
            line = self._line(base, hp)
            every = frozenset[str]().union(*(one.asked for one in line.values()))
            for key in sorted(every):
                lacking = [one for one in line.values() if key not in one.asked]
                if any(_holds(self._of(key), one.values) for one in lacking):
                    asking = self.asking.setdefault(key, {}).setdefault(hp.name, [])
                    asking += [
                        value
                        for value in _domain(hp)
                        if value not in asking and (value not in line or key in line[value].asked)
                    ]
            built += line.values()
        return built

    def _line(self, base: _Build, hp: Any) -> dict[Any, _Build]:
        """Build at the values of a hyperparameter; return what each asks for, as far as known."""
        line: dict[Any, _Build | None] = {base.values[hp.name]: base}
        domain = _domain(hp)

        def at(value: Any) -> _Build | None:
            if value not in line:
                line[value] = self._build({**base.values, hp.name: value})
            return line[value]

        def between(values: Sequence[Any]) -> None:
            first, last = at(values[0]), at(values[-1])
            if first and last and first.asked == last.asked:
                line.update({value: first for value in values[1:-1] if value not in line})
            elif len(values) > 2 and len(self.builds) < _MOST_BUILDS:
                middle = len(values) // 2
                between(values[: middle + 1])
                between(values[middle:])

        if isinstance(domain, range) and domain:
            between(domain)
        else:
            for value in domain:
                at(value)
        return {value: one for value in domain if (one := line.get(value)) is not None}

    def _build(self, values: Mapping[str, Any]) -> _Build | None:
        """Build a model, and register what it asks for anew; None if that raises."""
        if len(self.builds) >= _MOST_BUILDS:
            return None
        hp = keras_tuner.HyperParameters()
        hp.values = dict(values)
        try:
            self.hypermodel.declare_hyperparameters(hp)
            self.hypermodel.build(hp)
        except (Exception, SystemExit):  # a user's code may raise anything; its trial will tell
            return None
        known = {_key(one) for one in self.hps}
        for one in hp.space:
            if _key(one) not in known:
                self.varies = True
                self.hps.append(self.overridden(one))
                hp.values.setdefault(one.name, self.hps[-1].default)
        built = _Build({**values, **hp.values}, frozenset(map(_key, hp.space)))
        self.builds.append(built)
        return built

    def _asked_of(self, one: _Build) -> list[Any]:
        """Return what a model was given values for, as far as they may be changed."""
        return [hp for hp in self.hps if _key(hp) in one.asked and _holds(hp, one.values)]

    def _is_surprising(self, one: _Build) -> bool:
        """Whether what a model has asked for is not what its values are known to ask for."""
        expected = {_key(hp) for hp in self.hps if self._may_ask(_key(hp), one.values)}
        scopes = {_key(hp) for hp in self.hps if not _holds(hp, one.values)}
        ours = {_key(hp) for hp in self.hps if hp.name in UNDECLARED}
        return bool((expected ^ one.asked) - scopes - ours)

    def _may_ask(self, key: str, values: Values) -> bool:
        """Whether values ask for something, as far as is known."""
        deciding = self.asking.get(key, {})
        return _holds(self._of(key), values) and all(
            values.get(name) in asking for name, asking in deciding.items()
        )

    def _was_possible(self, hp: Any) -> bool:
        """Whether a model was built in whose scopes a hyperparameter is."""
        return any(_holds(hp, one.values) for one in self.builds)

    def _of(self, key: str) -> Any:
        return next(hp for hp in self.hps if _key(hp) == key)


def _key(hp: Any) -> str:
    """Return what tells hyperparameters apart: name and conditional scope."""
    return json.dumps([hp.name, hp.get_config()["conditions"]])


def _holds(hp: Any, values: Values) -> bool:
    """Whether the conditional scopes of a hyperparameter are entered under values."""
    return all(condition.is_active(values) for condition in hp.conditions)


def _domain(hp: Any) -> Sequence[Any]:
    """Return the values that may be conditions; none of what has too many, or is continuous."""
    if isinstance(hp, kinds.Boolean):
        return (False, True)
    if isinstance(hp, kinds.Choice):
        return tuple(dict.fromkeys(hp.values))
    if isinstance(hp, kinds.Int) and hp.sampling == "linear":
        values = range(hp.min_value, hp.max_value + 1, hp.step or 1)
        return values if len(values) <= _MOST_VALUES else ()
    return ()


def _others(hp: Any, value: Any) -> list[Any]:
    """Return the other values that models are built at: those of a choice, the ends of a range."""
    values = _domain(hp)
    if isinstance(hp, kinds.Int | kinds.Float):
        values = (values[-1], values[0]) if values else (hp.max_value, hp.min_value)
    return [other for other in values if other != value]
