"""What the command does: it trains again and compares, or tries other seeds, or forks."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.configuration.config import Config, ConfigError
from pipeline.configuration.names import named
from pipeline.configuration.recorded import recorded
from pipeline.configuration.secrets import redact
from pipeline.journal.attempts import Attempt
from pipeline.journal.history import History
from pipeline.replay.changes import changes
from pipeline.replay.comparison import Difference, differences
from pipeline.replay.forking import fork_config
from pipeline.replay.luck import Luck, other_seeds
from pipeline.replay.training import Again, EpochListener, Trained
from pipeline.search import components
from pipeline.search.identity import describe
from pipeline.search.parts import Parts
from pipeline.search.search import SearchResult, run_search
from pipeline.terminal.wording import count

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """What a replay came to.

    Attributes:
        differences: Where it differs from the journal, in the order of the training.
        epochs: How many the journal has of the trial and of those that it goes on from.
        executions: How many the trial has.
    """

    differences: Sequence[Difference]
    epochs: int
    executions: int

    @property
    def identical(self) -> bool:
        """Whether every number is the same, to the last bit."""
        return not self.differences

    def sentences(self) -> list[str]:
        """Return the answer: `identical`, or where it first differs and by how much."""
        if self.identical:
            return [f"identical: {count(self.epochs, 'epoch')}, every metric to the last digit"]
        first, last = self.differences[0], self.differences[-1]
        told = [f"it differs; first {first.sentence(self.executions)}"]
        if last.epoch is None and last is not first:
            told.append(f"in the end {last.sentence(1)}")
        return told


def replay(
    history: History, attempt: Attempt, config_dir: Path | None, tell: Tell, on_epoch: EpochListener
) -> Outcome:
    """Train a trial again, with those that it goes on from, and compare each epoch.

    Args:
        history: The search.
        attempt: How the trial ended.
        config_dir: A folder with modules of the user's own.
        tell: Told what is not as it was, before it trains.
        on_epoch: As of `Again`.

    Raises:
        ConfigError: The trial cannot be trained any more; one sentence says why.
    """
    lineage = history.lineage(attempt)
    with _again(history, config_dir, tell, on_epoch) as again:
        now = again.train(lineage, history.begin.seed)
    then = [Trained.then(one) for one in lineage]
    return Outcome(
        differences=list(differences(then, now)),
        epochs=sum(len(one.logs) for one in then),
        executions=history.begin.executions_per_trial,
    )


def luck(
    history: History,
    attempt: Attempt,
    seeds: int,
    config_dir: Path | None,
    tell: Tell,
    on_epoch: EpochListener,
) -> Luck:
    """Train a trial with other seeds, and tell each score.

    Args:
        history: The search.
        attempt: How the trial ended.
        seeds: How many, at least 1.
        config_dir: As of `replay`.
        tell: Told what is not as it was, and each score.
        on_epoch: As of `Again`.

    Raises:
        ConfigError: As `replay`.
    """
    lineage, found = history.lineage(attempt), list[Trained]()
    with _again(history, config_dir, tell, on_epoch) as again:
        for index, one in enumerate(other_seeds(again, lineage, history.begin.seed, seeds), 1):
            came = f"failed: {one.failure}" if one.score is None else f"{one.score:.6g}"
            tell(f"seed {index} of {seeds}: {came}")
            found.append(one)
    scores = [one.score for one in found if one.score is not None]
    own = Trained.then(attempt).score
    return Luck(own, scores, len(found) - len(scores), history.begin.direction)


def fork(
    history: History,
    attempt: Attempt,
    overrides: Sequence[str],
    *,
    config_dir: Path | None,
    page: str | None,
    uri: str | None,
) -> SearchResult:
    """Run a search of one trial, a changed one of another search, or continue it.

    Args:
        history: The other search.
        attempt: How its trial ended.
        overrides: What is changed, as on the command line.
        config_dir: As of `replay`.
        page: The page of the trial's run in MLflow, if it has one.
        uri: The tracking store of the other search, if it was read from there.

    Raises:
        ConfigError: It cannot be run; one sentence says why.
        SearchError: The trial failed.
        KeyboardInterrupt: It was interrupted; the same command continues it.
    """
    begin = history.begin
    config = fork_config(begin, attempt, overrides)
    if not any(item.lstrip("+").startswith("tracking.uri=") for item in overrides):
        config.tracking.uri = _with_secrets(config.tracking.uri, uri)
    origin = {
        "search": begin.search,
        "trial": attempt.begin.trial,
        "attempt": str(attempt.begin.attempt),
    }
    if page is not None:
        origin["page"] = page
    return run_search(config, overrides=overrides, config_dir=config_dir, fork_of=origin)


def _with_secrets(shown: str, given: str | None) -> str:
    """Return the address of a tracking store, of which a journal has no secrets."""
    if given is not None:
        return given
    if "***" not in shown:  # as `redact` shows a secret
        return shown
    known = os.environ.get("MLFLOW_TRACKING_URI", "")
    if redact(known) == shown:
        return known
    raise ConfigError(
        f"the address {shown} was kept without its secrets; give it with tracking.uri=ADDRESS"
    )


@contextmanager
def _again(
    history: History, config_dir: Path | None, tell: Tell, on_epoch: EpochListener
) -> Iterator[Again]:
    """Build what a search was made of, and tell what is not as it was."""
    begin = history.begin
    config: Config = recorded(begin.config)
    dataset = components.make_dataset(config.dataset, config.training.class_weight, tell)
    config = named(config, dataset.name)
    parts = Parts.of(config, dataset)
    now = describe(
        config,
        dataset,
        parts.hypermodel,
        parts.oracle,
        parts.space,
        begin.overrides,
        config_dir,
        begin.fork_of,
    )
    for sentence in changes(begin, now, config, parts):
        tell(sentence)
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        yield Again(parts, config, begin.fork_of, Path(folder), on_epoch, tell)
