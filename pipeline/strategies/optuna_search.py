"""Optuna's samplers as oracles."""

import warnings
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import keras_tuner

from pipeline.configuration.arguments import check_boolean, check_whole_number
from pipeline.seeds import derive_seed
from pipeline.strategies.arguments import check_installed
from pipeline.strategies.grids import Values
from pipeline.strategies.oracle import Oracle

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from pipeline.strategies.optuna_study import KeptStudy


class OptunaSearch(Oracle):
    """Proposes what one of Optuna's samplers does, given the trials so far.

    A sampler is made for each proposal, its seed from the search's and the trial's number, so
    that a continued search proposes what an uninterrupted one would have. Optuna has no database:
    its study is in memory and made of the oracle's trials, pruned ones with what they reported,
    and running ones too. The first trials have random values, the same as in random search.

    Optuna proposes a combination again and again. Here a sampler that has answered with known
    ones a few times gives way to random values that are new.

    Args:
        objective: The metric to optimise.
        hyperparameters: The search space.
        seed: Any integer; neighbouring seeds give unrelated values.
        max_trials: Trials to run, at least 1.
        n_startup_trials: Finished trials with random values before the sampler is asked, at
            least 1.
        max_attempts: How often a trial is tried before it is FAILED, at least 1.
        tune_new_entries: Whether what a trial asks for beside the space joins it.
        allow_new_entries: Whether a trial may ask for anything beside the space.

    Raises:
        TypeError: The objective is not a `keras_tuner.Objective`, or the seed not an integer.
        ValueError: An argument is out of range.
    """

    begins_with_defaults = True
    _learns_of: tuple[str, ...]  # statuses of the trials that the sampler has results of
    _questions: int  # how often it is asked for a new combination

    def __init__(
        self,
        *,
        objective: keras_tuner.Objective,
        hyperparameters: keras_tuner.HyperParameters,
        seed: int,
        max_trials: int,
        n_startup_trials: int,
        max_attempts: int = 1,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
    ) -> None:
        check_whole_number("max_trials", max_trials, 1)
        check_whole_number("n_startup_trials", n_startup_trials, 1)
        super().__init__(
            objective=objective,
            hyperparameters=hyperparameters,
            seed=seed,
            max_attempts=max_attempts,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            max_trials=max_trials,
        )
        self.n_startup_trials = n_startup_trials
        self._study: KeptStudy | None = None

    def populate_space(self, trial_id: str) -> dict[str, Any]:  # noqa: ARG002
        """Return the values of the next trial, or that there is none."""
        ended = sum(trial.status in self._learns_of for trial in self.trials.values())
        finished = len(self.measured) + ended
        values = self._sampled() if finished >= self.n_startup_trials else None
        return self._answer_or_draw(values)

    def _sampled(self) -> Values | None:
        """Return a combination of the sampler's that is new, None if it only knows old ones."""
        from pipeline.strategies.optuna_study import KeptStudy  # Optuna takes its time

        if self._study is None:
            self._study = KeptStudy(self.objective)
        started = [self.trials[trial_id] for trial_id in self.start_order]
        self._study.follow([*self.measured, *started], self.hyperparameters)
        for question in range(self._questions):
            seed = derive_seed(self.seed, "sampler", len(self.trials), question) % 2**32
            values = self._study.propose(
                self._sampler(seed),
                self.hyperparameters,
                conditional="PRUNED" in self._learns_of,
            )
            if values not in self._tried:
                return values
        return None

    @abstractmethod
    def _sampler(self, seed: int) -> "BaseSampler":
        """Return a new sampler."""


class TPE(OptunaSearch):
    """Tree-structured Parzen estimators: Optuna's `TPESampler`.

    It takes the good and the bad combinations for two densities and proposes where the good one
    is higher in proportion (Bergstra et al., "Algorithms for hyper-parameter optimization",
    2011), hyperparameters that go together at once. A trial that runs counts as bad; a pruned
    one as worse than COMPLETED ones, and the worse the sooner it was pruned.

    Args:
        objective: The metric to optimise.
        hyperparameters: The search space.
        seed: Any integer; neighbouring seeds give unrelated values.
        max_trials: Trials to run, at least 1.
        n_startup_trials: COMPLETED or PRUNED trials with random values before Optuna is asked,
            at least 1.
        n_ei_candidates: Combinations from the good density that are compared, at least 1.
        max_attempts: How often a trial is tried before it is FAILED, at least 1.
        tune_new_entries: Whether what a trial asks for beside the space joins it.
        allow_new_entries: Whether a trial may ask for anything beside the space.

    Raises:
        TypeError: The objective is not a `keras_tuner.Objective`, or the seed not an integer.
        ValueError: An argument is out of range.
    """

    _learns_of = ("COMPLETED", "PRUNED")
    _questions = 4

    def __init__(
        self,
        *,
        objective: keras_tuner.Objective,
        hyperparameters: keras_tuner.HyperParameters,
        seed: int,
        max_trials: int,
        n_startup_trials: int,
        n_ei_candidates: int,
        max_attempts: int = 1,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
    ) -> None:
        check_whole_number("n_ei_candidates", n_ei_candidates, 1)
        super().__init__(
            objective=objective,
            hyperparameters=hyperparameters,
            seed=seed,
            max_trials=max_trials,
            n_startup_trials=n_startup_trials,
            max_attempts=max_attempts,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
        )
        self.n_ei_candidates = n_ei_candidates

    def _sampler(self, seed: int) -> "BaseSampler":
        from optuna.samplers import TPESampler

        return TPESampler(
            n_startup_trials=self.n_startup_trials, n_ei_candidates=self.n_ei_candidates, seed=seed
        )


class GP(OptunaSearch):
    """A Gaussian process: Optuna's `GPSampler`, which needs PyTorch.

    It proposes where the logarithm of the expected improvement is highest. Only COMPLETED trials
    count, and trials that run as ones whose result is open. Hyperparameters that not all of them
    have, those of conditional scopes, are drawn at random. `strategy=bayesian` has a process of
    our own, which knows conditional scopes, is many times faster and needs no PyTorch.

    Args:
        objective: The metric to optimise.
        hyperparameters: The search space.
        seed: Any integer; neighbouring seeds give unrelated values.
        max_trials: Trials to run, at least 1.
        n_startup_trials: COMPLETED trials with random values before Optuna is asked, at least 1.
        deterministic_objective: Whether equal values would get equal scores.
        max_attempts: How often a trial is tried before it is FAILED, at least 1.
        tune_new_entries: Whether what a trial asks for beside the space joins it.
        allow_new_entries: Whether a trial may ask for anything beside the space.

    Raises:
        TypeError: The objective is not a `keras_tuner.Objective`, or the seed not an integer.
        ValueError: An argument is out of range, or PyTorch is not installed.
    """

    _learns_of = ("COMPLETED",)
    _questions = 2  # it takes long, and answers alike

    def __init__(
        self,
        *,
        objective: keras_tuner.Objective,
        hyperparameters: keras_tuner.HyperParameters,
        seed: int,
        max_trials: int,
        n_startup_trials: int,
        deterministic_objective: bool,
        max_attempts: int = 1,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
    ) -> None:
        check_installed("gp", "torch", "PyTorch")
        check_boolean("deterministic_objective", deterministic_objective)
        super().__init__(
            objective=objective,
            hyperparameters=hyperparameters,
            seed=seed,
            max_trials=max_trials,
            n_startup_trials=n_startup_trials,
            max_attempts=max_attempts,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
        )
        self.deterministic_objective = deterministic_objective

    def _sampler(self, seed: int) -> "BaseSampler":
        from optuna.exceptions import ExperimentalWarning
        from optuna.samplers import GPSampler

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # deterministic_objective is
            return GPSampler(
                n_startup_trials=self.n_startup_trials,
                deterministic_objective=self.deterministic_objective,
                warn_independent_sampling=False,
                seed=seed,
            )
