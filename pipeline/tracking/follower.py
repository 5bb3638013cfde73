"""Follows a search's journal into MLflow from a background thread."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.configuration.secrets import redact
from pipeline.journal.callbacks import Record, SearchBegin, SearchCallback, SearchEnd
from pipeline.journal.tables import write_tables
from pipeline.tracking.addresses import describe_error, resolve
from pipeline.tracking.delivery import Courier
from pipeline.tracking.position import Position

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 10.0
_SILENCE = 5.0  # after which whoever waits is told for what
_IMPORT_SECONDS = 60.0  # that MLflow takes at most, beside a training on a slow machine
_PAUSE = 0.2  # between deliveries, so that fast epochs share one


@dataclass(frozen=True)
class Delivery:
    """What became of a search's records on their way to MLflow.

    Attributes:
        undelivered: How many MLflow does not have.
        error: Why, without secrets; None if it has them all.
        registered: One sentence on the registered model; None if none was registered.
        experiment_id: MLflow's identifier of the experiment; None if it was never reached.
    """

    undelivered: int
    error: str | None
    registered: str | None
    experiment_id: str | None


class Tracking(SearchCallback):
    """Shows a search in MLflow while it runs; the search never waits for it.

    The hooks only wake a thread, which brings MLflow up to the journal's end, and tries again
    with growing delays while that fails. What it has not delivered when the process ends is
    delivered by the next process that continues the search, or by
    `python -m pipeline.tracking DIRECTORY`.

    Args:
        directory: The search's folder; its journal must hear of each event before this does.
        uri: The tracking store's address.
        experiment: The experiment's name; created if there is none.
        registered_model: What to register the best model as; None registers nothing.

    Example:
        >>> tracking = Tracking(folder, uri="sqlite:///mlflow.db", experiment="digits",
        ...                     registered_model=None)
        >>> callbacks = [Journal(folder), tracking]
        >>> ...  # the search
        >>> tracking.close().undelivered
        0
    """

    def __init__(
        self, directory: Path, *, uri: str, experiment: str, registered_model: str | None
    ) -> None:
        self._uri = resolve(uri)
        shown = redact(self._uri)
        position = Position(shown, experiment, registered_model)
        known = Position.read(directory)
        if known is not None and (known.uri, known.experiment) == (shown, experiment):
            # Which version it is turns out when the model is delivered, or found to be there.
            position = replace(known, registered_model=registered_model, version=None)
        position.write(directory)
        self._directory = directory
        self._courier = Courier(directory, self._uri, position, progressed=self._progressed)
        self._thread = threading.Thread(target=self._follow, name="tracking", daemon=True)
        self._condition = threading.Condition()  # guards all below
        self._news = True
        self._idle = False
        self._hurry = False
        self._stopped = False
        self._error: str | None = None
        self._succeeded = time.monotonic()
        self._next_step_takes = _IMPORT_SECONDS
        self._steps = 0  # of the present delivery
        self._failed_at = 0  # steps that a failed one had got done

    def start(self) -> None:
        """Start following; what an earlier process left undelivered is delivered as well."""
        self._thread.start()

    def on_search_begin(self, record: SearchBegin) -> None:  # noqa: ARG002
        """Start following."""
        self.start()

    def on_search_end(self, record: SearchEnd) -> None:  # noqa: ARG002
        """Write the tables, which are there also without MLflow, and wake the thread."""
        write_tables(self._directory)
        self._wake()

    def _hear(self, record: Record) -> None:  # noqa: ARG002
        self._wake()

    on_trial_begin = on_epoch_end = on_trial_end = on_evaluation_end = _hear

    def close(
        self, patience: float = 10.0, waits: Callable[[int], None] = lambda _left: None
    ) -> Delivery:
        """Wait until MLflow has everything, then stop; Ctrl-C ends the waiting.

        Args:
            patience: Seconds without any success after which it stops all the same.
            waits: Told once how many records are left, if it takes longer than a few seconds.

        Returns:
            What was delivered.
        """
        with self._condition:
            self._hurry = self._news = True
            self._idle = False
            self._condition.notify_all()
            started = time.monotonic()
            reason = f"no answer within {patience:g} seconds"
            if self._thread.ident is None:
                reason = "the search ended before it could be shown"
            silent_until = started + _SILENCE
            try:
                while self._thread.is_alive() and not self._idle:
                    since, now = max(started, self._succeeded), time.monotonic()
                    left = since + max(patience, self._next_step_takes) - now
                    if left <= 0:
                        break
                    if now >= silent_until:
                        silent_until = math.inf
                        waits(self._courier.undelivered())
                    self._condition.wait(min(left, silent_until - now))
            except KeyboardInterrupt:  # it ends the waiting; what is left is told all the same
                reason = "interrupted"
            self._stopped = True
            self._courier.stop()  # the next process that holds the folder delivers the rest
            self._condition.notify_all()
        undelivered = self._courier.undelivered()
        if undelivered and self._error is None:
            self._error = reason
        return Delivery(
            undelivered, self._error, self._courier.registered, self._courier.experiment_id
        )

    def _wake(self) -> None:
        with self._condition:
            self._news = True
            self._idle = False
            self._condition.notify_all()

    def _progressed(self, seconds: float) -> None:
        """Note what succeeded, but not again what already had before the last failure."""
        with self._condition:
            self._steps += 1
            if self._steps > self._failed_at:
                self._succeeded = time.monotonic()
                self._next_step_takes = seconds
                self._condition.notify_all()

    def _follow(self) -> None:
        delay = _FIRST_DELAY
        while self._await_news():
            try:
                self._courier.deliver()
            except Exception as error:  # a search is worth more than its picture
                self._note_failure(error)
                delay = _FIRST_DELAY if self._rest(delay) else min(2 * delay, _LONGEST_DELAY)
            else:
                self._note_success()
                self._rest(_PAUSE)
                delay = _FIRST_DELAY

    def _await_news(self) -> bool:
        """Wait for something to deliver; return False once nothing more shall be."""
        with self._condition:
            self._condition.wait_for(lambda: self._news or self._stopped)
            self._news = False
            self._steps = 0
            return not self._stopped

    def _rest(self, seconds: float) -> bool:
        """Wait, but not when the search has just ended; return whether it has."""
        with self._condition:
            hurried = self._condition.wait_for(lambda: self._hurry or self._stopped, seconds)
            self._hurry = False
            return hurried

    def _note_success(self) -> None:
        with self._condition:
            self._error = None
            self._failed_at = 0
            self._idle = not self._news
            self._condition.notify_all()

    def _note_failure(self, error: Exception) -> None:
        with self._condition:
            self._error = describe_error(self._uri, error)
            self._news = True
            self._failed_at = max(self._failed_at, self._steps)
            self._next_step_takes = 0.0
            self._condition.notify_all()
