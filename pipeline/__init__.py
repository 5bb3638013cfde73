"""Hyperparameter search for Keras models, tracked in MLflow.

Example:
    >>> from pipeline import load_search, run_search
    >>> search = run_search("strategy=random", "strategy.max_trials=5")
    >>> search.trials, search.best_model()
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.notebook import run_search
    from pipeline.results.loading import Search, load_search

__all__ = ["Search", "__version__", "load_search", "run_search"]
__version__ = "0.1.0"

if not TYPE_CHECKING:  # which would take any name for a known one

    def __getattr__(name):  # noqa: ANN001, ANN202
        """Import what is asked for only then: it needs Keras, MLflow or pandas."""
        modules = {
            "Search": "pipeline.results.loading",
            "load_search": "pipeline.results.loading",
            "run_search": "pipeline.notebook",
        }
        if name not in modules:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(modules[name]), name)
