"""The oracles: KerasTuner's, made durable and correct, and Optuna's samplers as such."""

from pipeline.strategies.auto import Auto
from pipeline.strategies.bayesian_optimization import BayesianOptimization
from pipeline.strategies.cma_es import CMAES
from pipeline.strategies.grid_search import GridSearch
from pipeline.strategies.hyperband import Hyperband
from pipeline.strategies.optuna_search import GP, TPE
from pipeline.strategies.oracle import Oracle
from pipeline.strategies.quasi_random import QMC
from pipeline.strategies.random_search import RandomSearch
from pipeline.strategies.restored import RestoredTrial

__all__ = [
    "CMAES",
    "GP",
    "QMC",
    "TPE",
    "Auto",
    "BayesianOptimization",
    "GridSearch",
    "Hyperband",
    "Oracle",
    "RandomSearch",
    "RestoredTrial",
]
