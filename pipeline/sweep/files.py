"""The files of a sweep's comparison: table, record and picture."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.journal.files import replacing
from pipeline.journal.tables import csv_text
from pipeline.sweep.standings import Row
from pipeline.sweep.text import conclusions, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    columns = [*names, *(f"test_{name}" for name in tested)]
    with replacing(files[0]) as file:
        file.write(csv_text(columns, [_values(row, names, tested) for row in rows]).encode())
    content = {"conclusions": conclusions(rows), "searches": [asdict(row) for row in rows]}
    with replacing(files[1]) as file:
        file.write(json.dumps(content, indent=2).encode() + b"\n")
    if any(row.curve for row in rows):
        files.append(directory / "best_score.png")
        with replacing(files[2]) as file:
            draw(rows).savefig(file, format="png", dpi=120)
    return files


def _values(row: Row, names: Sequence[str], tested: Sequence[str]) -> list[Any]:
    values = {name: getattr(row, name) for name in names} | {"varied": " ".join(row.varied)}
    return [*values.values(), *((row.test or {}).get(name) for name in tested)]


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
