"""The journal: the append-only truth of a search, and the trials it tells of."""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.journal.attempts import Attempt, Told
from pipeline.journal.callbacks import (
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
from pipeline.journal.encoding import decode, encode
from pipeline.journal.files import StorageError, sync_folder, write_all

__all__ = [
    "FILE_NAME",
    "Attempt",
    "History",
    "Journal",
    "JournalError",
    "decode",
    "encode",
    "fold",
    "follow",
    "newest_beginning",
    "read",
]

FILE_NAME = "journal.jsonl"
_BEGINNING = b'{"kind":"search_begin",'  # as `encode` writes it


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
        if os.fstat(self._file).st_nlink == 0:  # what is written would be lost without a word
            gone = OSError(errno.ENOENT, "it was removed while the search ran")
            raise StorageError(self._path, gone)
        try:
            write_all(self._file, line)
            if durable:
                os.fsync(self._file)
        except OSError as error:
            os.truncate(self._file, self._length)  # what comes next must begin a line
            raise StorageError(self._path, error) from error
        self._length += len(line)


@dataclass(frozen=True)
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

    def lineage(self, attempt: Attempt) -> list[Attempt]:
        """Return an attempt, and before it those of the trials that it was promoted from."""
        completed = {one.begin.trial: one for one in self.attempts if one.completed}
        lineage = [attempt]
        while (parent := lineage[0].begin.lineage.get("parent")) is not None:
            lineage.insert(0, completed[parent])
        return lineage

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
    attempts: dict[tuple[str, int], Told] = {}
    for record in records:
        match record:
            case SearchBegin():
                begin, end, evaluation = record, None, None
            case TrialBegin():
                attempts.setdefault((record.trial, record.attempt), Told(record)).start(record)
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


def _begun(attempts: Mapping[tuple[str, int], Told], record: EpochEnd | TrialEnd) -> Told:
    try:
        return attempts[record.trial, record.attempt]
    except KeyError:
        raise JournalError(
            f"the journal tells of trial {record.trial} before it tells that it began"
        ) from None


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


def newest_beginning(directory: Path) -> SearchBegin | None:
    """Return how a search began last, without reading all that happened in between.

    Args:
        directory: The search's folder.

    Returns:
        The record; None if the journal has none.

    Raises:
        FileNotFoundError: There is no journal in the folder.
        JournalError: It is no record.
    """
    newest, offset = None, 0
    with (directory / FILE_NAME).open("rb") as file:
        for line in file:
            if line.startswith(_BEGINNING) and line.endswith(b"\n"):
                newest = offset
            offset += len(line)
    record = None if newest is None else next(follow(directory, newest))[1]
    return record if isinstance(record, SearchBegin) else None


def _score(attempt: Attempt) -> float:
    assert attempt.end is not None
    assert attempt.end.score is not None
    return attempt.end.score


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
