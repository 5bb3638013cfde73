"""The report's tables of the data: what the columns were taken for, and the rows of each class."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Rows = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Data:
    """What a journal says of the data; both tables are empty where it says nothing.

    Attributes:
        kind: What the examples are of: `class`, or `label` where one may have several.
        columns: Of a table: name, what it was taken for, missing values, and what is in it.
        splits: The names of the splits.
        classes: For each class or label its name, and how many rows of each split are of it.
    """

    kind: str
    columns: Rows
    splits: tuple[str, ...]
    classes: Rows


def data_of(dataset_info: Mapping[str, Any]) -> Data:
    """Return what a search's journal says of the data.

    Args:
        dataset_info: As its beginning has it; those of earlier versions say less.
    """
    profile = dataset_info.get("profile") or {}
    counts: Mapping[str, list[int]] = profile.get("rows_of_classes") or {}
    names = profile.get("classes") or ()
    each = zip(*counts.values(), strict=True)
    return Data(
        kind="label" if profile.get("task") == "multilabel" else "class",
        columns=tuple(_column(facts) for facts in profile.get("columns") or ()),
        splits=tuple(counts),
        classes=tuple(
            (str(name), *map(str, rows)) for name, rows in zip(names, each, strict=False)
        ),
    )


def _column(facts: Mapping[str, Any]) -> tuple[str, ...]:
    return str(facts["name"]), str(facts["kind"]), str(facts["missing"] or ""), _content(facts)


def _content(facts: Mapping[str, Any]) -> str:
    for what in ("categories", "classes", "groups", "words"):
        if what in facts:
            return f"{facts[what]} {what}"
    if "least" not in facts:
        return ""
    return " to ".join(
        value if isinstance(value, str) else f"{value:.6g}"
        for value in (facts["least"], facts["greatest"])
    )
