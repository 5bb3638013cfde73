"""Takes a search's journal to MLflow, from where the last delivery got to."""

import dataclasses
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.callbacks import EvaluationEnd, Record, SearchBegin
from pipeline.history import FILE_NAME as JOURNAL
from pipeline.history import JournalError, follow
from pipeline.tracking import registry
from pipeline.tracking.projection import Projection
from pipeline.tracking.runs import SearchRuns
from pipeline.tracking.store import Store, connect

FILE_NAME = "tracking.json"
_RECORDS_AT_ONCE = 1000
_MODEL_SECONDS = 120.0


@dataclass(frozen=True)
class Position:
    """Where a search's journal is delivered to, and how much of it was; kept in its folder.

    Attributes:
        uri: The store's address, without secrets.
        experiment: The experiment's name.
        registered_model: What the best model is registered as; None registers nothing.
        offset: Bytes of the journal that MLflow has.
    """

    uri: str
    experiment: str
    registered_model: str | None
    offset: int = 0

    @classmethod
    def read(cls, directory: Path) -> "Position | None":
        """Read it from a search's folder.

        Args:
            directory: The folder.

        Returns:
            The position, None if the folder has none.

        Raises:
            ValueError: The file is damaged.
        """
        path = directory / FILE_NAME
        if not path.exists():
            return None
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{path} is damaged ({error}); remove it: then MLflow is told everything again, "
                "which doubles nothing"
            ) from error

    def write(self, directory: Path) -> None:
        """Write it into a search's folder, at once or not at all."""
        temporary = directory / f"{FILE_NAME}.tmp"
        with temporary.open("w", encoding="utf-8") as file:
            file.write(json.dumps(dataclasses.asdict(self)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(directory / FILE_NAME)


@dataclass
class _Connection:
    store: Store
    runs: SearchRuns
    projection: Projection
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
        remember: Whether to keep the position in the folder.
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
        self._progressed = progressed
        self._connection: _Connection | None = None

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
        except BaseException:
            self._connection = None  # what arrived is unknown
            raise

    def _deliver(self) -> None:
        connection = self._connection or self._connect()
        if connection is None:
            return
        self._connection = connection
        complete = False
        while not complete:
            records, complete = self._next_records()
            for _, record in records:
                connection.runs.add(record)
            if records:
                connection.projection.push()
            if complete:
                self._deliver_model(connection)
            if records:
                self._advance(records[-1][0])

    def _next_records(self) -> tuple[list[tuple[int, Record]], bool]:
        """Return what is sent next, and whether nothing is behind it.

        A test of the best model is not sent with what is before it: it takes the longest, and
        may fail by itself.
        """
        records: list[tuple[int, Record]] = []
        for end, record in follow(self._directory, self._position.offset):
            if len(records) == _RECORDS_AT_ONCE or (records and isinstance(record, EvaluationEnd)):
                return records, False
            records.append((end, record))
        return records, True

    def _connect(self) -> _Connection | None:
        """Look up what is there; what the position says is void if the runs are gone."""
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
        if None not in known and self._position.offset:
            self._advance(0)
        runs = SearchRuns(begin)
        for end, record in follow(self._directory):
            if end > self._position.offset:
                break
            runs.add(record)
            if end == self._position.offset:
                runs.settle()
        return _Connection(
            store, runs, Projection(store, runs, known, self._directory, self._progressed)
        )

    def _deliver_model(self, connection: _Connection) -> None:
        """Log and register the best model; an older one was overwritten in the folder."""
        runs, client = connection.runs, connection.store.client
        evaluation = runs.evaluation
        if evaluation is None or evaluation == connection.model_of:
            return
        self._progressed(_MODEL_SECONDS)
        run = connection.projection.search_run
        logged = registry.log_model(client, run, self._directory, runs.begin, evaluation)
        if self._position.registered_model is not None:
            self.registered = registry.register(
                client, self._position.registered_model, logged, runs.begin, evaluation
            )
        connection.model_of = evaluation
        self._progressed(0.0)

    def _advance(self, offset: int) -> None:
        self._position = dataclasses.replace(self._position, offset=offset)
        if self._remember:
            self._position.write(self._directory)
