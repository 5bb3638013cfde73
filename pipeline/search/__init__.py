"""One search: `search` wires everything, `tuner` is the loop around the oracle.

It knows everything below; only the sweep, the command line and the notebook know it.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.search.failures import SearchError
    from pipeline.search.search import SearchResult, run_search

__all__ = ["SearchError", "SearchResult", "run_search"]

if not TYPE_CHECKING:  # which would take any name for a known one

    def __getattr__(name):  # noqa: ANN001, ANN202
        """Import Keras only when a search is run: signals and folders need none."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module("pipeline.search.search"), name)
