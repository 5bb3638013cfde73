"""The journal: the append-only truth of a search, and the trials it tells of."""

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
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
from pipeline.files import StorageError, sync_folder

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

    Raises:
        StorageError: The file cannot be written; so do the hooks.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
            self._length = _drop_torn_line(self._path)
            sync_folder(directory)
        except OSError as error:
            raise StorageError(self._path, error) from error

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
        os.close(self._file)

    def _append(self, record: Record, *, durable: bool) -> None:
        line = encode(record).encode() + b"\n"
        try:
            _write_all(self._file, line)
            if durable:
                os.fsync(self._file)
        except OSError as error:
            os.truncate(self._file, self._length)  # what comes next must begin a line
            raise StorageError(self._path, error) from error
        self._length += len(line)


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One try at a trial, as the journal tells of it.

    Attributes:
        begin: How it started.
        epochs: Its epochs so far, in the order they were trained, each once.
        end: How it ended, None while it runs or if the process died.
        deaths: How many processes in a row began or continued it, did not live to tell how it
            ended, and trained no epoch that the one before had not; 1 for one that did. A process
            that is still at it counts.
        seconds: Time spent on it by all processes, as far as they told.
    """

    begin: TrialBegin
    epochs: tuple[EpochEnd, ...] = ()
    end: TrialEnd | None = None
    deaths: int = 0
    seconds: float = 0.0

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
        JournalError: There is no `SearchBegin`, or a trial has no `TrialBegin`.
    """
    begin: SearchBegin | None = None
    end: SearchEnd | None = None
    evaluation: EvaluationEnd | None = None
    attempts: dict[tuple[str, int], _Told] = {}
    for record in records:
        match record:
            case SearchBegin():
                begin, end, evaluation = record, None, None
            case TrialBegin():
                attempts.setdefault((record.trial, record.attempt), _Told(record)).start(record)
            case EpochEnd():
                _begun(attempts, record).add(record)
            case TrialEnd():
                _begun(attempts, record).finish(record)
            case SearchEnd():
                end = record
            case EvaluationEnd():
                evaluation = record
    if begin is None:
        raise JournalError("the journal tells of no search")
    told = tuple(attempt.as_attempt() for attempt in attempts.values())
    return History(begin, told, end, evaluation)


def _begun(attempts: Mapping[tuple[str, int], "_Told"], record: EpochEnd | TrialEnd) -> "_Told":
    try:
        return attempts[record.trial, record.attempt]
    except KeyError:
        raise JournalError(
            f"the journal tells of trial {record.trial} before it tells that it began"
        ) from None


class _Told:
    """What the journal has told of one attempt so far."""

    def __init__(self, begin: TrialBegin) -> None:
        self._begin = begin
        self._end: TrialEnd | None = None
        self._epochs: dict[tuple[int, int], EpochEnd] = {}
        self._running = False
        self._deaths = 0
        self._seconds = 0.0
        self._started = self._latest = begin.time
        self._furthest = self._furthest_before = (-1, -1)  # execution and epoch

    def start(self, record: TrialBegin) -> None:
        """Note that a process begins or continues it."""
        self._deaths = self._deaths_so_far()
        self._seconds += self._latest - self._started
        self._begin, self._end, self._running = record, None, True
        self._started = self._latest = record.time
        self._furthest_before = self._furthest

    def add(self, record: EpochEnd) -> None:
        """Note an epoch.

        A process that continues tells epochs again. Unless it tells the same, what was known of
        the epoch and of those behind it is void.
        """
        position = (record.execution, record.epoch)
        known = self._epochs.get(position)
        if known is None or not _same_logs(known.logs, record.logs):
            for other in [other for other in self._epochs if other >= position]:
                del self._epochs[other]
            self._epochs[position] = record
        self._furthest = max(self._furthest, position)
        self._latest = record.time

    def finish(self, record: TrialEnd) -> None:
        """Note how it ended."""
        self._end, self._running, self._latest = record, False, record.time

    def as_attempt(self) -> Attempt:
        """Return it as it stands."""
        seconds = self._seconds + self._latest - self._started
        epochs = tuple(self._epochs.values())
        return Attempt(self._begin, epochs, self._end, self._deaths_so_far(), seconds)

    def _deaths_so_far(self) -> int:
        """Return the deaths, that of a process that told of no end included."""
        if not self._running:
            return self._deaths
        return 1 if self._furthest > self._furthest_before else self._deaths + 1


def _same_logs(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    return one.keys() == other.keys() and all(
        value == other[name] or (math.isnan(value) and math.isnan(other[name]))
        for name, value in one.items()
    )


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


def _write_all(file: int, content: bytes) -> None:
    """Write all of it: the system may take less at a time, if the disk is nearly full."""
    while content:
        content = content[os.write(file, content) :]


def _drop_torn_line(path: Path) -> int:
    """Cut off what a process that died while writing left behind the last complete line.

    Returns:
        The file's length.
    """
    content = path.read_bytes()
    complete = content.rfind(b"\n") + 1
    if complete < len(content):
        os.truncate(path, complete)
    return complete
