"""runs.csv: where a browser finds the MLflow runs of a search's trials."""

import csv
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from pipeline.journal.files import replacing

FILE_NAME = "runs.csv"


@dataclass(frozen=True)
class TrialRun:
    """The run of an attempt at a trial; its fields are the columns of the file.

    Attributes:
        trial: The trial.
        attempt: The attempt, from 0.
        run_id: MLflow's identifier of the run.
        page: The run's page at the tracking server, or at a plain `mlflow ui`.
    """

    trial: str
    attempt: int
    run_id: str
    page: str


_COLUMNS = [field.name for field in fields(TrialRun)]


def write_runs(directory: Path, runs: Iterable[TrialRun]) -> None:
    """Write the file anew.

    Args:
        directory: The search's folder.
        runs: Everything it shall hold.
    """
    with replacing(directory / FILE_NAME) as file:
        lines = [",".join(_COLUMNS), *(_line(run) for run in runs)]
        file.write("".join(f"{line}\n" for line in lines).encode())


def append_run(directory: Path, run: TrialRun) -> None:
    """Add a run to the file, which must exist.

    Args:
        directory: The search's folder.
        run: The run.
    """
    with (directory / FILE_NAME).open("a", encoding="utf-8", newline="") as file:
        file.write(f"{_line(run)}\n")


def read_pages(directory: Path) -> dict[str, str]:
    """Return the page of each trial's run.

    Args:
        directory: The search's folder.

    Returns:
        The page of the newest attempt, by the trial; none where nothing was delivered to MLflow. A
        last line that was not written to its end does not count.
    """
    path = directory / FILE_NAME
    if not path.exists():
        return {}
    text = path.read_text(encoding="utf-8")
    rows = csv.DictReader(text[: text.rfind("\n") + 1].splitlines())
    ordered = sorted(rows, key=lambda row: int(row["attempt"]))
    return {row["trial"]: row["page"] for row in ordered}


def _line(run: TrialRun) -> str:
    return ",".join(map(str, astuple(run)))  # none of them holds a comma
