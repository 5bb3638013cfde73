"""What the columns of a table are for, as the loader was told."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.configuration.config import did_you_mean
from pipeline.datasets.table_file import not_columns

_LISTS = ("drop", "categorical", "text", "keep")
_SINGLE = ("weight", "group", "time")


@dataclass(frozen=True)
class ColumnRoles:
    """The settings that name columns, as they were received.

    Attributes:
        target: What is predicted: a column, or several in a list.
        drop: Columns to leave out.
        categorical: Columns whose numbers are codes of categories.
        text: Columns of text, of which the words count.
        weight: The column of weights, or None.
        group: The column whose equal values stay together, or None.
        time: The column that orders the rows, or None.
        keep: Which of `weight`, `group` and `time` are inputs as well.
    """

    target: str | Sequence[str]
    drop: Sequence[str]
    categorical: Sequence[str]
    text: Sequence[str]
    weight: str | None
    group: str | None
    time: str | None
    keep: Sequence[str]

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict."""
        given = self.target
        return (given,) if isinstance(given, str) or not isinstance(given, Sequence) else (*given,)

    def inputs(self, columns: Sequence[str]) -> list[str]:
        """Return those of a table's columns that the model is given."""
        apart = {*self.targets, *self.drop, *(set(self._single().values()) - {*self.keep})}
        return [name for name in columns if name not in apart]

    def read(self, columns: Sequence[str]) -> list[str]:
        """Return those of a table's columns that are read at all."""
        used = {*self.inputs(columns), *self.targets, *self._single().values()}
        return [name for name in columns if name in used]

    def as_text(self) -> set[str]:
        """Return the columns that are read as text, whatever the file has in them."""
        apart = {self.group} - {None, *self.keep}
        return {*self.categorical, *self.text, *(name for name in apart if name is not None)}

    def check(self, path: Path, columns: Sequence[str]) -> None:
        """Raise a ValueError that tells all in which the settings do not fit a table.

        Args:
            path: Where the table is.
            columns: Its columns.
        """
        for setting in _LISTS:
            names = getattr(self, setting)
            if isinstance(names, str) or not isinstance(names, Sequence):
                raise ValueError(f"{setting} must be a list of columns, received {names!r}")
        if not self.targets:
            raise ValueError("target must be a column or a list of columns, received []")
        if problems := [*self._unknown(path, columns), *self._contradictions(columns)]:
            raise ValueError("; ".join(problems))
        if not self.inputs(columns):
            target = self.targets[0] if len(self.targets) == 1 else [*self.targets]
            told = {"drop": [*self.drop], **self._single()}
            rest = " and ".join(f"{setting} {value!r}" for setting, value in told.items())
            raise ValueError(f"{path} has no column besides the target {target!r} and {rest}")

    def _single(self) -> dict[str, str]:
        named = {setting: getattr(self, setting) for setting in _SINGLE}
        return {setting: name for setting, name in named.items() if name is not None}

    def _unknown(self, path: Path, columns: Sequence[str]) -> Iterator[str]:
        single = {setting: (name,) for setting, name in self._single().items()}
        yield from not_columns(path, columns, {"the target": self.targets, **single})
        for setting in _LISTS:
            if unknown := [name for name in getattr(self, setting) if name not in columns]:
                questions = [did_you_mean(str(name), columns).strip() for name in unknown]
                told = " ".join(filter(None, questions))
                asked = f" ({told})" if told else ""
                yield f"{setting} lists {unknown}{asked}, but the columns are {[*columns]}"

    def _contradictions(self, columns: Sequence[str]) -> Iterator[str]:
        single = self._single()
        for setting in _LISTS:
            listed = getattr(self, setting)
            for name in (target for target in self.targets if target in listed):
                yield f"{setting} must not list the target {name!r}"
        if twice := sorted({name for name in self.targets if self.targets.count(name) > 1}):
            yield f"target lists {twice} twice"
        taken = [("target", name) for name in self.targets] + [("drop", name) for name in self.drop]
        for (other, name), (setting, same) in itertools.combinations([*taken, *single.items()], 2):
            if name == same and setting in single:
                yield f"{name!r} cannot be both {other} and {setting}"
        if both := [name for name in self.text if name in self.categorical]:
            yield f"{both} must be listed under text or categorical, not both"
        if "group" in single and "time" in single:
            yield "group and time cannot both say how the rows are parted: give one of them"
        if apart := [n for n in self.keep if n in columns and n not in single.values()]:
            yield f"keep lists {apart}, but only columns of weight, group or time need it"
