"""The pixels of images, each file read once: what is read stays on the disk for later searches."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from pipeline.datasets.image_decoding import decoded
from pipeline.datasets.image_form import ImageForm
from pipeline.datasets.rows import Array, Rows
from pipeline.journal.array_store import ArraySpec, ArrayStore, has_same_size

_VERSION = 1  # of how pixels are made of files
_MB = 1_000_000


def read_pixels(
    files: Sequence[Path],
    path: Path,
    form: ImageForm,
    *,
    cache: Path,
    max_cache_mb: int,
    tell: Callable[[str], None],
) -> Rows:
    """Return images of one form that lie in a memory-mapped file, made if it is not there.

    The file is found by the names, sizes and times of the images' files, and by their form. An
    image whose file has the same size and times is taken for the same. Processes that want the same
    pixels at once read the images once.

    Args:
        files: Images.
        path: A folder that they are in.
        form: What they are made into.
        cache: A folder of such files, made if need be.
        max_cache_mb: Size of all files in it, above which those that were used least recently are
            deleted.
        tell: Told if they have to be read.

    Returns:
        The images, `(n, height, width, channels)` uint8.

    Raises:
        ValueError: The images take more than the cache may, or files cannot be decoded.
        StorageError: The file cannot be written.
    """
    if isinstance(max_cache_mb, bool) or not isinstance(max_cache_mb, int) or max_cache_mb < 1:
        raise ValueError(f"max_cache_mb must be an integer above 0, received {max_cache_mb!r}")
    spec = ArraySpec((len(files), *form.shape), np.dtype(np.uint8))
    # To read all of it again and compare would take long, and is no safer than the user's files.
    store = ArrayStore(cache, max_cache_mb * _MB, has_same_size)
    if not store.fits(spec.nbytes):
        height, width, _ = form.shape
        raise ValueError(
            f"{len(files)} images of {height} x {width} pixels take {spec.nbytes / _MB:,.0f} MB on "
            f"the disk, more than max_cache_mb={max_cache_mb} allows: raise it, or lower image_size"
        )
    batches = _told(files, path, form, cache, tell)
    entry = store.made_once(_key(files, path, form), [spec], batches)
    return Rows(entry.arrays[0], np.arange(len(files)), entry.digests[0])


def _told(
    files: Sequence[Path], path: Path, form: ImageForm, cache: Path, tell: Callable[[str], None]
) -> Iterator[list[Array]]:
    tell(f"Reading {len(files)} images of {path}, once: their pixels stay in {cache}")
    for batch in decoded(files, path, form):
        yield [batch]


def _key(files: Sequence[Path], path: Path, form: ImageForm) -> str:
    digest = hashlib.sha256(repr((_VERSION, str(path), form)).encode())
    for file in files:
        state = file.stat()
        facts = (str(file.relative_to(path)), state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        digest.update(repr(facts).encode())
    return digest.hexdigest()[:32]
