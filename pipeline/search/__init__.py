"""One search: `search` wires everything, `tuner` is the loop around the oracle.

It knows everything below; only the sweep, the command line and the notebook know it.
"""

from pipeline.search.failures import SearchError
from pipeline.search.search import SearchResult, run_search

__all__ = ["SearchError", "SearchResult", "run_search"]
