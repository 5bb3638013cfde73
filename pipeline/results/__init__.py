"""A search read back, from its folder or from MLflow alone: tables, pictures and a model.

It knows what was recorded, and how it is shown; of searches that run it knows nothing.
"""

from pipeline.results.loading import Search, load_search

__all__ = ["Search", "load_search"]
