"""Sweeps made by hand: jobs whose searches are journals on the disk."""

from collections.abc import Iterable
from pathlib import Path

from pipeline.journal.callbacks import EvaluationEnd, Record, SearchEnd
from pipeline.sweep.jobs import Job
from pipeline.sweep.loading import of_jobs
from pipeline.sweep.standings import Standings
from tests import records
from tests.report.made import completed, number, trial

SPACE = (number("rate", 1e-4, 1e-1, sampling="log"), number("units", 8, 64, "Int", step=8))
SWEEP = "2026-11-26_10-00-00-abcd"


def trials(*scores: float | None, epochs: int = 2) -> list[list[Record]]:
    """A trial of so many epochs for each score, one after another; None is a failure."""
    return [
        trial(
            f"{index:04}",
            {"rate": 0.001 * (index + 1), "units": 8 + 8 * (index % 8)},
            score,
            epochs=epochs,
            **({} if score is not None else {"message": "ValueError: no"}),
        )
        for index, score in enumerate(scores)
    ]


def write_search(
    storage: Path,
    strategy: str,
    told: Iterable[list[Record]],
    *,
    end: SearchEnd | None = None,
    loss: float | None = None,
    **changes,
) -> Path:
    """Write the journal of a search; with a loss on test data it was tested."""
    name = f"search-{len(list(storage.glob('search-*')))}"
    directory = storage / name
    directory.mkdir(parents=True)
    begin = records.search_begin(
        search=name, strategy=strategy, sweep=SWEEP, space=list(SPACE), **changes
    )
    rest: list[Record] = [] if end is None else [end]
    if loss is not None:
        test = {"accuracy": 1 - loss / 10, "loss": loss}
        rest.append(EvaluationEnd("0000", False, 2, test, "loss", "m.keras"))
    records.write(directory, begin, *(record for one in told for record in one), *rest)
    return directory


def job(number: int, strategy: str, directory: Path | None, **changes) -> Job:
    fields = {
        "overrides": [f"strategy={strategy}"],
        "dataset": "digits",
        "model": "mlp",
        "seed": 0,
        "objective": "val_loss",
        "direction": "min",
        "experiment": "digits",
        "exit_code": 0,
        "message": None,
    }
    where = None if directory is None else str(directory)
    return Job(number=number, strategy=strategy, directory=where, **(fields | changes))


def sweep(folder: Path, searches: dict[str, list[list[Record]]], **losses: float) -> Standings:
    """A sweep of searches that completed and were tested, by strategy."""
    jobs = []
    for place, (strategy, told) in enumerate(searches.items()):
        loss = losses.get(strategy, 0.5)
        end = completed(best_trial="0000")
        directory = write_search(folder, strategy, told, end=end, loss=loss)
        jobs.append(job(place, strategy, directory))
    return of_jobs(folder / "sweeps" / SWEEP, jobs, ended=True)
