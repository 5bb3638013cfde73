"""Hyperband."""

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import keras_tuner

from pipeline.configuration.arguments import check_whole_number
from pipeline.strategies.grids import Values, key
from pipeline.strategies.oracle import Oracle
from pipeline.strategies.rounds import one_path
from pipeline.strategies.tried import Tried


class Hyperband(Oracle, keras_tuner.oracles.HyperbandOracle):
    """Trains many configurations briefly, the best of them longer, one bracket after the other.

    Sizes and epochs of brackets and rounds are KerasTuner's (Li et al., "Hyperband", JMLR 18,
    2018). A round starts when the one before has ended, and takes its best COMPLETED trials. In
    KerasTuner's own, failures cancel promotions and a space smaller than a bracket ends the
    search; here failures only shorten the list to choose from, and a bracket that has every
    configuration of the space goes on with those. A configuration enters a bracket once, and a
    later bracket prefers new ones.

    Values of a trial beside its hyperparameters, as in KerasTuner: `tuner/epochs` and
    `tuner/initial_epoch` (absolute epochs it ends before and starts at), `tuner/bracket`,
    `tuner/round`, and `tuner/trial_id` of the trial it continues.

    Args:
        objective: The metric to optimise.
        hyperparameters: The search space.
        seed: Any integer; neighbouring seeds give unrelated values.
        max_epochs: Epochs of the longest trainings, at least 1.
        factor: How many times fewer trials a round has than the one before, and how many times
            more epochs they train; at least 2.
        hyperband_iterations: How often to go through all brackets, at least 1.
        max_attempts: How often a trial is tried before it is FAILED, at least 1.
        tune_new_entries: Whether what a trial asks for beside the space joins it.
        allow_new_entries: Whether a trial may ask for anything beside the space.

    Raises:
        TypeError: The objective is not a `keras_tuner.Objective`, or the seed not an integer.
        ValueError: An argument is out of range.
    """

    takes_measured = False  # its scores are of trainings of several lengths

    def __init__(
        self,
        *,
        objective: keras_tuner.Objective,
        hyperparameters: keras_tuner.HyperParameters,
        seed: int,
        max_epochs: int,
        factor: int = 3,
        hyperband_iterations: int = 1,
        max_attempts: int = 1,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
    ) -> None:
        check_whole_number("max_epochs", max_epochs, 1)
        check_whole_number("factor", factor, 2)
        check_whole_number("hyperband_iterations", hyperband_iterations, 1)
        super().__init__(
            objective=objective,
            hyperparameters=hyperparameters,
            seed=seed,
            max_attempts=max_attempts,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            max_epochs=max_epochs,
            factor=factor,
            hyperband_iterations=hyperband_iterations,
        )
        self._iterations = hyperband_iterations
        self._current_iteration = 0
        self._current_bracket: int = self._get_num_brackets() - 1
        self._rounds: list[list[str]] = [[]]  # trials of the current bracket, round by round
        self._share = Fraction(1)  # of the sizes of brackets that the budget affords
        self._last_bracket = 0
        self._exhausted_at = -1  # hyperparameters of the space when all of it had been tried

    @property
    def total_trials(self) -> int:
        """Trials that will be run in all if none fails, as far as the space is known."""
        return self._iterations * sum(trials for trials, _ in self._plan())

    def total_epochs(self, epochs: int) -> int:  # noqa: ARG002
        """Return how many epochs all trials train at most, an execution each: the rounds decide."""
        return self._iterations * sum(trials * length for trials, length in self._plan())

    def afford(self, seconds: float, trial: float, epoch: float, *, known: bool = True) -> int:
        """Plan so that what is left to do ends in a time.

        If it would not, all rounds have proportionately fewer trials; if that is not enough, the
        brackets with the longest trainings are left out. To be called again whenever more is
        known of what trials take.

        As long as every trial has trained one epoch, nobody knows how much of that was building
        and tracing: then the round goes on while one of its trials could be led to the last round.

        Args:
            seconds: For the trials that have not ended.
            trial: Seconds that a trial takes beside its epochs.
            epoch: Seconds of an epoch.
            known: Whether an epoch may not take less.

        Returns:
            The trials that are left.
        """
        brackets, rounds = self._get_num_brackets(), self._get_num_rounds(self._current_bracket)
        most = self._get_size(brackets - 1, 0)
        for last, started in itertools.product(range(brackets), range(most, 0, -1)):
            self._last_bracket, self._share = last, Fraction(started, most)
            left = [*self._left()]
            needed = left if known else one_path(left[:rounds], len(self._rounds))
            if sum(trials * (trial + length * epoch) for trials, length in needed) <= seconds:
                break
        return sum(trials for trials, _ in left)

    def populate_space(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the values of the next trial, or that there is none."""
        bracket, current = self._current_bracket, self._rounds[-1]
        round_number = len(self._rounds) - 1
        if round_number == 0 and len(current) < self._size(bracket, 0):
            values = self._fresh_values(bracket, current)
            if values is not None:
                return self._answer(values)
        elif round_number > 0:
            promoted = self._promoted(round_number)
            if len(current) < len(promoted):
                return self._answer(self._continued(promoted[len(current)], round_number))
        if any(map(self._is_running, current)):
            return self._answer(None)
        if round_number + 1 < self._get_num_rounds(bracket):
            promoted = self._promoted(round_number + 1)
            if promoted:
                return self._answer(self._continued(promoted[0], round_number + 1))
        last = bracket <= self._last_bracket
        if last and self._current_iteration + 1 == self._iterations:
            return self._answer(None)
        following = (self._get_num_brackets() if last else bracket) - 1
        return self._answer(self._fresh_values(following, []))

    def needed_trials(self) -> set[str]:
        """Return the trials that run, those that they continue, and those that may be promoted."""
        bracket, current = self._current_bracket, self._rounds[-1]
        following = len(self._rounds)
        needed = super().needed_trials()
        running = [self.trials[trial].hyperparameters.values for trial in needed]
        needed |= {values["tuner/trial_id"] for values in running if "tuner/trial_id" in values}
        if following > 1:
            needed |= {trial.trial_id for trial in self._promoted(following - 1)[len(current) :]}
        if following < self._get_num_rounds(bracket):
            # Until a round has ended, the best that it has are the only ones that may go on.
            size = max(len(self._rounds[0]), self._get_size(bracket, 0))
            completed = [self.trials[trial] for trial in current if self._is_completed(trial)]
            # Whatever may be afforded later.
            places = self._places(following, size, self._get_size(bracket, following))
            needed |= {trial.trial_id for trial in self._ranked(completed)[:places]}
        return needed

    def _first_values(self) -> Values | None:
        """Return None: what to begin with enters the rounds of fresh values."""
        return None

    def _start(self, trial: Any) -> None:
        """Enter a trial among the others, and in the round that its values name."""
        super()._start(trial)
        values = trial.hyperparameters.values
        bracket, round_number = values["tuner/bracket"], values["tuner/round"]
        if round_number == 0 and self._opens_bracket(bracket, values):
            self._current_iteration += bracket >= self._current_bracket
            self._current_bracket = bracket
            self._rounds = [[]]
        if round_number == len(self._rounds):
            self._rounds.append([])
        self._rounds[round_number].append(trial.trial_id)

    def _opens_bracket(self, bracket: int, values: Values) -> bool:
        """Return whether a trial of round 0 belongs to the next bracket, not to the current one.

        If there is only one bracket, its number does not tell.
        """
        first = self._rounds[0]
        return (
            bracket != self._current_bracket
            or len(self._rounds) > 1
            or len(first) >= self._size(bracket, 0)
            or key(values) in {key(self.trials[one].hyperparameters.values) for one in first}
        )

    def _fresh_values(self, bracket: int, first_round: list[str]) -> Values | None:
        """Return values for round 0: new to the search if possible, else new to the bracket."""
        values = self._untried()
        if values is None:
            values = self._unseen(self._tried_in(first_round))
        if values is None:
            return None
        return {
            **values,
            "tuner/epochs": self._get_epochs(bracket, 0),
            "tuner/initial_epoch": 0,
            "tuner/bracket": bracket,
            "tuner/round": 0,
        }

    def _untried(self) -> Values | None:
        """Return values that no trial had, those to begin with first; None if there are none.

        What was tried stays tried: an exhausted space is not gone through again until it grows.
        """
        for opening in self._opening:
            if opening not in self._tried:
                return opening
        known = len(self.hyperparameters.space)
        if known == self._exhausted_at:
            return None
        values = self._unseen(self._tried)
        if values is None:
            self._exhausted_at = known
        return values

    def _continued(self, parent: Any, round_number: int) -> Values:
        """Return the values under which a trial goes on into a round."""
        bracket = self._current_bracket
        return {
            **parent.hyperparameters.values,
            "tuner/trial_id": parent.trial_id,
            "tuner/epochs": self._get_epochs(bracket, round_number),
            "tuner/initial_epoch": self._get_epochs(bracket, round_number - 1),
            "tuner/bracket": bracket,
            "tuner/round": round_number,
        }

    def _promoted(self, round_number: int) -> list[Any]:
        """Return the trials of the round before that go on into a round, best first."""
        before = self._rounds[round_number - 1]
        completed = [self.trials[trial] for trial in before if self._is_completed(trial)]
        started = len(self._rounds[0])
        size = self._size(self._current_bracket, round_number)
        places = self._places(round_number, started, size)
        return self._ranked(completed)[:places]

    def _is_completed(self, trial: str) -> bool:
        return bool(self.trials[trial].status == "COMPLETED")

    def _is_running(self, trial: str) -> bool:
        return self.trials[trial].status not in ("COMPLETED", "FAILED", "PRUNED")

    def _size(self, bracket: int, round_number: int) -> int:
        """Return how many trials a round has at most, as far as they can be afforded."""
        return math.ceil(self._share * int(self._get_size(bracket, round_number)))

    def _places(self, round_number: int, started: int, size: int) -> int:
        """Return how many trials a round takes of those that the bracket started with."""
        return int(min(size, math.ceil(started / self.factor**round_number)))

    def _plan(self) -> Iterator[tuple[int, int]]:
        """Yield trials and epochs of each round of each bracket, if no trial fails."""
        for bracket in range(self._last_bracket, self._get_num_brackets()):
            yield from self._plan_of(bracket, self._size(bracket, 0))

    def _plan_of(self, bracket: int, started: int) -> Iterator[tuple[int, int]]:
        """Yield trials and epochs of each round of a bracket that starts with so many."""
        available = self._space_size()
        if available is not None:
            started = min(started, available)
        trained = 0
        for round_number in range(self._get_num_rounds(bracket)):
            epochs = self._get_epochs(bracket, round_number)
            size = self._size(bracket, round_number)
            yield self._places(round_number, started, size), epochs - trained
            trained = epochs

    def _left(self) -> Iterator[tuple[int, int]]:
        """Yield trials and epochs as `_plan` does, of those that have not ended."""
        bracket, current = self._current_bracket, len(self._rounds) - 1
        started = max(len(self._rounds[0]), 0 if current else self._size(bracket, 0))
        for round_number, (trials, epochs) in enumerate(self._plan_of(bracket, started)):
            round_trials = self._rounds[round_number] if round_number <= current else []
            ended = sum(not self._is_running(trial) for trial in round_trials)
            yield (max(0, trials - ended) if round_number >= current else 0), epochs
        for later in range(self._last_bracket, bracket):
            yield from self._plan_of(later, self._size(later, 0))
        for _ in range(self._current_iteration + 1, self._iterations):
            yield from self._plan()

    def _tried_in(self, trials: list[str]) -> Tried:
        """Return the combinations of some trials."""
        tried = Tried()
        for name in trials:
            values = self.trials[name].hyperparameters.values
            tried.add(values)
            if self._is_completed(name):
                tried.complete(values, self._unused.get(name, ()))
        return tried
