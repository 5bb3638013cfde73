"""Garbage collections that take no longer, however much a process has imported and kept."""

import gc

from pipeline.callbacks import SearchBegin, SearchCallback, SearchEnd, TrialEnd

_FULL_EVERY = 10  # trials; what `traces` lets go was taken out of sight before


class GarbageCollection(SearchCallback):
    """Lets the garbage collector look only at what the last trial has made.

    Keras collects garbage before every model that is built. To look at all that was imported takes
    0.2 s, as long as to build a small model and to train it for an epoch. So what survives a trial
    is taken out of the collector's sight, and looked at once in a while.
    """

    def __init__(self) -> None:
        self._trials = 0

    def on_search_begin(self, record: SearchBegin) -> None:  # noqa: ARG002
        """Take out of sight what was made before the search."""
        self._freeze()

    def on_trial_end(self, record: TrialEnd) -> None:  # noqa: ARG002
        """Collect what the trial left."""
        self._trials += 1
        if self._trials % _FULL_EVERY == 0:
            gc.unfreeze()
        self._freeze()

    def on_search_end(self, record: SearchEnd) -> None:  # noqa: ARG002
        """Let everything be looked at again."""
        gc.unfreeze()

    def _freeze(self) -> None:
        gc.collect()
        gc.freeze()
