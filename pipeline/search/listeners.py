"""Whoever is told of a search's events, opened in its folder and closed when it is over."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from pipeline.journal.callbacks import SearchCallback
from pipeline.journal.history import Journal
from pipeline.report.renewal import Reporting
from pipeline.search.garbage import GarbageCollection
from pipeline.terminal.closing import tell_missing_report, tell_undelivered, tell_waiting
from pipeline.terminal.progress import Progress
from pipeline.terminal.wording import count
from pipeline.tracking import Delivery, Tracking

_REPORT_SECONDS = 60.0  # a process that takes longer has been stopped, or hangs


@dataclass(frozen=True)
class Listeners:
    """The callbacks of a search.

    Attributes:
        directory: The search's folder.
        console: Where they say what is left to do.
        journal: Told first: the others are made from it.
        tracking: Shows the search in MLflow.
        progress: The terminal.
        reporting: Has the report renewed; None if nobody wants it while the search runs.
        callbacks: All of them, in the order they are told.
    """

    directory: Path
    console: Console
    journal: Journal
    tracking: Tracking
    progress: Progress
    reporting: Reporting | None
    callbacks: tuple[SearchCallback, ...]

    @classmethod
    def of(
        cls,
        directory: Path,
        console: Console,
        tracking: Tracking,
        progress: Progress,
        pruning: SearchCallback,
        spending: SearchCallback,
        *,
        report_seconds: float | None,
    ) -> "Listeners":
        """Open the journal, and gather the others around it.

        Args:
            directory: The search's folder.
            console: Where they say what is left to do.
            tracking: Shows the search in MLflow.
            progress: The terminal.
            pruning: Follows the trials.
            spending: Follows what they cost.
            report_seconds: How often the report is renewed; None has it not renewed.

        Returns:
            The listeners.

        Raises:
            StorageError: The journal cannot be written.
        """
        journal = Journal(directory)
        told = (journal, pruning, spending, tracking, progress, GarbageCollection())
        if report_seconds is None:
            return cls(directory, console, journal, tracking, progress, None, told)
        reporting = Reporting(directory, every_seconds=report_seconds)
        return cls(directory, console, journal, tracking, progress, reporting, (*told, reporting))

    def close(self) -> Delivery:
        """Let them finish, and say what is left to do.

        Returns:
            What became of the records on their way to MLflow.
        """
        self.progress.close()
        self.journal.close()
        if self.reporting is not None:  # what MLflow lacks is delivered meanwhile
            reason = self.reporting.close(
                _REPORT_SECONDS, waits=lambda: tell_waiting(self.console, "the report")
            )
            tell_missing_report(self.console, self.directory, reason)
        return deliver(self.tracking, self.directory, self.console)


def deliver(tracking: Tracking, directory: Path, console: Console) -> Delivery:
    """Wait until MLflow has everything, or will not have it now; say what is left to do.

    Args:
        tracking: It has started.
        directory: The search's folder.
        console: Where that is said.

    Returns:
        What became of the records on their way.
    """
    delivery = tracking.close(
        waits=lambda left: tell_waiting(console, f"MLflow, which lacks {count(left, 'record')}")
    )
    tell_undelivered(console, directory, delivery)
    return delivery
