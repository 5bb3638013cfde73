"""Which trials and hyperparameters a picture shows where it cannot show all."""

from pipeline.journal.history import Attempt, History
from pipeline.report.layout import readable
from pipeline.report.trials import score_of, scored

MOST_LINES = 200
"""Trials in pictures that draw every trial by itself; more cannot be told apart."""

MOST_HYPERPARAMETERS = 6
"""Hyperparameters side by side in a picture."""

CHOSEN = "the most important as far as that is known"


def legible(history: History) -> tuple[list[Attempt], str]:
    """Return the trials that a picture can draw each by itself, best first, and which these are."""
    attempts = scored(history)
    low, high = readable([score_of(attempt) for attempt in attempts], history.begin.direction)
    usual = [attempt for attempt in attempts if low <= score_of(attempt) <= high]
    shown = usual[:MOST_LINES]
    return shown, best_of(shown, attempts)


def best_of(shown: list[Attempt], attempts: list[Attempt]) -> str:
    """Return which trials are shown: all, or so many of the best."""
    if len(shown) == len(attempts):
        return f"all {len(attempts)} trials"
    return f"the {len(shown)} best of {len(attempts)} trials"


def few(shown: list[str], names: list[str]) -> str:
    """Return which of the hyperparameters that differ are shown; empty if all are."""
    if len(shown) == len(names):
        return ""
    return f"Shown are {len(shown)} of {len(names)} hyperparameters, {CHOSEN}."
