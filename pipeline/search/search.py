"""One search, from its configuration to its result: the page that wires everything."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras_tuner
from rich.console import Console

from pipeline.configuration.backend import check_backend
from pipeline.configuration.config import Config, ConfigError
from pipeline.configuration.config import Tracking as TrackingSettings
from pipeline.configuration.names import named
from pipeline.configuration.secrets import hidden
from pipeline.journal.callbacks import SearchBegin, Status
from pipeline.journal.files import DamagedFileError, is_storage_failure
from pipeline.journal.history import History, read
from pipeline.search import components, continuation
from pipeline.search.allocation import allocate_from_one_arena
from pipeline.search.failures import SearchError, TooManyFailedError
from pipeline.search.final_model import evaluate_best
from pipeline.search.garbage import looked_at_later
from pipeline.search.identity import describe
from pipeline.search.interruption import Interruption
from pipeline.search.listeners import Listeners, deliver
from pipeline.search.model_check import check_models
from pipeline.search.opening import as_begun, opened, tell_oracle
from pipeline.search.parts import Parts
from pipeline.search.past_searches import find_ended
from pipeline.search.pruning import pruning_of
from pipeline.search.storage import Folder, open_folder, write_config
from pipeline.search.targets import explained
from pipeline.search.trial_files import TrialFiles
from pipeline.search.tuner import Tuner
from pipeline.terminal.beginning import tell_dataset, tell_model
from pipeline.terminal.closing import tell_result, tell_unfinished
from pipeline.terminal.progress import Progress, draws_live
from pipeline.tracking import Delivery, Tracking, check_uri
from pipeline.training.verification import Verification


@dataclass(frozen=True)
class SearchResult:
    """What a search achieved.

    Attributes:
        directory: The search's folder: its journal, weights, best model and reports.
        history: Its trials, and the test of its best model.
        model: The best model's `.keras` file.
    """

    directory: Path
    history: History
    model: Path


@looked_at_later()
def run_search(
    config: Config,
    *,
    overrides: Sequence[str] = (),
    sweep: str | None = None,
    varied: Sequence[str] = (),
    config_dir: Path | None = None,
    on_folder: Callable[[Path], None] = lambda _folder: None,
    fork_of: Mapping[str, str] | None = None,
) -> SearchResult:
    """Run one search, or continue it.

    Args:
        config: A typed configuration, of `pipeline.configuration.composition`
            or the command line.
        overrides: What was changed on the command line, for the record.
        sweep: Identifier shared by the searches of one sweep.
        varied: Those of the overrides that its other searches have otherwise.
        config_dir: A folder with groups of the user's own, whose modules are the user's as well.
        on_folder: Told of the search's folder before it begins, however it ends.
        fork_of: Of a fork, where it comes from, as `SearchBegin.fork_of`.

    Returns:
        The finished search.

    Raises:
        ConfigError: The configuration cannot work; one sentence says why.
        SearchError: No trial completed, or too many failed in a row.
        KeyboardInterrupt: It was interrupted; the message says how to continue it.

    Example:
        >>> from pipeline.configuration.composition import compose_config
        >>> result = run_search(compose_config(["strategy=random", "strategy.max_trials=5"]))
        >>> result.history.ranked()[0].hyperparameters
    """
    check_backend()
    allocate_from_one_arena()
    console = Console(quiet=config.verbose == 0, highlight=False)
    tell_dataset(console, config)
    tell = functools.partial(console.print, soft_wrap=True, markup=False)
    dataset = components.make_dataset(config.dataset, config.training.class_weight, tell)
    config = named(config, dataset.name)
    tell_model(console, config)
    obstacle = explained("tracking", check_uri, config.tracking.uri, config.tracking.experiment)
    parts = Parts.of(config, dataset)
    begin = describe(
        config,
        dataset,
        parts.hypermodel,
        parts.oracle,
        parts.space,
        overrides,
        config_dir,
        fork_of or {},
    )
    differs = hidden(config.tracking.uri, list(varied))
    begin = dataclasses.replace(begin, sweep=sweep, varied=differs)
    chosen = getattr(parts.oracle, "reason", None)  # that of a strategy which chooses another
    for sentence in (*dataset.notes, *([chosen] if chosen else [])):
        tell(sentence)
    if config.max_seconds is not None:
        tell("max_seconds is now called budget.seconds; the old name will go on to work")
    storage, make_tracking = Path(config.storage), _tracking(config.tracking)
    if (ended := find_ended(storage, begin)) is not None:  # a job of a sweep that goes on
        console.print(f"Finished already: {ended.path.name}", soft_wrap=True)
        result, _ = _deliver_rest(ended.path, make_tracking(ended.path), console)
        _raise_failure(result.history, ended.path)
        return result
    lost: list[str] = explained("model", check_models, parts.trainer, parts.space.explored)
    if obstacle is not None:
        lost = [f"MLflow is told later, as it cannot be now: {obstacle}", *lost]
    what_next = continuation.what_next(config.resume, parts.oracle)
    resume = continuation.resume_of(config.resume, parts.oracle)
    begin = opened(begin, config, parts, resume)
    with open_folder(storage, begin, resume) as folder, _in_a_sentence(folder.path, what_next):
        # A renamed folder's search keeps the name that its runs in MLflow know.
        name = folder.past.begin.search if folder.past else folder.path.name
        begin = dataclasses.replace(as_begun(begin, folder.past), search=name)
        on_folder(folder.path)
        tracking = make_tracking(folder.path)
        if folder.only_undelivered:
            result, delivery = _deliver_rest(folder.path, tracking, console)
        else:
            result, delivery = _run_in(
                folder, config, parts, begin, tracking, console, lost, what_next
            )
        tell_result(console, result.directory, result.history, config.tracking.uri, delivery)
        _raise_failure(result.history, result.directory)
        return result


def _run_in(
    folder: Folder,
    config: Config,
    parts: Parts,
    begin: SearchBegin,
    tracking: Tracking,
    console: Console,
    lost: Sequence[str],
    what_next: str,
) -> tuple[SearchResult, Delivery]:
    """Run a search in its folder, from the restored trials to the tested model."""
    interruption = Interruption(tells=not draws_live(console, config.verbose))
    progress = Progress(console, config.verbose, interruption.requested)
    pruning = pruning_of(parts.pruner, begin.objective, begin.executions_per_trial)
    spending = parts.spending(config, progress.on_notice)
    write_config(folder.path, begin.config, begin.overrides)
    listeners = Listeners.of(
        folder.path,
        console,
        tracking,
        progress,
        pruning,
        spending,
        report_seconds=config.report.every_seconds,
    )
    files = TrialFiles(folder.path, config.keep_best, begin.direction)
    trainer = parts.equipped(config, progress)
    tell_oracle(parts.oracle, begin)
    for sentence in [*lost, *(begin.taken_over if folder.past is None else ())]:
        trainer.notices.tell(sentence)
    try:
        tuner = Tuner(
            oracle=parts.oracle,
            trainer=trainer,
            begin=begin,
            directory=folder.path,
            files=files,
            epochs=config.training.epochs,
            callbacks=listeners.callbacks,
            max_failed_trials=config.max_failed_trials,
            budgeting=spending,
            verification=Verification(trainer, config.training.verify),
            earlier=continuation.catch_up(
                folder, parts.oracle, config.name, config.max_attempts, listeners, pruning, spending
            ),
            should_stop=interruption.requested,
            pruning=pruning,
        )
        with interruption.awaited():
            _search(tuner)
        evaluated = evaluate_best(
            tuner,
            trainer,
            files,
            begin,
            folder.path,
            final=config.final,
            known=None if folder.past is None else folder.past.evaluation,
            what_next=what_next,
        )
        for callback in listeners.callbacks:
            callback.on_evaluation_end(evaluated)
    except BaseException:  # whatever ends it: what was found, and where it is
        delivery = listeners.close()
        tell_unfinished(console, folder.path, config.tracking.uri, delivery)
        raise
    delivery = listeners.close()
    return SearchResult(folder.path, read(folder.path), folder.path / evaluated.model), delivery


def _search(tuner: Tuner) -> None:
    """Search; where too many trials failed, those that completed before are the result."""
    try:
        tuner.search()
    except TooManyFailedError:  # told by the journal, and raised when the best model is tested
        if tuner.best_trial() is None:
            raise


def _deliver_rest(
    directory: Path, tracking: Tracking, console: Console
) -> tuple[SearchResult, Delivery]:
    """Bring MLflow what the process that finished a search did not live to deliver."""
    tracking.start()
    delivery = deliver(tracking, directory, console)
    history = read(directory)
    if history.evaluation is None:
        assert history.end is not None
        raise SearchError(str(history.end.message), directory)
    return SearchResult(directory, history, directory / history.evaluation.model), delivery


def _raise_failure(history: History, directory: Path) -> None:
    """Raise what ended a search before its budget, although its best model was tested."""
    assert history.end is not None
    if history.end.status is Status.FAILED:
        raise SearchError(str(history.end.message), directory)


@contextlib.contextmanager
def _in_a_sentence(directory: Path, what_next: str) -> Iterator[None]:
    """Say of what ends a search from outside of its trials whose it is, and how to go on."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(what_next) from error
    except (keras_tuner.errors.FatalError, DamagedFileError) as error:
        raise ConfigError(" ".join(str(error).split())) from error
    except OSError as error:
        if not is_storage_failure(error):
            raise
        advice = f"make room, then {what_next}" if directory.exists() else "it is gone"
        raise SearchError(f"{error}; {advice}", directory) from error


def _tracking(settings: TrackingSettings) -> Callable[[Path], Tracking]:
    """Return what shows a search in MLflow, given its folder."""
    return functools.partial(
        explained,
        "tracking",
        Tracking,
        uri=settings.uri,
        experiment=settings.experiment,
        registered_model=settings.registered_model,
    )
