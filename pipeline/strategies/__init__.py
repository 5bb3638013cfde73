"""The oracles: KerasTuner's, made durable and correct."""

from pipeline.strategies.bayesian_optimization import BayesianOptimization
from pipeline.strategies.grid_search import GridSearch
from pipeline.strategies.hyperband import Hyperband
from pipeline.strategies.oracle import Oracle
from pipeline.strategies.random_search import RandomSearch
from pipeline.strategies.restored import RestoredTrial

__all__ = [
    "BayesianOptimization",
    "GridSearch",
    "Hyperband",
    "Oracle",
    "RandomSearch",
    "RestoredTrial",
]
