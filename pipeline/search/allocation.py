"""Where the memory of a process comes from."""

import ctypes
import os

_ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h


def allocate_from_one_arena() -> None:
    """Let all threads of this process share one arena of glibc, unless `MALLOC_ARENA_MAX` is set.

    TensorFlow's threads would have one each, and what a step has freed in one arena is not there
    for the next step in another: 1.3 GB instead of 1.7 GB at most for six small CNNs on 6,000
    images of 160 x 160, and no slower on two cores (`benchmarks/README.md`, Images). Elsewhere
    than on glibc nothing is done.
    """
    if "MALLOC_ARENA_MAX" in os.environ or not _is_glibc():
        return
    ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def _is_glibc() -> bool:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") is not None
    except (AttributeError, ValueError):  # Windows has no confstr, others no such name
        return False
