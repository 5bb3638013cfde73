"""A sweep's searches side by side, when all jobs of a Hydra multirun have ended."""

import csv
import io
import json
import re
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict, fields
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

from pipeline.callbacks import Status
from pipeline.files import replacing
from pipeline.standings import Job, Row, forget_jobs, note_job, rank, read_jobs, rows_of, withdraw
from pipeline.sweeps import identifier

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NUMBERS = ("seed", "trials", "failed", "epochs", "seconds", "best score")
_DESCRIPTION_LENGTH = 8000  # MLflow's limit for a tag's value


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
              _target_: pipeline.comparison.Comparison
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
        directory: The sweep's folder, with the jobs' notes; `comparison.csv`, `comparison.json`
            and `best_score.png` are written there.
        tracking_uri: Where MLflow is.
        console: Where the table is printed.

    Returns:
        The searches, best of each dataset and objective first.
    """
    jobs = read_jobs(directory)
    rows = rank(rows_of(jobs))
    console.print(table(rows))
    for row in rows:
        if row.reason is not None:
            console.print(Text(f"{row.label}: {row.reason}", style="red"))
    for sentence in conclusions(rows):
        console.print(Text(sentence, style="bold"))
    files = write_files(rows, directory)
    console.print(Text(f"The comparison is in {directory}"), soft_wrap=True)
    experiments = [job.experiment for job in jobs if job.directory and job.experiment]
    if experiments:
        _track(rows, files, tracking_uri, experiments[0], identifier(directory))
    return rows


def table(rows: Sequence[Row]) -> Table:
    """Return the searches as a table; what they have in common is in its title."""
    layout: dict[str, Any] = {"box": box.SIMPLE_HEAD, "padding": (0, 1, 0, 0)}
    result = Table(title=title(rows), title_justify="left", **layout)
    columns = _columns(rows)
    for name in columns:
        if name in _NUMBERS:
            result.add_column(name, justify="right", no_wrap=True)
        else:
            result.add_column(name, overflow="fold")
    for index, line in enumerate(zip(*columns.values(), strict=True)):
        last = index + 1 == len(rows) or rows[index + 1].group != rows[index].group
        style = "bold green" if rows[index].best else "red" if rows[index].reason else None
        result.add_row(*(Text(cell) for cell in line), style=style, end_section=last)
    return result


def markdown(rows: Sequence[Row]) -> str:
    """Return the table and its conclusions in Markdown, at most 8000 characters."""
    columns = _columns(rows)
    lines = [f"**{title(rows)}**\n", *(f"{sentence}\n" for sentence in conclusions(rows))]
    lines += ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for cells in zip(*columns.values(), strict=True):
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    lines += [f"\n{row.label}: {row.reason}" for row in rows if row.reason is not None]
    text = "\n".join(lines)
    while len(text) > _DESCRIPTION_LENGTH:
        lines.pop()
        text = "\n".join([*lines, "\nThe rest is in comparison.csv."])
    return text


def title(rows: Sequence[Row]) -> str:
    """Say what the searches have in common."""
    dataset, model = _common(rows, "dataset"), _common(rows, "model")
    objective, direction = _common(rows, "objective"), _common(rows, "direction")
    text = "1 search" if len(rows) == 1 else f"{len(rows)} searches"
    text += f" on {dataset}" if dataset else ""
    text += f" with {model}" if model else ""
    return text + (f" by {objective} ({direction})" if objective and direction else "")


def conclusions(rows: Sequence[Row]) -> list[str]:
    """Say which search is the best of each dataset and objective, one sentence each."""
    sentences = []
    for row in rows:
        if row.best:
            result = row.test_result
            tested = "" if result is None else f", test {row.test_metric} {_number(result)}"
            sentences.append(
                f"Best on {row.dataset}: {row.label}, "
                f"{row.objective} {_number(row.best_score)} ({row.direction}){tested}"
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
    files = [directory / "comparison.csv", directory / "comparison.json"]
    tested = sorted({name for row in rows for name in row.test or {}})
    names = [field.name for field in fields(Row) if field.name not in ("test", "curve")]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    with replacing(files[0]) as file:
        writer.writerow([*names, *(f"test_{name}" for name in tested)])
        for row in rows:
            values = {name: getattr(row, name) for name in names} | {"varied": " ".join(row.varied)}
            writer.writerow([*values.values(), *((row.test or {}).get(name) for name in tested)])
        file.write(text.getvalue().encode())
    content = {"conclusions": conclusions(rows), "searches": [asdict(row) for row in rows]}
    with replacing(files[1]) as file:
        file.write(json.dumps(content, indent=2).encode() + b"\n")
    if any(row.curve for row in rows):
        files.append(directory / "best_score.png")
        with replacing(files[2]) as file:
            draw(rows).savefig(file, format="png", dpi=120)
    return files


def draw(rows: Sequence[Row]) -> "Figure":
    """Draw the best score so far against the epochs trained, a line for each search.

    Searches on other data or objectives get axes of their own. Scores are on a logarithmic scale
    where they are positive and span more than a factor of 20.

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
    figure = Figure(figsize=(9, 4.5 * len(groups)), layout="constrained")
    axes = figure.subplots(len(groups), squeeze=False)[:, 0]
    for axis, group in zip(axes, groups.values(), strict=True):
        _draw_group(axis, group)
    return figure


def _draw_group(axis: Any, group: Sequence[Row]) -> None:
    for index, row in enumerate(group):
        epochs, scores = zip(*row.curve, strict=True)
        (line,) = axis.step(
            epochs,
            scores,
            where="post",
            linestyle=("-", "--", ":", "-.")[index // 10 % 4],
            linewidth=2.5 if row.best else 1.5,
            label=f"{row.label} (best)" if row.best else row.label,
        )
        axis.plot(epochs[-1], scores[-1], "o", color=line.get_color(), markersize=5)
    shown = [score for row in group for _, score in row.curve]
    if min(shown) > 0 and max(shown) > 20 * min(shown):
        axis.set_yscale("log")
    better = "higher" if group[0].direction == "max" else "lower"
    axis.set(
        title=title(group),
        xlabel="epochs trained",
        ylabel=f"best {group[0].objective} so far ({better} is better)",
    )
    axis.set_xlim(left=0)
    axis.grid(alpha=0.3)
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


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
        Exception: Whatever MLflow raises if it cannot be reached or refuses.
    """
    from pipeline.tracking.store import connect  # before mlflow: it sets how MLflow behaves

    from mlflow.entities import Metric  # isort: skip

    store = connect(uri, experiment)
    client = store.client
    name = "-".join(filter(None, ("comparison", _common(rows, "dataset"), _common(rows, "model"))))
    run = store.find_comparison(sweep) or client.create_run(
        store.experiment, tags=_tags(rows, sweep), run_name=name
    )
    run_id: str = run.info.run_id
    now = run.info.start_time  # the same when it is told again, which then doubles nothing
    try:
        for row in rows:
            metrics = [Metric(key, value, now, step) for key, value, step in _metrics(row)]
            client.log_batch(run_id, metrics=metrics)
        for path in files:
            client.log_artifact(run_id, str(path))
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")
    return run_id


def _track(
    rows: Sequence[Row], files: Sequence[Path], uri: str, experiment: str, sweep: str
) -> None:
    """Log the comparison; say so if MLflow is away, as the table and the files are there."""
    from pipeline.tracking.store import hide

    try:
        log_comparison(rows, files, uri=uri, experiment=experiment, sweep=sweep)
    except Exception as error:  # MLflow's, and those of the databases and stores behind it
        reason = hide(uri, " ".join(f"{type(error).__name__}: {error}".split()))[:300]
        sys.stderr.write(f"The comparison was not logged to MLflow: {reason}\n")


def _tags(rows: Sequence[Row], sweep: str) -> dict[str, str]:
    best = [row for row in rows if row.best]
    datasets = {row.dataset for row in best}
    tags = {
        "pipeline.kind": "comparison",
        "pipeline.sweep": sweep,
        "pipeline.status": str(Status.COMPLETED),
        "mlflow.note.content": markdown(rows),
    }
    for name in ("strategy", "dataset", "model", "objective", "direction"):
        if value := _common(rows, name):
            tags[f"pipeline.{name}"] = value
    for row in best:
        # Several groups on one dataset differ in something that the label tells.
        group = row.dataset if len(datasets) == len(best) else row.label
        suffix = f".{_key(str(group))}" if len(best) > 1 else ""
        tags[f"pipeline.best_search{suffix}"] = str(row.search)
    return tags


def _metrics(row: Row) -> list[tuple[str, float, int]]:
    """Return (name, value, step) of what a search's row says in numbers."""
    if row.search is None:
        return []
    label = _key(row.label)
    curve = [(f"best_score/{label}", score, epochs) for epochs, score in row.curve]
    tested = [(f"test_{name}/{label}", value, 0) for name, value in (row.test or {}).items()]
    spent = [(f"epochs_trained/{label}", float(row.epochs_trained), 0)]
    return [*curve, *tested, *spent, (f"seconds/{label}", row.seconds, 0)]


def _key(text: str) -> str:
    """Return a text as part of an MLflow key: letters, digits and `_-. ` only, 200 at most."""
    return re.sub(r"[^\w\-. ]", "_", text)[:200]


def _job(config: DictConfig, job_return: JobReturn) -> Job:
    outcome = job_return.return_value
    direction = _value(config, "objective.direction")
    return Job(
        number=config.hydra.job.num,
        # Where it is tracked decides no result, and a tracking URI may hold a password.
        overrides=[o for o in job_return.overrides or () if not o.startswith("tracking.")],
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
    results = [
        "-" if row.test_result is None else f"{row.test_metric} {_number(row.test_result)}"
        for row in rows
    ]
    return columns | {
        "trials": [str(row.trials) for row in rows],
        "failed": [str(row.failed) for row in rows],
        "epochs": [str(row.epochs_trained) for row in rows],
        "seconds": [f"{row.seconds:.1f}" for row in rows],
        "best score": [_number(row.best_score) for row in rows],
        "test result": results,
    }


def _common(rows: Sequence[Row], name: str) -> str | None:
    values = {getattr(row, name) for row in rows}
    return values.pop() if len(values) == 1 else None


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _value(config: DictConfig, key: str) -> Any:
    """Return a value of a configuration that may be wrong; None if it has none."""
    return OmegaConf.select(config, key, throw_on_resolution_failure=False)


def _sweep_directory(config: DictConfig) -> Path:
    return Path(config.hydra.runtime.cwd, config.hydra.sweep.dir)
