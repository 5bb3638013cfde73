"""The report as one file that needs nothing else."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from pipeline.files import REPORT_FILE, replacing
from pipeline.history import History, read
from pipeline.report import summary, tables
from pipeline.report.conclusions import BEST, conclusions, no_conclusion
from pipeline.report.figures import pictures
from pipeline.report.layout import Picture
from pipeline.report.trials import failures_of
from pipeline.run_pages import read_pages
from pipeline.wording import count

_ENVIRONMENT = Environment(
    loader=PackageLoader("pipeline.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class _Drawn:
    """A picture as the page embeds it."""

    picture: Picture
    json: str | None

    @property
    def height(self) -> int:
        """Room to keep until it is drawn, in pixels."""
        return 0 if self.picture.figure is None else int(self.picture.figure.layout.height)


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
    drawn = [_Drawn(picture, _json(picture)) for picture in pictures(history)]
    rows = tables.leaderboard(history, links)
    return _ENVIRONMENT.get_template("page.html").render(
        begin=history.begin,
        state=summary.state_of(history),
        sentences=summary.sentences(history),
        facts=summary.facts(history),
        conclusions=conclusions(history),
        no_conclusion=no_conclusion(history),
        columns=tables.columns(history),
        best=[row for row in rows if row.cells[0].text][:BEST],
        rows=rows,
        drawn=[one for one in drawn if one.picture.name != "timeline"],
        timeline=drawn[-1],
        space=tables.space_rows(history),
        best_count=BEST,
        failures=failures_of(history),
        configuration=yaml.safe_dump(_plain(history.begin.config), sort_keys=False),
        dataset=yaml.safe_dump(_plain(history.begin.dataset_info), sort_keys=False),
        count=count,
        plotly=get_plotlyjs(),
    )


def _json(picture: Picture) -> str | None:
    """Return a figure as JSON that may stand in a script element."""
    if picture.figure is None:
        return None
    text: str = picture.figure.to_json(validate=False, engine="json")
    return text.replace("<", "\\u003c")


def _plain(value: object) -> object:
    """Return what a journal holds as plain data."""
    return json.loads(json.dumps(value, default=str))
