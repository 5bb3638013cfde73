"""The files of a search: written whole or not at all."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

REPORT_FILE = "report.html"
"""The report of a search, in its folder."""

_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


class StorageError(OSError):
    """A file of the search cannot be written; the message is one sentence."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(error.errno, f"{path} cannot be written: {error.strerror or error}")
        self.filename = None

    def __str__(self) -> str:
        return str(self.strerror)


def is_storage_failure(error: BaseException) -> bool:
    """Whether what was raised says that the disk takes no more, whoever was writing."""
    full = isinstance(error, OSError) and error.errno in _FULL_DISK
    return full or isinstance(error, StorageError)


class DamagedFileError(ValueError):
    """A file of the search is not what a search wrote; the message is one sentence."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file that appears under its name at once, when all of it is on the disk.

    Args:
        path: The file; an existing one is replaced.

    Yields:
        What to write into. If the block raises, the file stays as it was.

    Raises:
        StorageError: The file cannot be written, for example because the disk is full.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    """Force to the disk which files a folder has."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(file: int, content: bytes) -> None:
    """Write all of it: the system may take less at a time, if the disk is nearly full.

    Args:
        file: A file descriptor.
        content: What to write.

    Raises:
        OSError: It cannot be written; a part of it may be.
    """
    while content:
        content = content[os.write(file, content) :]
