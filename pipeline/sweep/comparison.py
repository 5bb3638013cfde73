"""A sweep's searches side by side, when all jobs of a Hydra multirun have ended."""

import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.text import Text

from pipeline.configuration.names import UNTIL_IT_IS_LOADED
from pipeline.journal.history import read
from pipeline.sweep.files import write_files
from pipeline.sweep.jobs import Job, forget_jobs, note_job, read_jobs, withdraw
from pipeline.sweep.loading import of_jobs
from pipeline.sweep.run import log_comparison
from pipeline.sweep.standings import Row, Standings
from pipeline.sweep.text import conclusions, table


class Comparison(Callback):
    """Compares the searches of a multirun: table, files and one MLflow run; idle in single runs.

    Every job leaves a note in the sweep's folder, so that launchers which run jobs in other
    processes are compared too. Hydra turns what a callback raises into a warning, which is easily
    overlooked: a comparison that fails prints its traceback and ends the command with exit code 1.
    The searches themselves are unharmed, as they are over by then.

    Example:
        hydra:
          callbacks:
            comparison:
              _target_: pipeline.sweep.comparison.Comparison
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Remove the notes of an earlier sweep in the same folder."""
        forget_jobs(_sweep_directory(config))

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:  # noqa: ARG002
        """Note how a job ended."""
        # A job that raised has no outcome: Hydra ends the sweep with its exception.
        if config.hydra.mode == RunMode.MULTIRUN and job_return.status is JobStatus.COMPLETED:
            note_job(_job(config, job_return), _sweep_directory(config))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Print the table, write the files, and log the MLflow run."""
        # A file or pipe is no terminal of 80 columns: the table need not be folded for it.
        width = None if sys.stdout.isatty() else 160
        console = Console(quiet=_value(config, "verbose") == 0, width=width)
        uri = _value(config, "tracking.uri")
        if not any(job.directory for job in read_jobs(_sweep_directory(config))):
            withdraw(_sweep_directory(config))  # each job has said why it did not begin
            return
        try:
            compare(_sweep_directory(config), tracking_uri=uri, console=console)
        except Exception as error:
            traceback.print_exc()
            raise SystemExit(f"error: the searches could not be compared: {error}") from error


def compare(directory: Path, *, tracking_uri: str, console: Console) -> list[Row]:
    """Compare the searches of a sweep.

    Args:
        directory: The sweep's folder, with the jobs' notes; `comparison.csv`, `comparison.json`,
            `best_score.png` and `comparison.html` are written there.
        tracking_uri: Where MLflow is.
        console: Where the table is printed.

    Returns:
        The searches, best of each dataset and objective first.
    """
    jobs = read_jobs(directory)
    sweep = of_jobs(directory, jobs, ended=True)
    rows = sweep.rows
    console.print(table(rows))
    for row in rows:
        if row.reason is not None:
            console.print(Text(f"{row.label}: {row.reason}", style="red"))
    for sentence in conclusions(rows):
        console.print(Text(sentence, style="bold"))
    experiments = [job.experiment for job in jobs if job.directory and job.experiment]
    pages = _search_pages(sweep.sweep, tracking_uri) if experiments else None
    files = [*write_files(rows, directory), _write_report(sweep, pages or {}, directory)]
    console.print(Text(f"The comparison is in {directory}"), soft_wrap=True)
    if pages is not None:
        with _telling(tracking_uri):
            log_comparison(
                rows, files, uri=tracking_uri, experiment=experiments[0], sweep=sweep.sweep
            )
    return rows


def _search_pages(sweep: str, uri: str) -> dict[str, str] | None:
    """Return the pages of the searches' runs in MLflow; None if it is away."""
    from pipeline.tracking.comparisons import pages_of_sweep

    with _telling(uri):
        return pages_of_sweep(sweep, uri)
    return None


def _write_report(sweep: Standings, pages: Mapping[str, str], directory: Path) -> Path:
    from pipeline.sweep.page import FILE_NAME, write_comparison

    searches = [replace(one, run=pages.get(one.row.search or "")) for one in sweep.searches]
    return write_comparison(replace(sweep, searches=tuple(searches)), directory / FILE_NAME)


@contextmanager
def _telling(uri: str) -> Iterator[None]:
    """Say so if MLflow is away, as the table and the files are there."""
    from pipeline.configuration.secrets import hide

    try:
        yield
    except Exception as error:  # MLflow's, and those of the databases and stores behind it
        reason = hide(uri, " ".join(f"{type(error).__name__}: {error}".split()))[:300]
        sys.stderr.write(f"The comparison was not logged to MLflow: {reason}\n")


def _job(config: DictConfig, job_return: JobReturn) -> Job:
    outcome = job_return.return_value
    direction = _value(config, "objective.direction")
    dataset, experiment = _names(config, outcome.directory)
    return Job(
        number=config.hydra.job.num,
        # Where it is tracked decides no result, and a tracking URI may hold a password.
        overrides=[o for o in job_return.overrides or () if not o.startswith("tracking.")],
        strategy=_name(config, "strategy"),
        dataset=dataset,
        model=_name(config, "model"),
        seed=_value(config, "seed"),
        objective=_value(config, "objective.name"),
        direction=getattr(direction, "value", direction),
        experiment=experiment,
        exit_code=outcome.exit_code,
        message=outcome.message,
        directory=None if outcome.directory is None else str(Path(outcome.directory).resolve()),
    )


def _names(config: DictConfig, directory: Path | None) -> tuple[str | None, str | None]:
    """Return what a job's dataset and experiment are called, which its search may have learnt."""
    dataset, experiment = _name(config, "dataset"), _value(config, "tracking.experiment")
    if dataset != UNTIL_IT_IS_LOADED:
        return dataset, experiment
    if directory is None:
        return _value(config, "dataset._target_"), experiment
    begin = read(directory).begin
    return begin.dataset, begin.config["tracking"]["experiment"]


def _name(config: DictConfig, group: str) -> str | None:
    """Return what a group's choice is called; in a configuration that is not ours, the choice."""
    name: str | None = _value(config, f"names.{group}") or _value(config, f"choices.{group}")
    return name


def _value(config: DictConfig, key: str) -> Any:
    """Return a value of a configuration that may be wrong; None if it has none."""
    return OmegaConf.select(config, key, throw_on_resolution_failure=False)


def _sweep_directory(config: DictConfig) -> Path:
    return Path(config.hydra.runtime.cwd, config.hydra.sweep.dir)
