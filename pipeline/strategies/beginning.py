"""Oracles that are told where to begin, and what earlier searches have measured."""

from collections.abc import Sequence
from typing import Any

from pipeline.strategies.durable import Durable
from pipeline.strategies.grids import Values, values_of


class Beginning(Durable):
    """An oracle that proposes given values first, and knows scores that it need not measure.

    What it proposes is still a function of its arguments, of these, and of the trials so far.

    Args:
        **arguments: Arguments of the KerasTuner oracle.

    Attributes:
        begins_with_defaults: Whether the first trial has the defaults that the space states.
        takes_measured: Whether scores that were measured before are of use to it.
        measured: Trials of earlier searches, with values and score; none of them is in `trials`.
    """

    begins_with_defaults = False
    takes_measured = True

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.measured: list[Any] = []
        self._opening: list[Values] = []

    def begin_with(
        self, opening: Sequence[Values], measured: Sequence[tuple[Values, float]] = ()
    ) -> None:
        """Say which values come first, and which need not be tried; call it before all else.

        Args:
            opening: Values of the active hyperparameters, in the order in which they are proposed
                before the oracle's own; they are different from one another.
            measured: Values whose score is known from an earlier search, with the score. They are
                not proposed unless they are in `opening`, and an oracle that learns from scores
                learns from them; they are no trials of this search.
        """
        self._opening = [dict(values) for values in opening]
        for values, known in measured:
            trial = self._new_trial("measured", values, "COMPLETED")
            trial.score = known
            self.measured.append(trial)
            self._tried.add(values)

    def values_of(self, hp: Any) -> Sequence[Any] | None:
        """Return the values of a hyperparameter that it may try; None if they are continuous."""
        return values_of(hp)

    def _first_values(self) -> Values | None:
        """Return the values to begin with whose turn it is; None if all were proposed."""
        number = len(self.trials)
        return self._opening[number] if number < len(self._opening) else None
