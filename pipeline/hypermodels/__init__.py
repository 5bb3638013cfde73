"""The hypermodels that we ship, trained image networks, and the search space.

It knows datasets, Keras and KerasTuner, and nothing of a search.
"""

from pipeline.hypermodels.shipped import CNN, MLP, Transfer

__all__ = ["CNN", "MLP", "Transfer"]
