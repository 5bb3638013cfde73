"""What ends a search before its budget is used up."""

from pathlib import Path

from pipeline.training.failures import SentenceError, is_trials_own


class SearchError(SentenceError):
    """A search could not complete; the message says why in one sentence.

    Attributes:
        directory: The search's folder.
    """

    def __init__(self, message: str, directory: Path) -> None:
        super().__init__(message)
        self.directory = directory


class TooManyFailedError(SearchError):
    """Too many trials failed in a row; what completed before is as good as ever."""


def ends_search(failure: BaseException) -> bool:
    """Whether what a trial raised is more than its own failure, so that no other trial starts."""
    return isinstance(failure, SearchError) or not is_trials_own(failure)
