"""The hypermodels that we ship, trained image networks, and the search space.

It knows datasets, Keras and KerasTuner, and nothing of a search.
"""

from pipeline.hypermodels.sequence_model import Sequence
from pipeline.hypermodels.shipped import CNN, MLP, Transfer
from pipeline.hypermodels.text_model import Text

__all__ = ["CNN", "MLP", "Sequence", "Text", "Transfer"]
