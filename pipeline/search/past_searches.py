"""The searches that a storage has: the one that a command continues, the job that has ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipeline.configuration.config import ConfigError
from pipeline.configuration.overrides import decisive
from pipeline.journal.callbacks import SearchBegin, Status
from pipeline.journal.files import DamagedFileError
from pipeline.journal.history import (
    FILE_NAME,
    History,
    JournalError,
    fold,
    follow,
    newest_beginning,
    read,
)
from pipeline.search.budget import is_raised
from pipeline.search.deaths import revived
from pipeline.search.identity import changed_modules, has_same_settings, is_same_search

RUNNING = "running"
"""A file with the fingerprint, which a process leaves behind in a search's folder if it dies."""

OVERRIDES_FILE = "overrides.yaml"
"""What was changed on the command line, for people to read."""


@dataclass(frozen=True)
class Past:
    """A search that earlier processes ran.

    Attributes:
        path: Its folder, which a user may have renamed.
        history: What they did.
    """

    path: Path
    history: History


def find_continued(storage: Path, begin: SearchBegin) -> Past | None:
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
        ConfigError: The journal of the search is damaged.
    """
    for journal in _newest_first(storage):
        first = _beginning(journal)
        if first is None and _is_damaged(journal) and _is_of_same_command(journal.parent, begin):
            with telling_damage(journal.parent):
                read(journal.parent)
        if first is None or not has_same_settings(first, begin):
            continue
        with telling_damage(journal.parent):
            past = Past(journal.parent, read(journal.parent))
        if is_same_search(first, begin) and is_same_search(past.history.begin, begin):
            died = (past.path / RUNNING).exists()
            goes_on = not past.history.finished or died or extends(begin, past.history)
            return past if goes_on else None
        if _lacks_only_its_model(past.history) and not extends(begin, past.history):
            return past
    return None


def unreadable(storage: Path) -> list[Path]:
    """Return the folders whose journal does not begin with a search, so that whose it is is lost.

    Args:
        storage: Where searches live.

    Returns:
        The folders.
    """
    return [journal.parent for journal in _newest_first(storage) if _is_damaged(journal)]


def _is_damaged(journal: Path) -> bool:
    """Whether a journal begins with no search, although a process lived to write its first line."""
    with journal.open("rb") as file:
        return file.readline().endswith(b"\n") and _beginning(journal) is None


def _is_of_same_command(folder: Path, begin: SearchBegin) -> bool:
    """Whether what a search was asked for, which stands beside its journal, is asked for now."""
    try:
        given = yaml.safe_load((folder / OVERRIDES_FILE).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        return False
    return isinstance(given, list) and decisive(given) == decisive(begin.overrides)


def _beginning(journal: Path) -> SearchBegin | None:
    """Return what opens a journal; None if that is no search."""
    try:
        first = next((record for _, record in follow(journal.parent)), None)
    except JournalError:
        return None
    return first if isinstance(first, SearchBegin) else None


def _lacks_only_its_model(past: History) -> bool:
    """Whether all trials are done: what ended the final training may have been mended since."""
    done = past.end is not None and past.end.status is Status.COMPLETED
    return done and not past.finished


def told_of_change(storage: Path, past: History | None, begin: SearchBegin) -> str | None:
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
            begun = newest_beginning(journal.parent)
            if begun is None or begun.modules is None or decisive(begun.overrides) != asked:
                continue
            past = read(journal.parent)
        except (JournalError, OSError):  # told by what looks for a search to continue
            continue
        names = ", ".join(changed_modules(begun, begin))
        if past.finished or not names:
            return None
        return f"{names} changed since {begun.search}, which is not continued"
    return None


def _newest_first(storage: Path) -> list[Path]:
    journals = [path for path in storage.glob(f"*/{FILE_NAME}") if path.is_file()]
    return sorted(journals, key=lambda path: path.stat().st_mtime, reverse=True)


def find_ended(storage: Path, begin: SearchBegin) -> Past | None:
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
            first = _beginning(journal)
            if first is None or not has_same_settings(first, begin):
                continue
            records = [record for _, record in follow(journal.parent)]
            past = fold(records)
            if not is_same_search(past.begin, begin):
                continue
        except (JournalError, OSError):  # told by what looks for a search to continue
            continue
        asked = (record for record in records if isinstance(record, SearchBegin))
        if any(_is_same_job(record, begin) for record in asked) and _has_ended(past, begin):
            return Past(journal.parent, past)
    return None


def _is_same_job(one: SearchBegin, other: SearchBegin) -> bool:
    """Whether two beginnings of searches with the same fingerprint are of one job of a sweep."""
    return one.sweep == other.sweep and decisive(one.overrides) == decisive(other.overrides)


def _has_ended(past: History, begin: SearchBegin) -> bool:
    """Whether a job need not run again."""
    if past.end is not None and past.end.status is Status.FAILED:
        # A wrong configuration may have been mended since.
        return not past.end.wrong_configuration and not extends(begin, past)
    return past.finished and not extends(begin, past)


def extends(begin: SearchBegin, past: History) -> bool:
    """Whether a search has a larger budget than an earlier one that used its own up."""
    assert past.end is not None
    if past.end.status is not Status.COMPLETED:
        return revived(past, begin.config.get("max_attempts")) is not past
    if past.end.out_of_time or past.end.limit is not None:
        return is_raised(past.end.limit or "seconds", past.begin, begin)
    trials, before = begin.total_trials, past.begin.total_trials
    return before is not None and (trials is None or trials > before)


@contextmanager
def telling_damage(folder: Path) -> Iterator[None]:
    """Say which of a search's files is damaged, and what to do."""
    try:
        yield
    except (JournalError, DamagedFileError) as error:
        raise ConfigError(
            f"storage: {error}; remove {folder}, or start a new search with resume=never"
        ) from error
