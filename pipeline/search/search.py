"""One search, from its configuration to its result: the page that wires everything."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras_tuner
from omegaconf import OmegaConf
from rich.console import Console

from pipeline.configuration.config import Config, ConfigError, Resume
from pipeline.datasets.dataset import Dataset
from pipeline.journal.callbacks import SearchBegin, SearchCallback
from pipeline.journal.files import DamagedFileError, is_storage_failure
from pipeline.journal.history import History, Journal, follow, read
from pipeline.report.renewal import Reporting
from pipeline.search import components, continuation
from pipeline.search.attempts import Earlier
from pipeline.search.failures import SearchError
from pipeline.search.final_model import evaluate_best
from pipeline.search.garbage import GarbageCollection, looked_at_later
from pipeline.search.identity import describe
from pipeline.search.interruption import Interruption
from pipeline.search.saving_check import check_saving
from pipeline.search.storage import Folder, find_ended, open_folder, write_config
from pipeline.search.trial_files import TrialFiles
from pipeline.search.tuner import Tuner
from pipeline.terminal.closing import tell_missing_report, tell_result, tell_undelivered
from pipeline.terminal.progress import Progress, draws_live
from pipeline.tracking import Delivery, Tracking, check_uri, redact
from pipeline.training.notices import Notices
from pipeline.training.trainer import Trainer
from pipeline.training.verification import Verification

__all__ = ["SearchError", "SearchResult", "run_search"]


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


def run_search(
    config: Config,
    *,
    overrides: Sequence[str] = (),
    sweep: str | None = None,
    on_folder: Callable[[Path], None] = lambda _folder: None,
) -> SearchResult:
    """Run one search, or continue it.

    Args:
        config: A typed configuration, of `pipeline.configuration.composition`
            or the command line.
        overrides: What was changed on the command line, for the record.
        sweep: Identifier shared by the searches of one sweep.
        on_folder: Told of the search's folder before it begins, however it ends.

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
    parts = _Parts.of(config)
    begin = _describe(config, parts, overrides, sweep)
    console = Console(quiet=config.verbose == 0, highlight=False)
    if (ended := _ended_already(config, begin, console)) is not None:
        return ended
    with looked_at_later():
        lost: list[str] = components.explained("model", check_saving, parts.trainer, parts.space)
    with open_folder(Path(config.storage), begin, _resume_of(config, parts.oracle)) as folder:
        begin = dataclasses.replace(begin, search=folder.path.name)
        on_folder(folder.path)
        try:
            if folder.only_undelivered:
                result, delivery = _deliver_rest(config, folder.path, console)
                tell_result(
                    console, result.directory, result.history, config.tracking.uri, delivery
                )
                return result
            return _run_in(folder, config, parts, begin, console, lost)
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt(continuation.what_next(config, parts.oracle)) from error
        except (keras_tuner.errors.FatalError, DamagedFileError) as error:
            raise ConfigError(" ".join(str(error).split())) from error
        except OSError as error:
            if not is_storage_failure(error):
                raise
            sentence = f"{error}; make room, then {continuation.what_next(config, parts.oracle)}"
            raise SearchError(sentence, folder.path) from error


def _ended_already(config: Config, begin: SearchBegin, console: Console) -> SearchResult | None:
    """Return the search of an interrupted sweep that has ended already, or raise why it failed."""
    past = find_ended(Path(config.storage), begin)
    if past is None:
        return None
    console.print(f"Finished already: {past.begin.search}", soft_wrap=True)
    result, _ = _deliver_rest(config, Path(config.storage, past.begin.search), console)
    return result


def _run_in(
    folder: Folder,
    config: Config,
    parts: "_Parts",
    begin: SearchBegin,
    console: Console,
    lost: Sequence[str],
) -> SearchResult:
    """Run a search in its folder, from the restored trials to the tested model."""
    interruption = Interruption(tells=not draws_live(console, config.verbose))
    progress = Progress(console, config.verbose, interruption.requested)
    tracking = _make_tracking(config, folder.path)
    write_config(folder.path, begin.config, begin.overrides)
    journal = Journal(folder.path)
    callbacks = [journal, tracking, progress, GarbageCollection()]
    reporting = None
    if (seconds := config.report.every_seconds) is not None:
        callbacks.append(reporting := Reporting(folder.path, every_seconds=seconds))
    files = TrialFiles(folder.path, config.keep_best, begin.direction)
    told = (progress.on_features, progress.on_features_refused)
    trainer = dataclasses.replace(
        parts.trainer,
        features=components.make_features(config, parts.dataset, *told),
        notices=Notices(progress.on_notice),
    )
    parts = dataclasses.replace(parts, trainer=trainer)
    for sentence in lost:
        trainer.notices.tell(sentence)
    try:
        tuner = Tuner(
            oracle=parts.oracle,
            trainer=parts.trainer,
            begin=begin,
            directory=folder.path,
            files=files,
            epochs=config.training.epochs,
            callbacks=callbacks,
            max_failed_trials=config.max_failed_trials,
            max_seconds=config.max_seconds,
            verification=Verification(trainer, config.training.verify),
            earlier=_catch_up(config, parts.oracle, folder, progress, callbacks, console),
            should_stop=interruption.requested,
        )
        with interruption.awaited():
            tuner.search()
        known = None if folder.past is None else folder.past.evaluation
        evaluated = evaluate_best(config, tuner, files, begin, folder.path, parts.trainer, known)
        for callback in callbacks:
            callback.on_evaluation_end(evaluated)
    finally:
        progress.close()
        journal.close()
        if reporting is not None:
            tell_missing_report(console, folder.path, reporting.close())
        delivery = tracking.close()
        tell_undelivered(console, folder.path, delivery)
    result = SearchResult(folder.path, read(folder.path), folder.path / evaluated.model)
    tell_result(console, result.directory, result.history, config.tracking.uri, delivery)
    return result


def _deliver_rest(
    config: Config, directory: Path, console: Console
) -> tuple[SearchResult, Delivery]:
    """Bring MLflow what the process that finished a search did not live to deliver."""
    tracking = _make_tracking(config, directory)
    tracking.start()
    delivery = tracking.close()
    tell_undelivered(console, directory, delivery)
    history = read(directory)
    if history.evaluation is None:
        assert history.end is not None
        raise SearchError(str(history.end.message), directory)
    return SearchResult(directory, history, directory / history.evaluation.model), delivery


def _make_tracking(config: Config, directory: Path) -> Tracking:
    tracking: Tracking = components.explained(
        "tracking",
        Tracking,
        directory,
        uri=config.tracking.uri,
        experiment=config.tracking.experiment,
        registered_model=config.tracking.registered_model,
    )
    return tracking


@dataclass(frozen=True)
class _Parts:
    """What the configuration names, built; nothing is written yet."""

    dataset: Dataset
    hypermodel: keras_tuner.HyperModel
    space: keras_tuner.HyperParameters
    oracle: keras_tuner.Oracle
    trainer: Trainer

    @classmethod
    def of(cls, config: Config) -> "_Parts":
        """Build everything, the cheap first, so that a mistake is answered early."""
        dataset = components.make_dataset(config)
        components.explained("tracking", check_uri, config.tracking.uri, config.tracking.experiment)
        hypermodel = components.make_hypermodel(config, dataset)
        space = components.make_space(config, hypermodel)
        oracle = components.make_oracle(config, space)
        trainer = components.make_trainer(config, dataset, hypermodel, oracle.objective)
        return cls(dataset, hypermodel, space, oracle, trainer)


def _describe(
    config: Config, parts: _Parts, overrides: Sequence[str], sweep: str | None
) -> SearchBegin:
    """Describe the search, with no secret in the description."""
    uri, shown = config.tracking.uri, redact(config.tracking.uri)
    container: Any = OmegaConf.to_container(OmegaConf.structured(config), enum_to_str=True)
    plain: dict[str, Any] = container
    plain["tracking"]["uri"] = shown
    return describe(
        config,
        parts.dataset,
        parts.hypermodel,
        parts.oracle,
        plain=plain,
        overrides=[item.replace(uri, shown) for item in overrides],
        sweep=sweep,
    )


def _resume_of(config: Config, oracle: keras_tuner.Oracle) -> Resume:
    """Return `never` for an oracle that cannot continue, unless it must."""
    if hasattr(oracle, "restore"):
        return config.resume
    if config.resume is Resume.must:
        raise ConfigError(
            f"resume=must needs a strategy that can continue; {type(oracle).__name__} is no "
            "pipeline.strategies.Oracle"
        )
    return Resume.never


def _catch_up(
    config: Config,
    oracle: keras_tuner.Oracle,
    folder: Folder,
    progress: Progress,
    callbacks: Sequence[SearchCallback],
    console: Console,
) -> Earlier:
    """Bring the oracle and the terminal to where an unfinished search was."""
    if folder.past is None:
        return Earlier()
    progress.replay(record for _, record in follow(folder.path))
    for end in continuation.lost_attempts(folder.past, config.max_attempts):
        for callback in callbacks:
            callback.on_trial_end(end)
    past = read(folder.path)
    oracle.restore(continuation.restored_trials(past))
    console.print(f"Continuing {folder.path.name} at {continuation.position(past)}", soft_wrap=True)
    return continuation.earlier(past)
