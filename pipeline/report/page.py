"""The report as one file that needs nothing else."""

import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from pipeline.journal.attempts import distinct
from pipeline.journal.files import REPORT_FILE, replacing
from pipeline.journal.history import History, read
from pipeline.journal.runs import read_pages
from pipeline.report import pruning, summary, tables
from pipeline.report.conclusions import BEST, conclusions, no_conclusion
from pipeline.report.data import data_of
from pipeline.report.figures import pictures
from pipeline.report.rendering import embedded, fill
from pipeline.report.trials import failures_of, scored
from pipeline.terminal.wording import count

_WEB = ("http://", "https://")  # runs.csv may be anybody's


def write_report(
    directory: Path, output: Path | None = None, links: Mapping[str, str] | None = None
) -> Path:
    """Write the report of a search, finished or not; an earlier one is replaced at once.

    Args:
        directory: The search's folder, with its journal.
        output: The file; by default `report.html` in the search's folder.
        links: Addresses of the trials' MLflow runs, by trial; by default those in the folder.

    Returns:
        The file.

    Raises:
        FileNotFoundError: There is no journal in the folder.
        JournalError: The journal holds something that no search wrote.
        StorageError: The file cannot be written.

    Example:
        >>> write_report(Path("outputs/searches/digits-mlp-random-20261126-033432-d34c"))
    """
    path = directory / REPORT_FILE if output is None else output
    text = render(read(directory), read_pages(directory) if links is None else links)
    with replacing(path) as file:
        file.write(text.encode())
    return path


def render(history: History, links: Mapping[str, str]) -> str:
    """Return the report of a search as HTML that needs no other file and no network.

    Args:
        history: The search, finished or not.
        links: Addresses of the trials' MLflow runs, by trial, as far as they are known.

    Returns:
        The page.
    """
    drawn = {picture.name: embedded(picture) for picture in pictures(history)}
    confusion, timeline = drawn.pop("confusion", None), drawn.pop("timeline")
    pages = {trial: page for trial, page in links.items() if page.startswith(_WEB)}
    rows = tables.leaderboard(history, pages)
    best = {attempt.begin.trial for attempt in distinct(scored(history), BEST)}
    return fill(
        "search.html",
        begin=history.begin,
        state=summary.state_of(history),
        sentences=summary.sentences(history),
        facts=summary.facts(history),
        conclusions=conclusions(history),
        no_conclusion=no_conclusion(history),
        columns=tables.columns(history),
        best=[row for row in rows if row.cells[0].text in best],
        rows=rows,
        tested_columns=tables.tested_columns(history),
        tested=tables.tested_rows(history),
        confusion=confusion,
        drawn=list(drawn.values()),
        timeline=timeline,
        pruning=pruning.section(history),
        space=tables.space_rows(history),
        best_count=BEST,
        failures=failures_of(history),
        data=data_of(history.begin.dataset_info),
        configuration=yaml.safe_dump(_plain(history.begin.config), sort_keys=False),
        dataset=yaml.safe_dump(_plain(history.begin.dataset_info), sort_keys=False),
        count=count,
    )


def _plain(value: object) -> object:
    """Return what a journal holds as plain data."""
    return json.loads(json.dumps(value, default=str))
