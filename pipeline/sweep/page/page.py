"""The report of a sweep as one file that needs nothing else."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pipeline.journal.files import REPORT_FILE, replacing
from pipeline.report.rendering import Embedded, embedded, fill
from pipeline.report.summary import Fact
from pipeline.report.tables import TableRow
from pipeline.sweep.page import tables
from pipeline.sweep.page.conclusions import (
    conclusions,
    no_conclusion,
    sentences,
    unfinished,
)
from pipeline.sweep.page.groups import Group, groups_of, scoreless, status_of
from pipeline.sweep.page.pictures import pictures_of
from pipeline.sweep.standings import Standing, Standings
from pipeline.sweep.text import title
from pipeline.terminal.wording import duration, number

FILE_NAME = "comparison.html"

_MOST_BESTS = 3


@dataclass(frozen=True)
class _Part:
    """What the page shows of some searches.

    Attributes:
        heading: Which these are.
        columns: Titles of their table's columns.
        rows: Their table.
        pictures: Their pictures; none without a score.
        conclusions: What they show; None if nothing is to be concluded.
        no_conclusion: What to say then.
    """

    heading: str
    columns: list[str]
    rows: list[TableRow]
    pictures: list[Embedded]
    conclusions: list[str]
    no_conclusion: str


def write_comparison(sweep: Standings, path: Path) -> Path:
    """Write the report of a sweep; an earlier one is replaced at once.

    Args:
        sweep: The sweep, ended or not.
        path: The file.

    Returns:
        The file.

    Raises:
        StorageError: The file cannot be written.
    """
    text = render_comparison(sweep, path.parent)
    with replacing(path) as file:
        file.write(text.encode())
    return path


def render_comparison(sweep: Standings, folder: Path) -> str:
    """Return the report of a sweep as HTML that needs no other file and no network.

    Args:
        sweep: The sweep, ended or not.
        folder: Where the page will be, from which it leads to the reports of the searches.

    Returns:
        The page.
    """
    searches, groups = sweep.searches, groups_of(sweep.searches)
    reports = _reports(searches, folder)
    parts = [_part(group, place, sweep, reports) for place, group in enumerate(groups)]
    if others := scoreless(searches):
        columns = tables.search_columns(others, reports)
        rows = tables.search_rows(others, reports)
        parts.append(_Part("Searches without a score", columns, rows, [], [], ""))
    return fill(
        "comparison.html",
        heading=title(sweep.rows),
        sweep=sweep.sweep,
        states=_states(searches),
        facts=_facts(searches, groups),
        sentences=sentences(sweep),
        unfinished=unfinished(searches),
        groups=parts,
        columns=tables.trial_columns(searches, groups),
        rows=tables.trial_rows(searches, groups),
    )


def _part(group: Group, place: int, sweep: Standings, reports: dict[str, str]) -> _Part:
    return _Part(
        heading=f"Searches on {group.where}" if group.where else "Searches",
        columns=tables.search_columns(group.searches, reports),
        rows=tables.search_rows(group.searches, reports),
        pictures=[embedded(picture) for picture in pictures_of(group, place)],
        conclusions=conclusions(group, sweep),
        no_conclusion=no_conclusion(group),
    )


def _states(searches: tuple[Standing, ...]) -> list[tuple[str, str]]:
    """Return how many searches stand how: (`3 completed`, `completed`)."""
    counted = Counter(status_of(search) for search in searches)
    return [(f"{many} {status}", status) for status, many in counted.items()]


def _facts(searches: tuple[Standing, ...], groups: list[Group]) -> list[Fact]:
    rows = [search.row for search in searches]
    bests = [
        Fact(f"best {row.objective}", number(row.best_score), row.label)
        for row in (group.rows[0] for group in groups[:_MOST_BESTS])
        if row.best_score is not None
    ]
    failed = sum(row.failed for row in rows)
    return [
        *bests,
        Fact("searches", str(len(rows)), ", ".join(told for told, _ in _states(searches))),
        Fact("trials", str(sum(row.trials for row in rows)), f"{failed} failed"),
        Fact("epochs trained", str(sum(row.epochs_trained for row in rows))),
        Fact("time of all searches", duration(sum(row.seconds for row in rows))),
    ]


def _reports(searches: tuple[Standing, ...], folder: Path) -> dict[str, str]:
    """Return where the reports of the searches are, seen from a folder."""
    files = {
        search.row.label: search.directory / REPORT_FILE
        for search in searches
        if search.directory is not None
    }
    return {
        label: quote(Path(os.path.relpath(path, folder)).as_posix())
        for label, path in files.items()
        if path.is_file()
    }
