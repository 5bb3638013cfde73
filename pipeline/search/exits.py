"""What a user's code does to the process that runs the search."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn

_FAILED = 1


@contextlib.contextmanager
def exits_are_failures(tell: Callable[[str], None]) -> Iterator[None]:
    """Have no `os._exit` of a user's end this process as if it had succeeded.

    It ends at once, as it was told to, but with a sentence and a code that is not 0. Processes that
    are forked meanwhile end as they like.

    Args:
        tell: Writes a sentence to the standard error.
    """
    owner, leave = os.getpid(), os._exit

    def leave_telling(status: int) -> NoReturn:
        if os.getpid() == owner:
            called = f"os._exit({status!r}) was called while the search ran"
            tell(f"{called}; the same command continues it")
            sys.stderr.flush()
            status = status or _FAILED
        leave(status)

    os._exit = leave_telling
    try:
        yield
    finally:
        os._exit = leave
