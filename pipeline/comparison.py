"""A sweep's searches side by side: Hydra calls this when all jobs of a multirun have ended."""

import csv
import json
import os
import re
import sys
import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline import history
from pipeline.callbacks import Record, SearchBegin, SearchEnd, Status
from pipeline.history import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FILES = ("comparison.csv", "comparison.json", "best_score.png")
_JOBS = "jobs"
_GROUPS = ("strategy", "dataset", "model")
_DESCRIPTION_LENGTH = 8000  # MLflow's limit for a tag's value


class Comparison(Callback):  # type: ignore[misc]
    """Compares the searches of a multirun: table, files and one MLflow run; idle in single runs.

    Every job leaves a note in the sweep's folder, so that launchers which run jobs in other
    processes are compared too. Hydra turns what a callback raises into a warning, which is easily
    overlooked: a comparison that fails prints its traceback and ends the command with exit code 1.
    The searches themselves are unharmed, as their journals are complete by then.

    Example:
        hydra:
          callbacks:
            comparison:
              _target_: pipeline.comparison.Comparison
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Remove the notes of an earlier sweep in the same folder."""
        for path in _sweep_directory(config).glob(f"{_JOBS}/*.json"):
            path.unlink()

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:  # noqa: ARG002
        """Note how a job ended."""
        # A job that raised has no outcome; Hydra ends the sweep with its exception.
        if config.hydra.mode == RunMode.MULTIRUN and job_return.status is JobStatus.COMPLETED:
            job = _job(config, job_return)
            folder = _sweep_directory(config) / _JOBS
            folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps(asdict(job), indent=2)
            (folder / f"{job.number}.json").write_text(text, encoding="utf-8")

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ARG002
        """Print the table, write the files, and log the MLflow run."""
        directory = _sweep_directory(config)
        console = Console(quiet=_value(config, "verbose") == 0)
        try:
            compare(directory, tracking_uri=_value(config, "tracking.uri"), console=console)
        except Exception as error:
            traceback.print_exc()
            raise SystemExit(
                f"error: the sweep's searches could not be compared: {error}"
            ) from error


def compare(directory: Path, *, tracking_uri: str | None, console: Console) -> list[Row]:
    """Compare the searches of a sweep.

    Args:
        directory: The sweep's folder, with the jobs' notes; `comparison.csv`, `comparison.json`
            and `best_score.png` are written there.
        tracking_uri: Where MLflow is; None: MLFLOW_TRACKING_URI, else `sqlite:///mlflow.db`.
        console: Where the table is printed.

    Returns:
        The searches, the best of each dataset and objective first.
    """
    jobs = read_jobs(directory)
    rows = rank(rows_of(jobs))
    console.print(table(rows))
    for row in rows:
        if row.reason is not None:
            console.print(Text(f"{row.label}: {row.reason}"))
    for sentence in conclusions(rows):
        console.print(Text(sentence), style="bold")
    files = write_files(rows, directory)
    console.print(Text(f"comparison: {directory / _FILES[0]}"), soft_wrap=True)
    began = [job for job in jobs if job.directory is not None]
    if began and began[0].experiment is not None:
        _track(rows, files, tracking_uri, began[0].experiment, directory.name)
    return rows


def table(rows: Sequence[Row]) -> Table:
    """Return the searches as a table; what they have in common is in its title."""
    result = Table(title=title(rows), title_justify="left", box=box.SIMPLE_HEAD)
    columns = _columns(rows)
    for name, values in columns.items():
        number = all(re.match(r"[-\d.–]", value) for value in values)
        result.add_column(name, justify="right" if number else "left", overflow="fold")
    for index, cells in enumerate(zip(*columns.values(), strict=True)):
        last = index + 1 == len(rows) or rows[index + 1].group != rows[index].group
        style = "bold green" if rows[index].best else "red" if rows[index].reason else None
        result.add_row(*(Text(cell) for cell in cells), style=style, end_section=last)
    return result


def markdown(rows: Sequence[Row]) -> str:
    """Return the table and its conclusions in Markdown, at most 8000 characters."""
    columns = _columns(rows)
    escaped = [
        [cell.replace("|", r"\|") for cell in cells]
        for cells in zip(*columns.values(), strict=True)
    ]
    head = [
        f"**{title(rows)}**\n",
        *(f"{sentence}\n" for sentence in conclusions(rows)),
        f"| {' | '.join(columns)} |",
        f"|{'---|' * len(columns)}",
    ]
    lines = head + [f"| {' | '.join(cells)} |" for cells in escaped]
    lines += [f"\n{row.label}: {row.reason}" for row in rows if row.reason is not None]
    closing = "\nThe rest is in comparison.csv."
    text = "\n".join(lines)
    while len(text) > _DESCRIPTION_LENGTH:
        lines.pop()
        text = "\n".join(lines) + closing
    return text


def title(rows: Sequence[Row]) -> str:
    """Say what the searches have in common."""
    common = {name: _common(rows, name) for name in ("dataset", "model", "objective", "direction")}
    text = f"{len(rows)} searches" if len(rows) != 1 else "1 search"
    text += f" on {common['dataset']}" if common["dataset"] else ""
    text += f" with {common['model']}" if common["model"] else ""
    text += f" by {common['objective']} ({common['direction']})" if common["objective"] else ""
    return text


def conclusions(rows: Sequence[Row]) -> list[str]:
    """Say which search is the best of each dataset and objective, one sentence each."""
    sentences = []
    for row in rows:
        if row.best and row.best_score is not None:
            result = row.test_result
            tested = "" if result is None else f", test {row.test_metric} {_number(result)}"
            sentences.append(
                f"Best on {row.dataset}: {row.label}, {row.objective} {_number(row.best_score)} "
                f"({row.direction}){tested}"
            )
    return sentences or ["No search has a result."]


def write_files(rows: Sequence[Row], directory: Path) -> list[Path]:
    """Write `comparison.csv`, `comparison.json`, and `best_score.png` if there is a score.

    Args:
        rows: The searches.
        directory: The sweep's folder.

    Returns:
        The files.
    """
    table_path, json_path, plot_path = (directory / name for name in _FILES)
    tested = sorted({name for row in rows for name in row.test or {}})
    with table_path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = [name for name in Row.__dataclass_fields__ if name not in ("test", "curve")]
        writer.writerow([*names, *(f"test_{name}" for name in tested)])
        for row in rows:
            values = {name: getattr(row, name) for name in names} | {"varied": " ".join(row.varied)}
            writer.writerow([*values.values(), *((row.test or {}).get(name) for name in tested)])
    content = {"conclusions": conclusions(rows), "searches": [asdict(row) for row in rows]}
    json_path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    if not any(row.curve for row in rows):
        return [table_path, json_path]
    draw(rows).savefig(plot_path, dpi=120)
    return [table_path, json_path, plot_path]


def draw(rows: Sequence[Row]) -> "Figure":
    """Draw the best score so far against the epochs trained, a line for each search.

    Searches on other data or objectives get axes of their own. The scores are on a logarithmic
    scale where they are positive and span more than a factor of 20.

    Args:
        rows: The searches; at least one has a curve.

    Returns:
        The figure.
    """
    from matplotlib.figure import Figure

    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if row.curve:
            groups.setdefault(row.group, []).append(row)
    figure = Figure(figsize=(8, 4.5 * len(groups)), layout="constrained")
    axes = figure.subplots(len(groups), squeeze=False)[:, 0]
    for axis, group in zip(axes, groups.values(), strict=True):
        for index, row in enumerate(group):
            epochs, scores = zip(*row.curve, strict=True)
            line = axis.step(
                epochs,
                scores,
                where="post",
                linestyle=("-", "--", ":", "-.")[index // 10 % 4],
                linewidth=2.5 if row.best else 1.5,
                label=f"{row.label} (best)" if row.best else row.label,
            )
            axis.plot(epochs[-1], scores[-1], "o", color=line[0].get_color(), markersize=5)
        shown = [score for row in group for _, score in row.curve]
        if min(shown) > 0 and max(shown) > 20 * min(shown):
            axis.set_yscale("log")
        first = group[0]
        better = "higher" if first.direction == "max" else "lower"
        axis.set(
            xlabel="epochs trained",
            ylabel=f"best {first.objective} so far ({better} is better)",
            title=title(group),
        )
        axis.set_xlim(left=0)
        axis.grid(alpha=0.3)
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return figure


def log_comparison(
    rows: Sequence[Row], files: Sequence[Path], *, uri: str, experiment: str, sweep: str
) -> str:
    """Log a comparison as one MLflow run.

    Its metrics are `best_score/LABEL`, whose steps are the epochs trained, `epochs_trained/LABEL`,
    `seconds/LABEL` and `test_METRIC/LABEL`.

    Args:
        rows: The searches.
        files: What becomes artifacts.
        uri: The tracking server or database.
        experiment: Name of the experiment; made if it does not exist.
        sweep: Identifier of the sweep.

    Returns:
        The run's id.

    Raises:
        mlflow.exceptions.MlflowException: MLflow cannot be reached or refuses.
    """
    import time

    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client = MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    experiment_id = found.experiment_id if found else client.create_experiment(experiment)
    name = "-".join(filter(None, ("comparison", _common(rows, "dataset"), _common(rows, "model"))))
    run_id: str = client.create_run(
        experiment_id, tags=_tags(rows, sweep), run_name=name
    ).info.run_id
    now = int(time.time() * 1000)
    try:
        for row in rows:
            metrics = [Metric(*metric[:2], now, metric[2]) for metric in _metrics(row)]
            client.log_batch(run_id, metrics=metrics)
        for path in files:
            client.log_artifact(run_id, str(path))
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")
    return run_id


def _track(
    rows: Sequence[Row], files: Sequence[Path], uri: str | None, experiment: str, sweep: str
) -> None:
    """Log the comparison; say so if MLflow is away, as the table and the files are there."""
    from mlflow.exceptions import MlflowException

    from pipeline.tracking import redact

    uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    try:
        log_comparison(rows, files, uri=uri, experiment=experiment, sweep=sweep)
    except (MlflowException, OSError) as error:
        reason = redact(" ".join(str(error).split()))[:300]
        sys.stderr.write(f"The comparison was not logged to MLflow: {reason}\n")


def _tags(rows: Sequence[Row], sweep: str) -> dict[str, str]:
    common = {
        f"pipeline.{name}": _common(rows, name) for name in (*_GROUPS, "objective", "direction")
    }
    best = [row for row in rows if row.best]
    several = len({row.dataset for row in best}) > 1
    winners = {
        f"pipeline.best_search{f'.{_key(str(row.dataset))}' if several else ''}": row.search
        for row in best
    }
    tags = {
        "pipeline.kind": "comparison",
        "pipeline.sweep": sweep,
        "pipeline.status": str(Status.COMPLETED),
        "mlflow.note.content": markdown(rows),
        **common,
        **winners,
    }
    return {name: value for name, value in tags.items() if value is not None}


def _metrics(row: Row) -> list[tuple[str, float, int]]:
    """Return (name, value, step) of everything a search's row says in numbers."""
    if row.search is None:
        return []
    label = _key(row.label)
    tested = [(f"test_{name}/{label}", value, 0) for name, value in (row.test or {}).items()]
    return [
        *((f"best_score/{label}", score, epochs) for epochs, score in row.curve),
        (f"epochs_trained/{label}", float(row.epochs_trained), 0),
        (f"seconds/{label}", row.seconds, 0),
        *tested,
    ]


def _key(text: str) -> str:
    """Return a text as part of an MLflow key: letters, digits and `_-. ` only, 200 at most."""
    return re.sub(r"[^\w\-. ]", "_", text)[:200]


def _job(config: DictConfig, job_return: JobReturn) -> Job:
    outcome = job_return.return_value
    direction = _value(config, "objective.direction")
    return Job(
        number=config.hydra.job.num,
        overrides=list(job_return.overrides or ()),
        strategy=_value(config, "choices.strategy"),
        dataset=_value(config, "choices.dataset"),
        model=_value(config, "choices.model"),
        seed=_value(config, "seed"),
        objective=_value(config, "objective.name"),
        direction=getattr(direction, "value", direction),
        experiment=_value(config, "tracking.experiment"),
        exit_code=outcome.exit_code,
        message=outcome.message,
        directory=None if outcome.directory is None else str(Path(outcome.directory).resolve()),
    )


def _columns(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Return the table's columns; what all searches have in common has none."""
    columns = {
        "": ["best" if row.best else "" for row in rows],
        "strategy": [str(row.strategy) for row in rows],
    }
    for name in ("dataset", "model", "seed", "objective"):
        if len({getattr(row, name) for row in rows}) > 1:
            columns[name] = [str(getattr(row, name)) for row in rows]
    if any(row.varied for row in rows):
        columns["varied"] = [" ".join(row.varied) for row in rows]
    columns |= {
        "trials": [str(row.trials) for row in rows],
        "failed": [str(row.failed) for row in rows],
        "epochs": [str(row.epochs_trained) for row in rows],
        "seconds": [f"{row.seconds:.1f}" for row in rows],
        "best score": [_number(row.best_score) for row in rows],
        "test result": [
            "–" if row.test_result is None else f"{row.test_metric} {_number(row.test_result)}"
            for row in rows
        ],
    }
    return columns


def _common(rows: Sequence[Row], name: str) -> str | None:
    values = {getattr(row, name) for row in rows}
    return values.pop() if len(values) == 1 else None


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _value(config: DictConfig, key: str) -> Any:
    """Return a value of a configuration that may be wrong; None if it has none."""
    return OmegaConf.select(config, key, throw_on_resolution_failure=False)


def _sweep_directory(config: DictConfig) -> Path:
    return Path(config.hydra.runtime.cwd) / config.hydra.sweep.dir
