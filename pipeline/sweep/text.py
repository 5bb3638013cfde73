"""A sweep's comparison in words: its title and conclusions, as a table and in Markdown."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from pipeline.sweep.standings import Row

_NUMBERS = ("seed", "trials", "failed", "epochs", "seconds", "best score")
_DESCRIPTION_LENGTH = 8000  # MLflow's limit for a tag's value


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
    dataset, model = common(rows, "dataset"), common(rows, "model")
    objective, direction = common(rows, "objective"), common(rows, "direction")
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


def common(rows: Sequence[Row], name: str) -> str | None:
    """Return what a column has in all rows; None if they differ."""
    values = {getattr(row, name) for row in rows}
    return values.pop() if len(values) == 1 else None


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


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
