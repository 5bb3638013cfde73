"""The jobs of a sweep, as each left a note of itself in the sweep's folder."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.journal.files import replacing

_JOBS = "jobs"


@dataclass(frozen=True)
class Job:
    """One job of a sweep: what it was asked to do, and how it ended.

    Attributes:
        number: Position in the sweep, from 0.
        overrides: What the sweep set for it, for example `["strategy=grid", "seed=1"]`.
        strategy: Choice of the `strategy` group.
        dataset: Choice of the `dataset` group.
        model: Choice of the `model` group.
        seed: Seed of its search.
        objective: Name of the metric that is optimised.
        direction: `min` or `max`.
        experiment: The MLflow experiment of its search.
        exit_code: As in the command line: 0 if its search completed.
        message: One sentence on why it did not complete; None if it did.
        directory: Its search's folder; None if the search never began.
    """

    number: int
    overrides: list[str]
    strategy: str | None
    dataset: str | None
    model: str | None
    seed: int | None
    objective: str | None
    direction: str | None
    experiment: str | None
    exit_code: int
    message: str | None
    directory: str | None


def forget_jobs(directory: Path) -> None:
    """Remove the notes that an earlier sweep left in the same folder."""
    for path in directory.glob(f"{_JOBS}/*.json"):
        path.unlink()


def withdraw(directory: Path) -> None:
    """Remove what a sweep of which no search began has left: its notes and Hydra's copy."""
    forget_jobs(directory)
    (directory / "multirun.yaml").unlink(missing_ok=True)
    for folder in (directory / _JOBS, directory, *directory.parents[:3]):
        try:
            folder.rmdir()
        except FileNotFoundError:  # no job got as far as a note
            continue
        except OSError:  # not empty: somebody else's
            return


def note_job(job: Job, directory: Path) -> None:
    """Leave a note of a job in the sweep's folder; `read_jobs` finds it, in any process."""
    folder = directory / _JOBS
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / f"{job.number}.json") as file:
        file.write(json.dumps(asdict(job), indent=2).encode())


def read_jobs(directory: Path) -> list[Job]:
    """Read the notes of a sweep's jobs, in the sweep's order."""
    paths = directory.glob(f"{_JOBS}/*.json")
    jobs = [Job(**json.loads(path.read_text(encoding="utf-8"))) for path in paths]
    return sorted(jobs, key=lambda job: job.number)
