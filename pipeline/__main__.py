"""The command line: `python -m pipeline`; imports nothing heavy before a search starts."""

import contextlib
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import hydra
from hydra._internal.utils import get_args_parser  # there is no public one
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from pipeline.configuration.backend import check_backend
from pipeline.configuration.composition import (
    COMPOSITION_ERRORS,
    conf_dir,
    explain,
    register_schema,
    typed,
)
from pipeline.configuration.config import Config, ConfigError, Resume
from pipeline.configuration.partial_arguments import for_some_choices
from pipeline.configuration.secrets import handed_over
from pipeline.search.garbage import none_collected
from pipeline.sweep.continuation import Continuation, identifier, varied
from pipeline.sweep.json_summary import reserved_stdout, summarise
from pipeline.terminal.beginning import tell_libraries
from pipeline.terminal.quiet import quieten, without_startup_noise

COMPLETED, FAILED, WRONG_CONFIGURATION, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True)
class Outcome:
    """How one search of this command ended; what a sweep's comparison is made of.

    Attributes:
        exit_code: 0 completed, 1 could not, 2 the configuration is wrong, 130 interrupted.
        message: Why it did not complete; None if it did.
        directory: The search's folder; None if it never began.
    """

    exit_code: int
    message: str | None = None
    directory: Path | None = None


def main() -> int:
    """Run the command line.

    Returns:
        The exit code: 0, or that of the first search that did not complete.
    """
    if "--json" not in sys.argv[1:]:
        return _run(lambda _outcome: None)
    sys.argv.remove("--json")
    with reserved_stdout() as write:

        def tell(outcome: Outcome) -> None:
            write(summarise(outcome.exit_code, outcome.message, outcome.directory).line())

        return _run(tell)


def _run(tell: Callable[[Outcome], None]) -> int:
    """Run the command line without `--json`.

    Args:
        tell: Told how each search ended, or why there was none.
    """
    full_error = os.environ.get("HYDRA_FULL_ERROR") == "1"
    try:
        _sort_arguments()
        folders = [Path(folder) for folder in (_config_dir(), conf_dir()) if folder is not None]
        sys.argv[1:] = for_some_choices(handed_over(sys.argv[1:]), folders)
    except ConfigError as error:
        _complain(str(error))
        tell(Outcome(WRONG_CONFIGURATION, str(error)))
        return WRONG_CONFIGURATION
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    quieten()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then hands us its errors instead of exiting
    register_schema()
    outcomes: list[Outcome] = []
    composing = True

    @hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")
    def job(config: DictConfig) -> Outcome:
        nonlocal composing
        composing = False
        outcomes.append(_search(config, full_error))
        tell(outcomes[-1])
        return outcomes[-1]

    try:
        job()
    except COMPOSITION_ERRORS as error:
        if not composing:
            raise
        Continuation.withdraw()
        sentence = explain(error, _overrides(), _config_dir())
        _complain(sentence, error if full_error else None)
        tell(Outcome(WRONG_CONFIGURATION, sentence))
        return WRONG_CONFIGURATION
    except KeyboardInterrupt as interruption:
        sentence = f"interrupted; {_what_next(interruption)}"
        sys.stderr.write(f"{sentence}\n")
        directory = interruption.directory if isinstance(interruption, _Interrupted) else None
        tell(Outcome(INTERRUPTED, sentence, directory))
        return INTERRUPTED
    except SystemExit as stop:  # of Hydra for --help, of a callback that has said why
        if stop.code:
            code = stop.code if isinstance(stop.code, int) else FAILED
            tell(Outcome(code, str(stop.__cause__)))
        raise
    finally:
        Continuation.release()
    return next((outcome.exit_code for outcome in outcomes if outcome.exit_code), COMPLETED)


class _Interrupted(KeyboardInterrupt):
    """A search was interrupted that has a folder."""

    def __init__(self, message: str, directory: Path) -> None:
        super().__init__(message)
        self.directory = directory


def _search(composed: DictConfig, full_error: bool) -> Outcome:
    """Run one search and turn what it raises into an outcome, one sentence long."""
    directory: Path | None = None

    def note(folder: Path) -> None:
        nonlocal directory
        directory = folder

    try:
        config = typed(composed)
        check_backend()
        tell_libraries(config)
        with without_startup_noise(), none_collected():
            from pipeline.search import SearchError, run_search  # imports Keras
            from pipeline.search.exits import exits_are_failures
    except ConfigError as error:
        return _wrong(error, config=None, full_error=full_error)
    hydra_config = HydraConfig.get()
    overrides = list(hydra_config.overrides.task)
    sweep: str | None = None
    differs: list[str] = []
    if hydra_config.mode == RunMode.MULTIRUN:
        folder = Path(hydra_config.runtime.cwd, hydra_config.sweep.dir)
        sweep, differs = identifier(folder), varied(folder, overrides)
        if config.resume is Resume.must:  # the sweep is there; its later searches are not
            config.resume = Resume.auto
    try:
        with exits_are_failures(_complain):
            given = _config_dir()
            result = run_search(
                config,
                overrides=overrides,
                sweep=sweep,
                varied=differs,
                config_dir=None if given is None else Path(given),
                on_folder=note,
            )
    except ConfigError as error:
        return _wrong(error, config=config, full_error=full_error)
    except SearchError as error:
        _complain(str(error), error if full_error or config.verbose > 1 else None)
        return Outcome(FAILED, str(error), error.directory)
    except (Exception, SystemExit) as error:  # told in full, and the sweep's others go on
        _complain(f"unexpected {type(error).__name__}: {error}", error)
        return Outcome(FAILED, f"{type(error).__name__}: {error}", directory)
    except KeyboardInterrupt as interruption:
        if directory is None:
            raise
        raise _Interrupted(str(interruption), directory) from interruption
    return Outcome(COMPLETED, None, result.directory)


def _what_next(interruption: KeyboardInterrupt) -> str:
    """Say how to go on with an interrupted sweep or search."""
    if Continuation.held is None:
        return str(interruption) or "the search had not begun"
    again = " with resume=auto" if Continuation.held.resume is Resume.never else ""
    return f"the same command{again} continues this sweep"


def _wrong(error: ConfigError, *, config: Config | None, full_error: bool) -> Outcome:
    wanted = full_error or (config is not None and config.verbose > 1)
    _complain(str(error), error if wanted else None)
    return Outcome(WRONG_CONFIGURATION, str(error))


def _complain(sentence: str, error: BaseException | None = None) -> None:
    if error is not None:
        traceback.print_exception(error)
    sys.stderr.write(f"error: {sentence}\n")


def _refuse(message: str) -> NoReturn:
    raise ConfigError(
        f"{message}; allowed: KEY=VALUE, and what python -m pipeline --hydra-help lists"
    )


def _sort_arguments() -> None:
    """Put the overrides before the options, between which Hydra does not find them.

    Raises:
        ConfigError: An option is none; Hydra would print the usage of its parser as well.
    """
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            overrides = parser.parse_intermixed_args().overrides
        except SystemExit:  # of --version
            return
    options = sys.argv[1:]
    for item in overrides:
        options.remove(item)
    sys.argv[1:] = [*overrides, *options]


def _overrides() -> list[str]:
    return [item for item in sys.argv[1:] if "=" in item and not item.startswith("-")]


def _config_dir() -> str | None:
    arguments = sys.argv[1:]
    for index, item in enumerate(arguments):
        if item in ("--config-dir", "-cd") and index + 1 < len(arguments):
            return arguments[index + 1]
        if item.startswith("--config-dir="):
            return item.partition("=")[2]
    return None


if __name__ == "__main__":
    sys.exit(main())
