"""What a trial's hypermodel asks for while it builds and trains."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import keras_tuner
from keras_tuner.engine.trial import Trial

from pipeline.hypermodels.exploration import UNDECLARED


@dataclass(frozen=True)
class Asked:
    """A trial that has its values, but only those hyperparameters that it has been asked for.

    Attributes:
        trial: What is trained in place of the trial.
        declared: How many hyperparameters the hypermodel declares before it builds.
    """

    trial: Trial
    declared: int

    @classmethod
    @contextmanager
    def of(
        cls, trial: Trial, hypermodel: keras_tuner.HyperModel, *, allow_new: bool
    ) -> Iterator["Asked"]:
        """Let a trial be trained; afterwards it has what it was asked for beside its values.

        Args:
            trial: What the oracle proposed.
            hypermodel: What builds and maybe trains its model.
            allow_new: Whether it may be asked for anything beside its values.

        Yields:
            What to train.

        Raises:
            FatalValueError: It was, although it may not.
        """
        proposed = {*trial.hyperparameters.values}
        blank = keras_tuner.HyperParameters()
        blank.values = dict(trial.hyperparameters.values)
        hypermodel.declare_hyperparameters(blank)
        try:
            yield cls(Trial(blank, trial.trial_id, trial.status), len(blank.space))
        finally:
            # What had a value is known, in a scope or not.
            new = [hp for hp in blank.space if hp.name not in proposed]
            known = trial.hyperparameters.values
            trial.hyperparameters.merge(new, overwrite=False)
            known.update({hp.name: blank.values[hp.name] for hp in new if hp.name in blank.values})
        active = sorted({hp.name for hp in new if hp.name in blank.values})
        if active and not allow_new:
            raise keras_tuner.errors.FatalValueError(
                f"strategy.allow_new_entries=false, but trial {trial.trial_id} asked for "
                f"{', '.join(active)}, which hyperparameters does not list"
            )

    @property
    def unused(self) -> list[str]:
        """The names of values that were not asked for; none if no model was built."""
        hyperparameters = self.trial.hyperparameters
        if len(hyperparameters.space) == self.declared:
            return []
        asked = {*UNDECLARED, *(hp.name for hp in hyperparameters.space)}
        own = (name for name in hyperparameters.values if not name.startswith("tuner/"))
        return sorted({*own} - asked)
