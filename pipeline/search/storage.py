"""Where searches live: a folder each, its lock, and the one that a command continues."""

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from pipeline.configuration.config import ConfigError, Resume
from pipeline.configuration.overrides import decisive
from pipeline.journal.arrays import check_arrays
from pipeline.journal.callbacks import SearchBegin, Status
from pipeline.journal.files import DamagedFileError, replacing
from pipeline.journal.history import FILE_NAME, History, JournalError, fold, follow, read
from pipeline.search.deaths import revived
from pipeline.search.identity import changed_modules, has_same_settings, is_same_search
from pipeline.search.trial_files import FOLDER

_RUNNING = "running"  # a file that a process leaves behind if it dies


@dataclass(frozen=True)
class Folder:
    """The folder of one search, held by this process alone.

    Attributes:
        path: The folder; its name is the search's identifier.
        past: What earlier processes did of this search; None if it starts now.
        only_undelivered: Whether they did all of it, and the last one died on its way to MLflow.
        changed: Which of the user's modules changed since an earlier search, in a sentence.
    """

    path: Path
    past: History | None
    only_undelivered: bool
    changed: str | None = None


@contextmanager
def open_folder(storage: Path, begin: SearchBegin, resume: Resume) -> Iterator[Folder]:
    """Hold the folder of a search: one of the same fingerprint that can go on, or a new one.

    Args:
        storage: Where searches live.
        begin: The search that is about to start.
        resume: `auto` continues a search if there is one that can go on, `must` fails if there is
            none, `never` always starts a new one.

    Yields:
        The folder. No other process can hold it until the block ends, however it ends.

    Raises:
        ConfigError: Another process runs the search, one of its files is damaged, `resume=must`
            found none, or the storage cannot be written.
    """
    past = None if resume is Resume.never else find_continued(storage, begin)
    if past is None and resume is Resume.must:
        raise ConfigError(
            f"resume=must found no unfinished search of this configuration in {storage}; "
            "allowed: resume=auto, which starts a new one"
        )
    changed = None if resume is Resume.never else _told_of_change(storage, past, begin)
    path = storage / (past.begin.search if past else new_identifier(begin.name))
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"storage={storage} must be a folder that can be written: {error.strerror}"
        ) from error
    lock = FileLock(path / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ConfigError(
            f"the search {path.name} is being run by another process; wait for it, or start one "
            "beside it with resume=never"
        ) from error
    try:
        # Its last process may have told more between our first look and its end.
        past = past and _read_all(path)
        done = past is not None and past.finished and not _extends(begin, past)
        (path / _RUNNING).touch()
        try:
            yield Folder(path, past, done, changed)
        finally:
            (path / _RUNNING).unlink()
    finally:
        lock.release()


def find_continued(storage: Path, begin: SearchBegin) -> History | None:
    """Return the newest search of the same fingerprint, if it can go on.

    It can if it has not finished, if it completed and its budget was smaller, if it failed because
    its processes died and more deaths are allowed now, or if its process died before MLflow had
    all of it. If nothing but its final model is to be made, the user's modules may have changed.

    Args:
        storage: Where searches live.
        begin: The search that is about to start.

    Returns:
        The search so far; None if there is none that can go on.

    Raises:
        ConfigError: A journal is damaged, so that nobody can tell whose it is.
    """
    for journal in _newest_first(storage):
        with _telling_damage(journal.parent):
            first = next((record for _, record in follow(journal.parent)), None)
            if first is None:  # the process died while it wrote the first record
                continue
            if not isinstance(first, SearchBegin):
                raise JournalError(f"{journal} does not begin with a search")
            if not has_same_settings(first, begin):
                continue
            past = read(journal.parent)
            if is_same_search(first, begin) and is_same_search(past.begin, begin):
                died = (journal.parent / _RUNNING).exists()
                return past if not past.finished or died or _extends(begin, past) else None
            if _lacks_only_its_model(past) and not _extends(begin, past):
                return past
    return None


def _lacks_only_its_model(past: History) -> bool:
    """Whether all trials are done: what ended the final training may have been mended since."""
    done = past.end is not None and past.end.status is Status.COMPLETED
    return done and not past.finished


def _told_of_change(storage: Path, past: History | None, begin: SearchBegin) -> str | None:
    """Say which of the user's modules changed since the same command's last search.

    Args:
        storage: Where searches live.
        past: The search that is continued; None if one starts.
        begin: The search that is about to start.

    Returns:
        A sentence; None if they make no difference.
    """
    if past is not None:
        names = ", ".join(changed_modules(past.begin, begin))
        return f"{names} changed since the trials were run" if names else None
    asked = decisive(begin.overrides)
    for journal in _newest_first(storage):
        try:
            past = read(journal.parent)
        except (JournalError, OSError):  # told by what looks for a search to continue
            continue
        if past.begin.modules is not None and decisive(past.begin.overrides) == asked:
            names = ", ".join(changed_modules(past.begin, begin))
            if past.finished or not names:
                return None
            return f"{names} changed since {past.begin.search}, which is not continued"
    return None


def _newest_first(storage: Path) -> list[Path]:
    journals = [path for path in storage.glob(f"*/{FILE_NAME}") if path.is_file()]
    return sorted(journals, key=lambda path: path.stat().st_mtime, reverse=True)


def find_ended(storage: Path, begin: SearchBegin) -> History | None:
    """Return the search of the same sweep that a job asks for, if it has ended.

    Args:
        storage: Where searches live.
        begin: The search that is about to start.

    Returns:
        The search, which completed or failed; None if there is none.
    """
    if begin.sweep is None:
        return None
    for journal in storage.glob(f"*/{FILE_NAME}"):
        try:
            first = next((record for _, record in follow(journal.parent)), None)
            if not isinstance(first, SearchBegin) or not has_same_settings(first, begin):
                continue
            records = [record for _, record in follow(journal.parent)]
            past = fold(records)
            if not is_same_search(past.begin, begin):
                continue
        except (JournalError, OSError):  # told by what looks for a search to continue
            continue
        asked = (record for record in records if isinstance(record, SearchBegin))
        if any(_is_same_job(record, begin) for record in asked) and _has_ended(past, begin):
            return past
    return None


def _is_same_job(one: SearchBegin, other: SearchBegin) -> bool:
    """Whether two beginnings of searches with the same fingerprint are of one job of a sweep."""
    return one.sweep == other.sweep and decisive(one.overrides) == decisive(other.overrides)


def _has_ended(past: History, begin: SearchBegin) -> bool:
    """Whether a job need not run again."""
    if past.end is not None and past.end.status is Status.FAILED:
        # A wrong configuration may have been mended since.
        return not past.end.wrong_configuration and not _extends(begin, past)
    return past.finished and not _extends(begin, past)


def _extends(begin: SearchBegin, past: History) -> bool:
    """Whether a search has a larger budget than an earlier one that used its own up."""
    assert past.end is not None
    if past.end.status is not Status.COMPLETED:
        return revived(past, begin.config.get("max_attempts")) is not past
    if past.end.out_of_time:
        seconds, before = (b.config["max_seconds"] for b in (begin, past.begin))
        return seconds is None or seconds > before
    trials, before = begin.total_trials, past.begin.total_trials
    return before is not None and (trials is None or trials > before)


def _read_all(folder: Path) -> History:
    """Read the journal of a search that goes on, and make sure that its other files are whole."""
    with _telling_damage(folder):
        past = read(folder)
        for path in sorted((folder / FOLDER).glob("*/*.npz")):
            if not path.name.startswith("checkpoint-"):
                check_arrays(path)
    for path in sorted((folder / FOLDER).glob("*/checkpoint-*.npz")):
        try:
            check_arrays(path)
        except DamagedFileError as error:
            raise ConfigError(
                f"storage: {error}; remove it, and its trial starts again from its first epoch"
            ) from error
    return past


@contextmanager
def _telling_damage(folder: Path) -> Iterator[None]:
    try:
        yield
    except (JournalError, DamagedFileError) as error:
        raise ConfigError(
            f"storage: {error}; remove {folder}, or start a new search with resume=never"
        ) from error


def new_identifier(name: str) -> str:
    """Return an identifier that sorts by time and is unique in a storage."""
    return f"{name}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def write_config(folder: Path, config: Mapping[str, Any], overrides: Sequence[str]) -> None:
    """Write the composed configuration and the command line's overrides, for people to read.

    Raises:
        StorageError: They cannot be written.
    """
    for name, content in (("config.yaml", config), ("overrides.yaml", list(overrides))):
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        with replacing(folder / name) as file:
            file.write(text.encode())
