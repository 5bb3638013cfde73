"""What a training has to tell whoever runs the search, beside its results."""

from collections.abc import Callable


class Notices:
    """Tells sentences, each once in a search.

    Args:
        tell: Given each sentence when it is new; by default nobody is told.
    """

    def __init__(self, tell: Callable[[str], None] = lambda _sentence: None) -> None:
        self._tell = tell
        self._told: set[str] = set()

    def tell(self, sentence: str) -> None:
        """Tell a sentence, unless it was told already."""
        if sentence not in self._told:
            self._told.add(sentence)
            self._tell(sentence)
