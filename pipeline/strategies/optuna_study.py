"""An oracle's trials as a study in memory, for Optuna's samplers."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras_tuner
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from pipeline.strategies.grids import Values, values_of
from pipeline.strategies.optuna_space import Parameter, parameters_of, params_of
from pipeline.strategies.sampling import choose

_NAME = "search"
_STATES = {
    "COMPLETED": TrialState.COMPLETE,
    "PRUNED": TrialState.PRUNED,
    "FAILED": TrialState.FAIL,
}  # all others run, or will run again


class KeptStudy:
    """A study that has an oracle's trials, in the order they started.

    It is kept between proposals, as to make it of a thousand trials takes longer than to propose;
    it equals one that is made anew. Samplers are asked on behalf of a trial that waits for ever,
    which they overlook, so that an answer that is not wanted leaves nothing.

    Args:
        objective: What is optimised.
    """

    def __init__(self, objective: keras_tuner.Objective) -> None:
        self._objective = objective
        self._begin()

    def follow(self, trials: Iterable[Any], space: keras_tuner.HyperParameters) -> None:
        """Bring the study to where an oracle is.

        Args:
            trials: All its trials, in the order they started.
            space: Its search space.
        """
        trials, parameters = list(trials), parameters_of(space)
        marks = [_mark(trial) for trial in trials]
        for mark, told in zip(marks, self._told, strict=False):
            if mark != told and told[0] in _STATES:  # a trial that was pruned goes on
                self._begin()
                break
        for number, (trial, mark) in enumerate(zip(trials, marks, strict=True)):
            if number == len(self._told):
                self._study.add_trial(_frozen(trial, parameters, self._objective))
                self._told.append(mark)
            elif mark != self._told[number]:
                self._update(number, _frozen(trial, parameters, self._objective))
                self._told[number] = mark

    def propose(
        self, sampler: BaseSampler, space: keras_tuner.HyperParameters, *, conditional: bool
    ) -> Values:
        """Ask a sampler for the values of one more trial.

        Hyperparameters that the same trials have are sampled together, as Optuna's TPE does with
        `group=True`: those of a conditional scope, of all scopes, those that appeared later.

        Args:
            sampler: A sampler that was asked nothing before.
            space: The search space.
            conditional: Whether it can be asked for hyperparameters that only some of the
                finished trials have; if not, these are drawn independently.

        Returns:
            The values of the active hyperparameters.
        """
        # A new study, as each keeps a copy of the trials from its first question on.
        study = optuna.load_study(study_name=_NAME, storage=self._storage, sampler=sampler)
        asking = self._storage.get_trial(self._asking)
        parameters = {id(parameter.hp): parameter for parameter in parameters_of(space)}
        groups = self._groups(parameters.values(), conditional)
        sampled: dict[str, Any] = {}

        def value(hp: Any) -> Any:
            parameter = parameters.get(id(hp))
            if parameter is None:
                (only,) = values_of(hp) or ()
                return only
            name, together = parameter.name, groups.get(parameter.name)
            if together is not None and name not in sampled:
                sampled.update(sampler.sample_relative(study, asking, together))
            if name not in sampled:
                sampled[name] = sampler.sample_independent(
                    study, asking, name, parameter.distribution
                )
            return parameter.value_of(sampled[name])

        return choose(space, value)

    def trials(self) -> list[FrozenTrial]:
        """Return the study's trials, without the one on whose behalf it is asked."""
        return self._storage.get_all_trials(self._study_id)[1:]

    def _begin(self) -> None:
        minimizes = self._objective.direction == "min"
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # it tells of every study it makes
        try:
            self._storage = optuna.storages.InMemoryStorage()
            self._study = optuna.create_study(
                storage=self._storage,
                study_name=_NAME,
                direction="minimize" if minimizes else "maximize",
            )
        finally:
            optuna.logging.set_verbosity(verbosity)
        self._study_id = self._storage.get_study_id_from_name(_NAME)
        waiting = optuna.trial.create_trial(state=TrialState.WAITING)
        self._asking = self._storage.create_new_trial(self._study_id, waiting)
        self._told: list[tuple[Any, ...]] = []

    def _update(self, number: int, trial: FrozenTrial) -> None:
        """Bring a trial that was running when it was told to where it is."""
        identifier = self._storage.get_trial_id_from_study_id_trial_number(
            self._study_id, number + 1
        )
        known = self._storage.get_trial(identifier)
        for name, param in trial.params.items():
            if name not in known.params:
                distribution = trial.distributions[name]
                internal = distribution.to_internal_repr(param)
                self._storage.set_trial_param(identifier, name, internal, distribution)
        for epoch, value in trial.intermediate_values.items():
            self._storage.set_trial_intermediate_value(identifier, epoch, value)
        if trial.state.is_finished():
            self._storage.set_trial_state_values(identifier, trial.state, trial.values)

    def _groups(
        self, parameters: Iterable[Parameter], conditional: bool
    ) -> dict[str, dict[str, BaseDistribution]]:
        """Return for each parameter that finished trials have those that the same ones have."""
        having: dict[str, int] = {}
        states = (TrialState.COMPLETE, TrialState.PRUNED) if conditional else (TrialState.COMPLETE,)
        finished = self._storage.get_all_trials(self._study_id, deepcopy=False, states=states)
        for number, trial in enumerate(finished):
            for name in trial.params:
                having[name] = having.get(name, 0) | 1 << number
        groups: dict[int, dict[str, BaseDistribution]] = {}
        for parameter in parameters:
            mask = having.get(parameter.name, 0)
            if mask and (conditional or mask == (1 << len(finished)) - 1):
                groups.setdefault(mask, {})[parameter.name] = parameter.distribution
        return {name: group for group in groups.values() for name in group}


def _mark(trial: Any) -> tuple[Any, ...]:
    """Return what tells whether a trial has changed; the status first."""
    epochs = sum(len(history.get_history()) for history in trial.metrics.metrics.values())
    return (trial.status, trial.score, epochs, len(trial.hyperparameters.values))


def _frozen(
    trial: Any, parameters: Sequence[Parameter], objective: keras_tuner.Objective
) -> FrozenTrial:
    """Return a trial as Optuna has it."""
    params = params_of(parameters, trial.hyperparameters.values)
    state = _STATES.get(trial.status, TrialState.RUNNING)
    partial = {}
    if state is TrialState.PRUNED and trial.metrics.exists(objective.name):
        history = trial.metrics.get_history(objective.name)
        partial = {entry.step: float(entry.mean()) for entry in history}
    return optuna.trial.create_trial(
        state=state,
        value=trial.score if state is TrialState.COMPLETE else None,
        params=params,
        distributions={p.name: p.distribution for p in parameters if p.name in params},
        intermediate_values=partial,
    )
