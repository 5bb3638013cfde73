"""Arrays on the disk: made once, read by every later process; the oldest give way."""

import contextlib
import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock

from pipeline.journal.files import StorageError, replacing, sync_folder

_ENTRY = "entry.json"
_BLOCK = 1 << 24  # bytes read at once to check a file
Arrays = Sequence[np.ndarray]
Check = Callable[[Path, Mapping[str, Any]], bool]
"""Whether a file is what was written, given what the entry says of it."""


class ArraySpec(NamedTuple):
    """What an array will be."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Its size in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Entry:
    """What an entry holds.

    Attributes:
        arrays: Read-only memory maps.
        digests: Of each array's contents, 64 hexadecimal digits.
    """

    arrays: list[np.ndarray]
    digests: list[str]


def has_same_content(path: Path, head: Mapping[str, Any]) -> bool:
    """Whether a file's contents are those that were written; all of it is read."""
    return bool(_digest(path) == head["digest"])


def has_same_size(path: Path, head: Mapping[str, Any]) -> bool:
    """Whether a file is as large as what was written; nothing of it is read."""
    spec = ArraySpec(tuple(head["shape"]), np.dtype(head["dtype"]))
    return bool(path.stat().st_size == spec.nbytes)


class ArrayStore:
    """A folder of arrays, an entry for each thing that they were made of.

    Entries appear whole or not at all, and are checked when they are opened; one that is damaged is
    deleted, as it can be made again. Processes that want the same entry make it once.

    Args:
        folder: Where the entries are; made if need be.
        max_bytes: Size of all entries, above which those that were used least recently are deleted.
        check: How a file is checked.
    """

    def __init__(self, folder: Path, max_bytes: int, check: Check = has_same_content) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._check = check

    @contextlib.contextmanager
    def held(self, key: str) -> Iterator[None]:
        """Keep others from making an entry while this process does; a failure leaves nothing."""
        made = [path for path in (self._folder, *self._folder.parents) if not path.exists()]
        lock = self._folder / f".{key}.lock"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(self._folder, error) from error
        try:
            with FileLock(lock), _unlinked(lock):
                yield
        except BaseException:
            with contextlib.suppress(OSError):  # others may have written there
                for folder in made:
                    folder.rmdir()
            raise

    def fits(self, size: int) -> bool:
        """Whether an entry of so many bytes is within the limit."""
        return size <= self._max_bytes

    def open(self, key: str) -> Entry | None:
        """Return an entry; None if it is not there."""
        entry = self._folder / key
        try:
            heads = json.loads((entry / _ENTRY).read_bytes())
            if all(self._check(entry / head["file"], head) for head in heads):
                os.utime(entry / _ENTRY)
                arrays = [_map(entry / head["file"], head) for head in heads]
                return Entry(arrays, [head["digest"] for head in heads])
        except (FileNotFoundError, ValueError):  # it is not there, or no JSON
            pass
        shutil.rmtree(entry, ignore_errors=True)
        return None

    def made_once(self, key: str, specs: Sequence[ArraySpec], batches: Iterable[Arrays]) -> Entry:
        """Return an entry, made first if it is not there; whoever else wants it waits.

        Args:
            key: What stands for all that it is made of.
            specs: What its arrays will be.
            batches: Their values, as of `write`; not begun if it is there.

        Raises:
            StorageError: It cannot be written.
        """
        with self.held(key):
            entry = self.open(key)
            if entry is None:
                self.write(key, specs, batches)
                entry = self.open(key)
        assert entry is not None, "it was just written"
        return entry

    def write(self, key: str, specs: Sequence[ArraySpec], batches: Iterable[Arrays]) -> None:
        """Write an entry; `held` must hold its key.

        Args:
            key: What `open` finds it by.
            specs: What the entry's arrays will be.
            batches: The arrays' values, some rows after the other.

        Raises:
            StorageError: It cannot be written, for example because the disk is full.
        """
        temporary = self._folder / f".{key}.tmp"
        with _cleared(temporary), _told(temporary):
            temporary.mkdir()
            names = [f"{index}.bin" for index in range(len(specs))]
            digests = _write_files([temporary / name for name in names], batches)
            heads = [
                {"file": name, "digest": digest, "dtype": spec.dtype.name, "shape": spec.shape}
                for name, digest, spec in zip(names, digests, specs, strict=True)
            ]
            with replacing(temporary / _ENTRY) as file:
                file.write(json.dumps(heads).encode())
            temporary.rename(self._folder / key)
            sync_folder(self._folder)
        self._evict(keep=key)

    def _evict(self, keep: str) -> None:
        """Delete the entries that were used least recently, until the rest is within the limit."""
        entries = sorted(self._folder.glob(f"*/{_ENTRY}"), key=lambda path: path.stat().st_mtime)
        sizes = {path.parent: _size(path.parent) for path in entries}
        excess = sum(sizes.values()) - self._max_bytes
        for entry, size in sizes.items():
            if excess <= 0:
                return
            if entry.name != keep:
                shutil.rmtree(entry, ignore_errors=True)  # another process may be doing the same
                excess -= size


def _write_files(paths: Sequence[Path], batches: Iterable[Arrays]) -> list[str]:
    """Write each array's rows into its file, force them to the disk, and return their digests."""
    digests = [hashlib.sha256() for _ in paths]
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(path.open("wb")) for path in paths]
        for batch in batches:
            for file, digest, values in zip(files, digests, batch, strict=True):
                content = values.tobytes()
                file.write(content)
                digest.update(content)
        for file in files:
            file.flush()
            os.fsync(file.fileno())
    return [digest.hexdigest() for digest in digests]


def _map(path: Path, head: Mapping[str, Any]) -> np.ndarray:
    return np.memmap(path, np.dtype(head["dtype"]), mode="r", shape=tuple(head["shape"]))


@contextlib.contextmanager
def _cleared(folder: Path) -> Iterator[None]:
    """Delete what a dead process left of a folder, and what the block leaves of it."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _unlinked(lock: Path) -> Iterator[None]:
    """Delete a lock's file, while it is held, if the block fails; whoever waits makes another."""
    try:
        yield
    except BaseException:
        lock.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(path, error) from error


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _size(entry: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return sum(path.stat().st_size for path in entry.iterdir())
    return 0
