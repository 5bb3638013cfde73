"""Garbage collections that take no longer, however much a process has imported and kept."""

import contextlib
import gc
from collections.abc import Iterator

from pipeline.journal.callbacks import SearchCallback, TrialEnd

_MANY = 50_000  # objects; a trained model that `traces` keeps has some 6,000, and 5 MB


@contextlib.contextmanager
def none_collected() -> Iterator[None]:
    """Collect no garbage while the block imports, which makes little of it.

    To look at all that has been imported, again and again, takes a tenth of the time.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@contextlib.contextmanager
def looked_at_later() -> Iterator[None]:
    """Collect what an earlier search left, and keep the rest out of sight while the block runs.

    Keras collects garbage before every model that is built. To look at all that was imported takes
    0.2 s, as long as to build a small model and to train it for an epoch.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class GarbageCollection(SearchCallback):
    """Lets the garbage collector look only at what the last trial has made.

    What survives a trial is taken out of the collector's sight too, and looked at again when much
    was: some of it was models that `traces` has let go since.
    """

    def __init__(self) -> None:
        self._out_of_sight = 0

    def on_trial_end(self, record: TrialEnd) -> None:  # noqa: ARG002
        """Collect what the trial left."""
        self._out_of_sight += self._freeze()
        if self._out_of_sight > _MANY:
            gc.unfreeze()
            self._freeze()
            self._out_of_sight = 0

    def _freeze(self) -> int:
        """Collect, take the rest out of sight, and return how many objects it has."""
        gc.collect()
        rest = len(gc.get_objects())
        gc.freeze()
        return rest
