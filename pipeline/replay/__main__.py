"""`python -m pipeline.replay DIR_OR_RUN [TRIAL] [KEY=VALUE ...]`: trains one trial again."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.configuration.backend import check_backend
from pipeline.configuration.config import ConfigError
from pipeline.configuration.secrets import handed_over
from pipeline.replay.chosen import chosen
from pipeline.results.loading import Search, load_search
from pipeline.search.garbage import none_collected
from pipeline.terminal.quiet import without_startup_noise
from pipeline.terminal.wording import assignments

SAME, DIFFERS, WRONG, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Instead of the process's own.

    Returns:
        The exit code: 0 identical, or the seeds or the fork are done; 1 it differs, or the fork
        failed; 2 the trial cannot be trained as it was asked for; 130 interrupted.
    """
    parser = _parser()
    options = parser.parse_intermixed_args(arguments)
    changes = [item for item in options.rest if "=" in item or item.startswith("~")]
    trials = [item for item in options.rest if item not in changes]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    try:
        overrides = handed_over(changes)
        if len(trials) > 1:
            raise ConfigError(f"received the trials {', '.join(trials)}; allowed: one")
        if options.seeds is not None and overrides:
            raise ConfigError(f"--seeds trains the trial as it is; received {overrides[0]}")
        check_backend()
        search = load_search(options.place, options.uri)
        return _run(search, trials[0] if trials else None, overrides, options)
    except (ConnectionError, ValueError) as error:
        return _complain(str(error), WRONG)
    except KeyboardInterrupt as interruption:
        return _complain(f"interrupted; {interruption}".rstrip("; "), INTERRUPTED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.replay",
        description="Train one trial of a search again from what its journal says, and compare.",
    )
    parser.add_argument(
        "place", metavar="DIR_OR_RUN", help="the search's folder, or the id of its run in MLflow"
    )
    parser.add_argument(
        "rest",
        metavar="TRIAL KEY=VALUE",
        nargs="*",
        help="the trial (default: the best); overrides make it a fork, a search of its own",
    )
    parser.add_argument(
        "--seeds", type=_whole, metavar="N", help="train it with N other seeds: was it luck?"
    )
    parser.add_argument(
        "--uri",
        help="the run's tracking store (default: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db)",
    )
    parser.add_argument(
        "--config-dir", type=Path, help="the folder with modules that the search was given"
    )
    return parser


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be an integer >= 1; received {number}")
    return number


def _run(
    search: Search, trial: str | None, overrides: list[str], options: argparse.Namespace
) -> int:
    """Do what was asked for, and tell what came of it."""
    history = search.history
    attempt = chosen(history, trial)
    name = f"trial {attempt.begin.trial} of {history.begin.search}"
    _tell(f"{name}: {assignments(attempt.hyperparameters)}")
    with without_startup_noise(), none_collected():
        from pipeline.replay import replaying  # imports Keras
        from pipeline.search import SearchError
    if overrides:
        try:
            replaying.fork(
                history,
                attempt,
                overrides,
                config_dir=options.config_dir,
                page=search.links().get(attempt.begin.trial),
                uri=options.uri,
            )
        except SearchError as error:
            return _complain(str(error), DIFFERS)
        return SAME
    told = (options.config_dir, _tell, _tell_epoch)
    if options.seeds is not None:
        sentences = replaying.luck(history, attempt, options.seeds, *told).sentences()
        code = SAME
    else:
        outcome = replaying.replay(history, attempt, *told)
        sentences, code = outcome.sentences(), SAME if outcome.identical else DIFFERS
    for sentence in sentences:
        _tell(sentence)
    return code


def _tell(sentence: str) -> None:
    if sys.stdout.isatty():
        sys.stdout.write("\r\x1b[K")
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def _tell_epoch(trial: str, execution: int, epoch: int) -> None:
    """Show on a screen where the training is; the next sentence takes its place."""
    if sys.stdout.isatty():
        sys.stdout.write(f"\r\x1b[Ktrial {trial}, execution {execution}, epoch {epoch}")
        sys.stdout.flush()


def _complain(sentence: str, code: int) -> int:
    sys.stderr.write(f"error: {sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
