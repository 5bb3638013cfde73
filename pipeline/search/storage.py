"""Where searches live: a folder each, held by one process."""

import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from pipeline.configuration.config import ConfigError, Resume
from pipeline.journal.arrays import check_arrays
from pipeline.journal.callbacks import SearchBegin
from pipeline.journal.files import DamagedFileError, replacing
from pipeline.journal.history import FILE_NAME, History, read
from pipeline.search.past_searches import (
    OVERRIDES_FILE,
    RUNNING,
    Past,
    extends,
    find_continued,
    telling_damage,
    told_of_change,
    unreadable,
)
from pipeline.search.trial_files import FOLDER


@dataclass(frozen=True)
class Folder:
    """The folder of one search, held by this process alone.

    Attributes:
        path: The folder; its name is the search's identifier.
        past: What earlier processes did of this search; None if it starts now.
        only_undelivered: Whether they did all of it, and the last one died on its way to MLflow.
        told: What there is to say of earlier searches, each in a sentence.
    """

    path: Path
    past: History | None
    only_undelivered: bool
    told: tuple[str, ...] = ()


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
    told = [] if resume is Resume.never else _told(storage, past, begin)
    path = past.path if past else storage / new_identifier(begin.name)
    lock = _hold(path)
    if past is None and resume is Resume.auto:
        (path / RUNNING).write_text(begin.fingerprint)
        if (other := _begun_before(path, begin)) is not None:
            lock.release()
            shutil.rmtree(path)
            raise _is_run(other)
    try:
        # Its last process may have told more between our first look and its end.
        history = None if past is None else _read_all(path)
        done = history is not None and history.finished and not extends(begin, history)
        if not (path / RUNNING).exists():  # whose time says who was first
            (path / RUNNING).write_text(begin.fingerprint)
        try:
            yield Folder(path, history, done, tuple(told))
        finally:
            (path / RUNNING).unlink(missing_ok=True)  # somebody may have removed the folder
    finally:
        lock.release()


def _hold(path: Path) -> FileLock:
    """Make a search's folder, if it is a new one, and let no other process have it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"storage={path.parent} must be a folder that can be written: {error.strerror}"
        ) from error
    lock = FileLock(path / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise _is_run(path) from error
    return lock


def _begun_before(path: Path, begin: SearchBegin) -> Path | None:
    """Return the folder of an equal search that another process began a moment earlier.

    Both have looked for a search to continue before the other one's folder was there. Each shows
    its own before it looks again, so that the later one sees the earlier.
    """
    own = path / RUNNING
    for other in path.parent.glob(f"*/{RUNNING}"):
        try:
            earlier = (other.stat().st_mtime_ns, other) < (own.stat().st_mtime_ns, own)
            if not earlier or other.read_text() != begin.fingerprint:
                continue
            FileLock(other.parent / "lock").acquire(timeout=0).lock.release()  # it has died
        except FileNotFoundError:  # it has ended
            continue
        except Timeout:
            return other.parent
    return None


def _is_run(path: Path) -> ConfigError:
    return ConfigError(
        f"the search {path.name} is being run by another process; wait for it, or start one "
        "beside it with resume=never"
    )


def _told(storage: Path, past: Past | None, begin: SearchBegin) -> list[str]:
    """Return what there is to say of the searches in a storage, each in a sentence."""
    changed = told_of_change(storage, past.history if past else None, begin)
    lost = [
        f"{folder / FILE_NAME} does not begin with a search and is left out; remove {folder}"
        for folder in ([] if past else unreadable(storage))
    ]
    return [*([] if changed is None else [changed]), *lost]


def _read_all(folder: Path) -> History:
    """Read the journal of a search that goes on, and make sure that its other files are whole."""
    with telling_damage(folder):
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


def new_identifier(name: str) -> str:
    """Return an identifier that sorts by time and is unique in a storage."""
    return f"{name}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def write_config(folder: Path, config: Mapping[str, Any], overrides: Sequence[str]) -> None:
    """Write the composed configuration and the command line's overrides, for people to read.

    Raises:
        StorageError: They cannot be written.
    """
    for name, content in (("config.yaml", config), (OVERRIDES_FILE, list(overrides))):
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        with replacing(folder / name) as file:
            file.write(text.encode())
