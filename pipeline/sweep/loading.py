"""A sweep's searches as they stand, loaded from its folder, or from MLflow alone."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.configuration.config import ConfigError
from pipeline.journal.callbacks import SearchBegin
from pipeline.journal.history import FILE_NAME as JOURNAL
from pipeline.journal.history import read
from pipeline.results.loading import is_run_id
from pipeline.sweep.continuation import FILE_NAME as SWEEP
from pipeline.sweep.continuation import Sweep, identifier
from pipeline.sweep.jobs import Job, read_jobs
from pipeline.sweep.standings import Row, Standing, Standings, gather, rank
from pipeline.terminal.quiet import quieten


def is_sweep(place: str | Path, uri: str | None = None) -> bool:
    """Whether something is a sweep's folder, or the id of a comparison's run in MLflow.

    Args:
        place: What may be one.
        uri: As of `load_sweep`.

    Raises:
        ValueError: It is a run's id, and the store cannot have it.
        ConnectionError: It is a run's id, and the store cannot be reached.
    """
    directory = Path(place)
    if directory.exists():
        has_notes = (directory / SWEEP).is_file() or bool(read_jobs(directory))
        return has_notes and not (directory / JOURNAL).exists()
    if not is_run_id(place):
        return False
    quieten()
    from pipeline.tracking.retrieval import kind_of_run

    return kind_of_run(str(place), uri) == "comparison"


def load_sweep(place: str | Path, uri: str | None = None) -> Standings:
    """Load the searches of a sweep that has ended, runs or was interrupted.

    Args:
        place: What `is_sweep`.
        uri: The tracking store of a run; by default `MLFLOW_TRACKING_URI`, else
            `sqlite:///mlflow.db`.

    Returns:
        The sweep as it stands now. What has not begun is not part of it.

    Raises:
        ValueError: No search of it has begun, a folder was given with an address, or MLflow does
            not have all of it; one sentence says why.
        ConnectionError: The store cannot be reached.
    """
    directory = Path(place)
    if not directory.exists():
        return _of_run(str(place), uri)
    if uri is not None:
        raise ConfigError(
            f"received the folder {place} and an address; an address goes with a run's id"
        )
    jobs = read_jobs(directory)
    jobs += _unnoted(directory, jobs)
    if not jobs:
        raise ConfigError(f"no search of the sweep in {place} has begun")
    has_file = (directory / SWEEP).is_file()
    return of_jobs(directory, jobs, ended=not has_file or Sweep.read(directory).ended)


def of_jobs(directory: Path, jobs: Sequence[Job], *, ended: bool) -> Standings:
    """Return a sweep as the searches of its jobs stand.

    Args:
        directory: The sweep's folder.
        jobs: Its jobs.
        ended: Whether all of them have ended.
    """
    return Standings(identifier(directory), tuple(rank(gather(jobs))), ended, directory)


def _unnoted(directory: Path, jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs that have left no note: they run, or their process died.

    Their searches are looked for where the sweep and its other searches are.
    """
    sweep = identifier(directory)
    known = {Path(job.directory) for job in jobs if job.directory is not None}
    storages = {path.parent for path in known} | {directory.resolve().parents[1]}
    found: list[tuple[Path, SearchBegin]] = []
    for journal in sorted(path for storage in storages for path in storage.glob(f"*/{JOURNAL}")):
        # Reading a journal takes long; most are of other sweeps.
        if journal.parent in known or sweep.encode() not in journal.read_bytes():
            continue
        begin = read(journal.parent).begin
        if begin.sweep == sweep:
            found.append((journal.parent, begin))
    found.sort(key=lambda one: one[1].time)
    first = max((job.number for job in jobs), default=-1) + 1
    return [_job(number, *one) for number, one in enumerate(found, start=first)]


def _job(number: int, directory: Path, begin: SearchBegin) -> Job:
    return Job(
        number=number,
        overrides=[item for item in begin.overrides if not item.startswith("tracking.")],
        strategy=begin.strategy,
        dataset=begin.dataset,
        model=begin.model,
        seed=begin.seed,
        objective=begin.objective,
        direction=begin.direction,
        experiment=None,
        exit_code=0,
        message=None,
        directory=str(directory),
    )


def _of_run(run_id: str, uri: str | None) -> Standings:
    from pipeline.tracking.comparisons import comparison_of_run

    kept = comparison_of_run(run_id, uri)
    rows = [_row(item) for item in kept.record["searches"]]
    searches = [
        Standing(row, kept.histories.get(row.search or ""), run=kept.pages.get(row.search or ""))
        for row in rows
    ]
    return Standings(kept.sweep, tuple(searches), ended=True)


def _row(item: dict[str, Any]) -> Row:
    """Return a row that went through JSON."""
    return replace(
        Row(**item),
        varied=tuple(item["varied"]),
        curve=tuple((epochs, score) for epochs, score in item["curve"]),
    )
