"""Which combinations were tried, and which give a model that was."""

from collections.abc import Collection, Mapping
from typing import Any

from pipeline.strategies.grids import key


class Tried:
    """Combinations of values that need no other trial.

    A hypermodel asks for hyperparameters one after the other, so that two combinations that agree
    in all that it has asked for give the same model, whatever else they say. What a model asked
    for is known when it was trained.
    """

    def __init__(self) -> None:
        self._proposed: set[str] = set()
        self._completed: dict[frozenset[str], set[str]] = {}

    def __len__(self) -> int:
        """Return how many combinations were proposed."""
        return len(self._proposed)

    def __contains__(self, values: object) -> bool:
        """Whether a combination was proposed, or gives a model that was trained."""
        assert isinstance(values, Mapping)
        return key(values) in self._proposed or any(
            asked < values.keys() and _key(values, asked) in keys
            for asked, keys in self._completed.items()
        )

    def add(self, values: Mapping[str, Any]) -> None:
        """Note a combination that was proposed."""
        self._proposed.add(key(values))

    def complete(self, values: Mapping[str, Any], unused: Collection[str]) -> None:
        """Note a combination whose model was trained.

        Args:
            values: It, KerasTuner's own values left out or not.
            unused: The names of the values that its model did not ask for.
        """
        own = (name for name in values if not name.startswith("tuner/"))
        asked = frozenset(own).difference(unused)
        self._completed.setdefault(asked, set()).add(_key(values, asked))


def _key(values: Mapping[str, Any], names: Collection[str]) -> str:
    return key({name: values[name] for name in names})
