"""The files that Keras's own callbacks write, in a training that another process continues."""

from itertools import count, takewhile
from pathlib import Path

import keras


def written(callback: keras.callbacks.Callback) -> int | None:
    """Return how many bytes the file of a CSVLogger has; None of another callback."""
    if not isinstance(callback, keras.callbacks.CSVLogger):
        return None
    file = Path(callback.filename)
    return file.stat().st_size if file.is_file() else None  # not of one in a bucket


def go_on_writing(callback: keras.callbacks.Callback, written: int | None, next_epoch: int) -> None:
    """Let a CSVLogger append to its file; call it before `on_train_begin`.

    Keras's would empty it. Rows of epochs that were trained after the checkpoint go, as they are
    written once more; a file that is not local keeps them, so that it may have an epoch twice.
    TensorBoard needs nothing: it adds a file to its folder, where such an epoch is twice, too.

    Args:
        callback: Any callback; nothing is done with others.
        written: What `written` returned at the checkpoint.
        next_epoch: The epoch with which the training goes on.
    """
    if isinstance(callback, keras.callbacks.CSVLogger):
        callback.append = True
        if written is not None and Path(callback.filename).is_file():
            _drop_rows(Path(callback.filename), written, next_epoch, callback.sep)


def _drop_rows(file: Path, begin: int, epoch: int, separator: str) -> None:
    """Take out the rows of an epoch and those that follow it, from a position on.

    Others that stand there stay: another training may have written them since.
    """
    with file.open("r+b") as opened:
        opened.seek(begin)
        rows = opened.readlines()
        begins = (f"{expected}{separator}".encode() for expected in count(epoch))
        again = sum(1 for _ in takewhile(_is_row, zip(rows, begins, strict=False)))
        if again:
            opened.seek(begin)
            opened.writelines(rows[again:])
            opened.truncate()


def _is_row(row_and_begin: tuple[bytes, bytes]) -> bool:
    row, begin = row_and_begin
    return row.startswith(begin) or begin.startswith(row)  # of the last, a part may be missing


def leave_to_checkpoint(callback: keras.callbacks.Callback) -> None:
    """Let a BackupAndRestore restore nothing; it goes on to write its backups.

    It knows neither what callbacks have learnt, nor the random generators, nor that its folder
    may hold the backup of another trial that failed.
    """
    if isinstance(callback, keras.callbacks.BackupAndRestore):
        callback._load_model = lambda: None
