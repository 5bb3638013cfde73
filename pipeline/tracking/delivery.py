"""Takes a search's journal to MLflow, from where the last delivery got to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.journal.callbacks import EvaluationEnd, Record, SearchBegin
from pipeline.journal.history import FILE_NAME as JOURNAL
from pipeline.journal.history import JournalError, follow
from pipeline.journal.runs import TrialRun, append_run, write_runs
from pipeline.tracking.addresses import run_page
from pipeline.tracking.position import Position

# To import MLflow takes seconds, which a delivery spends beside the first trial.
if TYPE_CHECKING:
    from pipeline.tracking.projection import Projection
    from pipeline.tracking.runs import Key, SearchRuns
    from pipeline.tracking.store import Store

_MOST_AT_ONCE = 1000
_MODEL_SECONDS = 120.0


@dataclass
class _Connection:
    store: "Store"
    runs: "SearchRuns"
    projection: "Projection"
    model_of: EvaluationEnd | None = None
    """The test whose model MLflow has."""


class Courier:
    """Delivers a journal, as often as it is asked to.

    Nothing is lost or doubled if a delivery fails at any point: the next one looks up what is
    there and begins behind the last position it knows to be complete.

    Args:
        directory: The search's folder.
        uri: The store's address.
        position: Where to, and how much of it is there already.
        remember: Whether to keep the position and the runs' identifiers in the folder.
        progressed: Called whenever MLflow took something, with the seconds that the next step
            may take.
    """

    def __init__(
        self,
        directory: Path,
        uri: str,
        position: Position,
        *,
        remember: bool = True,
        progressed: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self.registered: str | None = None
        self.experiment_id: str | None = None
        self._directory = directory
        self._uri = uri
        self._position = position
        self._remember = remember
        self.steps = 0  # that succeeded
        self._tell_progress = progressed
        self._connection: _Connection | None = None
        self._at_once = _MOST_AT_ONCE
        self._doubtful = False  # requests that were given up may be executed yet
        self._stopped = False

    def undelivered(self) -> int:
        """Return how many records of the journal MLflow does not have."""
        if not (self._directory / JOURNAL).exists():
            return 0
        return sum(1 for _ in follow(self._directory, self._position.offset))

    def deliver(self) -> None:
        """Bring MLflow up to the journal's end.

        Raises:
            Exception: Whatever MLflow raises if it cannot be reached or refuses something.
        """
        try:
            self._deliver()
            if self._doubtful and self._ended:
                self._connection = None  # looks again at what is there
                self._deliver()
                self._doubtful = False
        except BaseException:
            self._connection = None  # what arrived is unknown
            self._doubtful = True
            # Over a network that fails often, only small steps ever succeed.
            self._at_once = max(1, self._at_once // 8)
            raise

    def stop(self) -> None:
        """Let a delivery that is under way in another thread end with its present step."""
        self._stopped = True

    def abandon(self) -> None:
        """Show as interrupted what still runs; nobody may be running the search.

        Raises:
            Exception: As `deliver`, which must have come before.
        """
        if self._connection is None or self._ended:
            return
        connection, self._connection = self._connection, None  # the journal does not tell of it
        connection.runs.abandon()
        connection.projection.push()

    @property
    def _ended(self) -> bool:
        return self._connection is not None and self._connection.runs.search.status is not None

    def _deliver(self) -> None:
        connection = self._connection or self._connect()
        if connection is None:
            return
        self._connection = connection
        complete = False
        while not complete and not self._stopped:
            records, complete = self._next_records()
            for _, record in records:
                connection.runs.add(record)
            if records:
                connection.projection.push()
            if complete:
                connection.projection.offer_views()
                self._deliver_model(connection)
            if records:
                self._update(
                    offset=records[-1][0],
                    experiment_id=connection.store.experiment,
                    run_id=connection.projection.search_run,
                )
                self._at_once = min(2 * self._at_once, _MOST_AT_ONCE)
        connection.projection.log_report(at_once=self._ended)

    def _next_records(self) -> tuple[list[tuple[int, Record]], bool]:
        """Return what is sent next, and whether nothing is behind it.

        A test of the best model is not sent with what is before it: it takes the longest, and
        may fail by itself.
        """
        records: list[tuple[int, Record]] = []
        for end, record in follow(self._directory, self._position.offset):
            if len(records) == self._at_once or (records and isinstance(record, EvaluationEnd)):
                return records, False
            records.append((end, record))
        return records, True

    def _connect(self) -> _Connection | None:
        """Look up what is there; if that is not as it was left, the position is void."""
        from pipeline.tracking.projection import Projection
        from pipeline.tracking.runs import SearchRuns
        from pipeline.tracking.store import connect

        self._tell_progress(0.0)
        first = next(iter(follow(self._directory)), None)
        if first is None:
            return None
        begin = first[1]
        if not isinstance(begin, SearchBegin):
            raise JournalError(f"{self._directory / JOURNAL} does not start with a search")
        store = connect(self._uri, self._position.experiment)
        self.experiment_id = store.experiment
        self._progressed(0.0)
        known = store.find_runs(begin.search)
        runs = self._delivered(SearchRuns(begin))
        wrong = known.doubled or (known.running and runs.search.status is not None)
        if self._position.offset and (wrong or None not in known.identifiers):
            self._update(offset=0, run_id=None, version=None)
            runs = SearchRuns(begin)
        if self._remember:
            write_runs(self._directory, self._trial_runs(store, known.identifiers))
        projection = Projection(
            store,
            runs,
            known.identifiers,
            self._directory,
            told_before=self._position.offset == 0,
            created=lambda key, run: self._note(store, {key: run}),
            progressed=self._progressed,
        )
        return _Connection(store, runs, projection)

    def _note(self, store: "Store", runs: "Mapping[Key, str]") -> None:
        if self._remember:
            for run in self._trial_runs(store, runs):
                append_run(self._directory, run)

    def _trial_runs(self, store: "Store", runs: "Mapping[Key, str]") -> list[TrialRun]:
        return [
            TrialRun(*key, run, run_page(self._position.uri, store.experiment, run))
            for key, run in runs.items()
            if key is not None
        ]

    def _delivered(self, runs: "SearchRuns") -> "SearchRuns":
        """Return runs, of which nothing is known yet, as they should be shown already."""
        for end, record in follow(self._directory):
            if end > self._position.offset:
                break
            runs.add(record)
            if end == self._position.offset:
                runs.settle()
        return runs

    def _deliver_model(self, connection: _Connection) -> None:
        """Log and register the best model; an older one was overwritten in the folder."""
        from pipeline.tracking import registry

        runs, client = connection.runs, connection.store.client
        evaluation = runs.evaluation
        if evaluation is None or evaluation == connection.model_of:
            return
        self._progressed(_MODEL_SECONDS)
        run = connection.projection.search_run
        logged = registry.log_model(client, run, self._directory, runs.begin, evaluation)
        if self._position.registered_model is not None:
            registered = registry.register(
                client, self._position.registered_model, logged, runs.begin, evaluation
            )
            self.registered = registered.sentence
            self._update(version=registered.version)
        connection.model_of = evaluation
        self._progressed(0.0)

    def _progressed(self, seconds: float) -> None:
        self.steps += 1
        self._tell_progress(seconds)

    def _update(self, **changes: Any) -> None:
        """Change the position, here and in the folder."""
        before, self._position = self._position, replace(self._position, **changes)
        if self._remember and self._position != before:
            self._position.write(self._directory)
