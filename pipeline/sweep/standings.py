"""What the searches of a sweep achieved, gathered from their journals."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.journal import history
from pipeline.journal.callbacks import Record, SearchBegin, SearchEnd
from pipeline.journal.history import History
from pipeline.sweep.jobs import Job


@dataclass(frozen=True)
class Row:
    """What one search of a sweep achieved.

    Attributes:
        label: Unique in the sweep: the strategy, and whatever else differs between the searches.
        strategy: Choice of the `strategy` group.
        dataset: Choice of the `dataset` group.
        model: Choice of the `model` group.
        seed: Seed of the search.
        varied: The other overrides that differ between the searches, for example
            `training.epochs=5`.
        objective: Name of the metric that is optimised.
        direction: `min` or `max`.
        source: Where the data come from; searches on other data are not compared.
        search: Identifier of the search; None if it never began.
        trials: Trials that ended, failed ones included.
        failed: Trials that failed for good.
        epochs_trained: Epochs trained by all attempts and executions.
        seconds: Wall-clock time that the search ran, without the pauses between interruptions.
        best_score: The best trial's score; None if none completed.
        best_trial: The best trial.
        test: Metrics of the best model on the test split.
        test_metric: The metric of `test` that corresponds to the objective.
        best: Whether it is the best of the searches with the same data and objective.
        reason: One sentence on why it did not complete; None if it did.
        curve: The best score so far: (epochs trained until then, score), at every improvement and
            at the end.
    """

    label: str
    strategy: str | None
    dataset: str | None
    model: str | None
    seed: int | None
    varied: tuple[str, ...]
    objective: str | None
    direction: str | None
    source: str | None = None
    search: str | None = None
    trials: int = 0
    failed: int = 0
    epochs_trained: int = 0
    seconds: float = 0.0
    best_score: float | None = None
    best_trial: str | None = None
    test: dict[str, float] | None = None
    test_metric: str | None = None
    best: bool = False
    reason: str | None = None
    curve: tuple[tuple[int, float], ...] = ()

    @property
    def group(self) -> tuple[str, ...]:
        """What must be the same for scores to be comparable."""
        keys = (self.dataset, self.source, self.objective, self.direction)
        return tuple(str(key) for key in keys)

    @property
    def test_result(self) -> float | None:
        """The test metric that corresponds to the objective; None if nothing was tested."""
        if self.test is None or self.test_metric is None:
            return None
        return self.test.get(self.test_metric)


@dataclass(frozen=True)
class Standing:
    """A search of a sweep as it stands.

    Attributes:
        row: What it achieved.
        history: What its journal tells; None if it never began, or cannot be read.
        directory: Its folder; None if it has none.
        run: The page of its run in MLflow; None if it is not known.
    """

    row: Row
    history: History | None = None
    directory: Path | None = None
    run: str | None = None


@dataclass(frozen=True)
class Standings:
    """A sweep as it stands.

    Attributes:
        sweep: Its identifier.
        searches: Its searches, as `rank` orders them.
        ended: Whether all of its jobs have ended.
        directory: Its folder; None if it was read from MLflow.
    """

    sweep: str
    searches: tuple[Standing, ...]
    ended: bool
    directory: Path | None = None

    @property
    def rows(self) -> list[Row]:
        """What the searches achieved."""
        return [search.row for search in self.searches]


def gather(jobs: Sequence[Job]) -> list[Standing]:
    """Gather what each job's search achieved.

    Args:
        jobs: The jobs of a sweep. Two jobs of the same search, which happens when they ask for
            the same, count once.

    Returns:
        The searches in the order of the jobs; the rows of those that cannot be read say why.
    """
    searches = {job.directory or f"job {job.number}": job for job in reversed(jobs)}
    distinct = sorted(searches.values(), key=lambda job: job.number)
    return [
        _standing(job, label, varied)
        for job, (label, varied) in zip(distinct, _labels(distinct), strict=True)
    ]


def rank(searches: Iterable[Standing]) -> list[Standing]:
    """Order searches by dataset and objective, best score first, and mark the best.

    Among equal scores the search that trained fewer epochs is first. Searches without a score
    come last.
    """
    groups: dict[tuple[str, ...], list[Standing]] = {}
    scoreless = []
    for search in searches:
        if search.row.best_score is None:
            scoreless.append(search)
        else:
            groups.setdefault(search.row.group, []).append(search)
    ranked: list[Standing] = []
    for group in groups.values():
        best, *others = sorted(group, key=_rank_key)
        ranked += [replace(best, row=replace(best.row, best=True)), *others]
    return ranked + scoreless


def best_so_far(search: History) -> tuple[tuple[int, float], ...]:
    """Return how a search's best score fell (or rose) with the epochs it trained.

    Args:
        search: The search.

    Returns:
        (epochs trained until then, best score), at every improvement and once more at the end;
        epochs count all attempts and executions, failed ones too. Empty without a score.
    """
    ends = sorted((a.end for a in search.attempts if a.end is not None), key=lambda end: end.time)
    sign = -1.0 if search.begin.direction == "max" else 1.0
    curve: list[tuple[int, float]] = []
    epochs = 0
    for end in ends:
        epochs += end.epochs_trained
        score = end.score
        if score is not None and (not curve or sign * score < sign * curve[-1][1]):
            if curve and curve[-1][0] == epochs:
                curve.pop()  # a hypermodel's own fit may show no epochs
            curve.append((epochs, score))
    if curve and curve[-1][0] < epochs:
        curve.append((epochs, curve[-1][1]))
    return tuple(curve)


def running_seconds(records: Iterable[Record]) -> float:
    """Return for how long a search's loop ran, summed over its interruptions.

    Args:
        records: The search's journal, in order.

    Returns:
        Seconds from each beginning to the last event before the next one, or to the loop's end.
    """
    total, begin, last, running = 0.0, 0.0, 0.0, False
    for record in records:
        if isinstance(record, SearchBegin):
            total += last - begin
            begin, running = record.time, True
        if running:
            last = record.time
        if isinstance(record, SearchEnd):
            running = False
    return total + last - begin


def _standing(job: Job, label: str, varied: tuple[str, ...]) -> Standing:
    reason = job.message or (f"ended with exit code {job.exit_code}" if job.exit_code else None)
    row = Row(
        label=label,
        strategy=job.strategy,
        dataset=job.dataset,
        model=job.model,
        seed=job.seed,
        varied=varied,
        objective=job.objective,
        direction=job.direction,
        reason=reason,
    )
    if job.directory is None:
        return Standing(row)
    directory = Path(job.directory)
    try:
        records = [record for _, record in history.follow(directory)]
        search = history.fold(records)
    except (OSError, history.JournalError) as error:
        row = replace(row, reason=reason or f"its journal cannot be read: {error}")
        return Standing(row, directory=directory)
    return Standing(_filled(row, search, running_seconds(records)), search, directory)


def _filled(row: Row, search: History, seconds: float) -> Row:
    """Return a row with what the search's journal tells."""
    finished = [attempt for attempt in search.attempts if attempt.finished]
    ranked = search.ranked()
    best = ranked[0].end if ranked else None
    tested = search.evaluation
    return replace(
        row,
        source=search.begin.dataset_info.get("source"),
        search=search.begin.search,
        trials=len(finished),
        failed=sum(attempt.failed for attempt in finished),
        epochs_trained=sum(
            len(attempt.epochs) if attempt.end is None else attempt.end.epochs_trained
            for attempt in search.attempts
        ),
        seconds=seconds,
        best_score=None if best is None else best.score,
        best_trial=None if best is None else best.trial,
        test=None if tested is None else dict(tested.metrics),
        test_metric=None if tested is None else tested.score_name,
        curve=best_so_far(search),
    )


def _labels(jobs: Sequence[Job]) -> list[tuple[str, tuple[str, ...]]]:
    """Return each job's unique label, and the varied overrides that no column of its own shows."""
    columns = ("dataset", "model", "seed")
    shown = [name for name in columns if len({getattr(job, name) for job in jobs}) > 1]
    counts = Counter(override for job in jobs for override in job.overrides)
    result = []
    for job in jobs:
        varied = tuple(
            override
            for override in job.overrides
            if counts[override] < len(jobs)
            and override.partition("=")[0] not in ("strategy", *columns)
        )
        parts = [job.strategy or f"job {job.number}"]
        parts += [("seed " if name == "seed" else "") + str(getattr(job, name)) for name in shown]
        result.append((" ".join([*parts, *varied]), varied))
    repeated = Counter(label for label, _ in result)
    return [
        (f"{label} (job {job.number})" if repeated[label] > 1 else label, varied)
        for job, (label, varied) in zip(jobs, result, strict=True)
    ]


def _rank_key(search: Standing) -> tuple[float, int]:
    row = search.row
    assert row.best_score is not None
    return (-row.best_score if row.direction == "max" else row.best_score, row.epochs_trained)
