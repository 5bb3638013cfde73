"""The journal: the append-only truth of a search, and the trials it tells of."""

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.callbacks import (
    EpochEnd,
    EvaluationEnd,
    Record,
    SearchBegin,
    SearchCallback,
    SearchEnd,
    Status,
    TrialBegin,
    TrialEnd,
)

FILE_NAME = "journal.jsonl"
_KINDS: dict[str, type[Record]] = {
    "search_begin": SearchBegin,
    "trial_begin": TrialBegin,
    "epoch_end": EpochEnd,
    "trial_end": TrialEnd,
    "search_end": SearchEnd,
    "evaluation_end": EvaluationEnd,
}
_KIND_NAMES = {record_type: kind for kind, record_type in _KINDS.items()}
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class JournalError(ValueError):
    """A journal holds something that no search wrote."""


class Journal(SearchCallback):
    """Appends every event of a search to its journal.

    Each record is one line of JSON, handed to the operating system at once, so that a process
    that dies loses nothing it had reported, and forced to the disk at every trial's boundary.

    Args:
        directory: The search's folder; it must exist.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / FILE_NAME
        _drop_torn_line(path)
        self._file = path.open("a", encoding="utf-8")

    def on_search_begin(self, record: SearchBegin) -> None:
        """Append the record and force it to the disk."""
        self._append(record, durable=True)

    def on_trial_begin(self, record: TrialBegin) -> None:
        """Append the record and force it to the disk."""
        self._append(record, durable=True)

    def on_epoch_end(self, record: EpochEnd) -> None:
        """Append the record."""
        self._append(record, durable=False)

    def on_trial_end(self, record: TrialEnd) -> None:
        """Append the record and force it to the disk."""
        self._append(record, durable=True)

    def on_search_end(self, record: SearchEnd) -> None:
        """Append the record and force it to the disk."""
        self._append(record, durable=True)

    def on_evaluation_end(self, record: EvaluationEnd) -> None:
        """Append the record and force it to the disk."""
        self._append(record, durable=True)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, record: Record, *, durable: bool) -> None:
        self._file.write(encode(record) + "\n")
        self._file.flush()
        if durable:
            os.fsync(self._file.fileno())


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One try at a trial, as the journal tells of it.

    Attributes:
        begin: How it started.
        epochs: Its epochs so far, in the order they were trained.
        end: How it ended, None while it runs or if the process died.
    """

    begin: TrialBegin
    epochs: tuple[EpochEnd, ...] = ()
    end: TrialEnd | None = None

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The values under evaluation, those that the training itself declared included."""
        declared = self.end.declared_values if self.end else {}
        return {**self.begin.hyperparameters, **declared}

    @property
    def completed(self) -> bool:
        """Whether it ended with a score."""
        return self.end is not None and self.end.status is Status.COMPLETED

    @property
    def finished(self) -> bool:
        """Whether the trial is over with this attempt: completed, or failed for good."""
        return self.end is not None and self.end.final and self.end.status != Status.INTERRUPTED

    def best_execution(self, objective: str, direction: str) -> int:
        """Return the execution that saw the objective's best value.

        Args:
            objective: Name of the metric.
            direction: `min` or `max`.

        Returns:
            Its index; 0 if no epoch reported a finite value.
        """
        sign = -1.0 if direction == "max" else 1.0
        seen = [
            (sign * epoch.logs[objective], epoch.execution)
            for epoch in self.epochs
            if math.isfinite(epoch.logs.get(objective, math.nan))
        ]
        return min(seen)[1] if seen else 0


@dataclasses.dataclass(frozen=True)
class History:
    """A search as its journal tells of it.

    Attributes:
        begin: The newest beginning (a continued search has several).
        attempts: Every attempt at every trial, in the order they started.
        end: The end of the loop, None while it runs.
        evaluation: The best model's test, None until it was made.
    """

    begin: SearchBegin
    attempts: tuple[Attempt, ...] = ()
    end: SearchEnd | None = None
    evaluation: EvaluationEnd | None = None

    def ranked(self) -> list[Attempt]:
        """Return the completed trials, best score first; equal scores keep their order."""
        completed = [attempt for attempt in self.attempts if attempt.completed]
        sign = -1.0 if self.begin.direction == "max" else 1.0
        return sorted(completed, key=lambda attempt: sign * _score(attempt))

    @property
    def finished(self) -> bool:
        """Whether the loop ended by itself and the best model was tested."""
        return (
            self.end is not None
            and self.end.status is not Status.INTERRUPTED
            and (self.evaluation is not None or self.end.best_trial is None)
        )


def read(directory: Path) -> History:
    """Read a search's journal.

    Args:
        directory: The search's folder.

    Returns:
        The search so far. A torn last line, left by a process that died while writing, is not
        part of it.

    Raises:
        FileNotFoundError: There is no journal in the folder.
        JournalError: A line is no record, or the journal does not start with a search.
    """
    return fold(record for _, record in follow(directory))


def fold(records: Iterable[Record]) -> History:
    """Gather records into the search they tell of.

    Args:
        records: The journal's records in order.

    Returns:
        The search.

    Raises:
        JournalError: The records do not start with a `SearchBegin`.
    """
    begin: SearchBegin | None = None
    end: SearchEnd | None = None
    evaluation: EvaluationEnd | None = None
    begins: dict[tuple[str, int], TrialBegin] = {}
    epochs: dict[tuple[str, int], list[EpochEnd]] = {}
    ends: dict[tuple[str, int], TrialEnd] = {}
    for record in records:
        match record:
            case SearchBegin():
                begin, end = record, None
            case TrialBegin():
                key = (record.trial, record.attempt)
                begins[key], epochs[key] = record, []
                ends.pop(key, None)
            case EpochEnd():
                epochs[record.trial, record.attempt].append(record)
            case TrialEnd():
                ends[record.trial, record.attempt] = record
            case SearchEnd():
                end = record
            case EvaluationEnd():
                evaluation = record
    if begin is None:
        raise JournalError("the journal tells of no search")
    attempts = tuple(Attempt(begins[key], tuple(epochs[key]), ends.get(key)) for key in begins)
    return History(begin, attempts, end, evaluation)


def follow(directory: Path, offset: int = 0) -> Iterator[tuple[int, Record]]:
    """Yield the records written so far, from a position on.

    Args:
        directory: The search's folder.
        offset: Where to start, in bytes: 0, or a position yielded before.

    Yields:
        The position behind the record, and the record.

    Raises:
        FileNotFoundError: There is no journal in the folder.
        JournalError: A complete line is no record.
    """
    path = directory / FILE_NAME
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            offset += len(line)
            try:
                record = decode(line.decode())
            except (ValueError, KeyError, TypeError) as error:
                raise JournalError(
                    f"{path} holds a line that is no record, ending at byte {offset}: {error}"
                ) from error
            yield offset, record


def encode(record: Record) -> str:
    """Return the record as one line of valid JSON (non-finite numbers become strings)."""
    fields = {"kind": _KIND_NAMES[type(record)], **dataclasses.asdict(record)}
    return json.dumps(_to_json(fields), allow_nan=False, separators=(",", ":"))


def decode(line: str) -> Record:
    """Return the record that `encode` made the line from.

    Args:
        line: One line of a journal.

    Returns:
        The record; fields that a newer version added are left out.

    Raises:
        ValueError: The line is not JSON, or is not of a known kind.
        TypeError: A field is missing.
    """
    fields = json.loads(line)
    kind = fields.pop("kind", None) if isinstance(fields, dict) else None
    if kind not in _KINDS:
        raise ValueError(f"expected a record of kind {', '.join(_KINDS)}; received {kind!r}")
    record_type = _KINDS[kind]
    known = {field.name for field in dataclasses.fields(record_type)}
    values = {name: value for name, value in fields.items() if name in known}
    for name in ("logs", "metrics"):
        if name in values:
            values[name] = {key: _to_float(value) for key, value in values[name].items()}
    if record_type in (TrialEnd, SearchEnd):
        values["status"] = Status(values["status"])
    return record_type(**values)


def _score(attempt: Attempt) -> float:
    assert attempt.end is not None
    assert attempt.end.score is not None
    return attempt.end.score


def _to_json(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    return value


def _to_float(value: float | str) -> float:
    return _NON_FINITE[value] if isinstance(value, str) else float(value)


def _drop_torn_line(path: Path) -> None:
    """Cut off what a process that died while writing left behind the last complete line."""
    if not path.exists():
        return
    content = path.read_bytes()
    complete = content.rfind(b"\n") + 1
    if complete < len(content):
        with path.open("r+b") as file:
            file.truncate(complete)
