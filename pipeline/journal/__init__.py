"""The journal: the hooks that a search calls, the records they receive, and what is read of them.

One append-only file tells all of a search. It knows nothing of Keras, MLflow or the terminal.
"""

from pipeline.journal.callbacks import SearchCallback
from pipeline.journal.history import History, read

__all__ = ["History", "SearchCallback", "read"]
