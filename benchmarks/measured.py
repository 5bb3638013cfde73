"""What a contender's process tells; light, as it imports it before its clock is read."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.work import Outcome


@dataclass(frozen=True)
class Measured:
    """An outcome with its times, on the clock that all processes share.

    Attributes:
        outcome: The outcome.
        imported: When the contender's module was imported.
        searched: When its search ended.
        first_trial: When the first training ended; None if there was none.
        megabytes: The most that the process had in memory, what it shares with others included.
    """

    outcome: Outcome
    imported: float
    searched: float
    first_trial: float | None
    megabytes: float


def work_file(folder: Path) -> Path:
    """Return where the process finds its work."""
    return folder / "work.pickle"


def outcome_file(folder: Path) -> Path:
    """Return where the process leaves what it has to tell."""
    return folder / "outcome.pickle"
