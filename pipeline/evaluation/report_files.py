"""The files of a report: numbers, tables and pictures."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from pipeline.journal.tables import csv_text


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON that any reader takes: no NaN, no infinity."""
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table as CSV that a spreadsheet opens safely."""
    path.write_text(csv_text(columns, rows), encoding="utf-8", newline="")


def save_figure(path: Path, figure: Figure) -> None:
    """Save a figure that has a layout engine, with which `savefig` would draw it twice."""
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.execute(figure)
    with mpl.rc_context({"figure.autolayout": False, "figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)
    figure.savefig(path)
