"""`python -m pipeline.tracking DIRECTORY`: delivers what MLflow does not have of a search yet."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

from pipeline.configuration.secrets import redact
from pipeline.journal.history import FILE_NAME as JOURNAL
from pipeline.journal.history import JournalError
from pipeline.terminal.quiet import quieten, without_startup_noise
from pipeline.tracking.addresses import describe_error, resolve
from pipeline.tracking.checks import check_uri
from pipeline.tracking.delivery import Courier
from pipeline.tracking.position import FILE_NAME, Position

DELIVERED, UNREACHABLE, WRONG, INTERRUPTED = 0, 1, 2, 130
_TRIES = 5  # in a row that brought nothing whole to a server that does answer
_PAUSE = 0.5  # seconds between two
_SECRET = "***"  # what `redact` leaves of one


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Instead of the process's own.

    Returns:
        The exit code: 0 delivered, 1 MLflow could not be reached, 2 the arguments are wrong,
        130 interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.tracking",
        description="Tell MLflow what it does not have of a search yet. Repeating it doubles "
        "nothing.",
    )
    parser.add_argument("directory", type=Path, help="the search's folder")
    parser.add_argument(
        "--uri", help="another tracking store, which gets the whole search (default: its own)"
    )
    options = parser.parse_args(arguments)
    quieten()
    try:
        with without_startup_noise():  # of TensorFlow, which a model's delivery loads
            return _run(options.directory, options.uri)
    except KeyboardInterrupt:
        return _complain("interrupted; repeating it delivers the rest", INTERRUPTED)
    except (ValueError, OSError) as error:
        return _complain(" ".join(str(error).split()), WRONG)


def _run(directory: Path, given: str | None) -> int:
    """Deliver a search's rest, to its own store unless one is given.

    Raises:
        ValueError: The arguments are wrong, or a file of the folder is damaged.
        OSError: The folder cannot be used.
    """
    courier, uri = _courier(directory, given)
    lock = FileLock(directory / "lock")  # the one that a running search holds
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _complain(f"{directory} is in use; a running search delivers itself", WRONG)
    try:
        return _deliver(courier, uri)
    finally:
        lock.release()


def _deliver(courier: Courier, uri: str) -> int:
    count = left = courier.undelivered()
    tries = 0
    while True:
        taken = courier.steps
        try:
            courier.deliver()
            courier.abandon()  # the lock says that nobody runs it
            break
        except JournalError:
            raise
        except Exception as error:  # MLflow raises too many kinds to list; each is told
            before, left = left, courier.undelivered()
            tries = tries + 1 if left == before else 0
            if tries == _TRIES or courier.steps == taken:
                reason = describe_error(uri, error)
                sentence = f"{left} records could not be delivered to {redact(uri)}: {reason}"
                return _complain(sentence, UNREACHABLE)
            time.sleep(_PAUSE)
    registered = f"; {courier.registered}" if courier.registered else ""
    sys.stdout.write(f"delivered {count} records to {redact(uri)}{registered}\n")
    return DELIVERED


def _courier(directory: Path, given: str | None) -> tuple[Courier, str]:
    if not (directory / JOURNAL).is_file():
        raise ValueError(f"{directory} is no search's folder: it has no {JOURNAL}")
    own = Position.read(directory) or _configured(directory)
    uri = given or (os.environ.get("MLFLOW_TRACKING_URI") if _SECRET in own.uri else own.uri)
    if uri is None:
        raise ValueError(
            f"the address {own.uri} has secrets, which are not kept: give it with --uri or as "
            "MLFLOW_TRACKING_URI"
        )
    check_uri(uri, own.experiment)
    uri = resolve(uri)
    is_own = redact(uri) == own.uri
    position = own if is_own else replace(own, uri=redact(uri), offset=0)
    return Courier(directory, uri, position, remember=is_own), uri


def _configured(directory: Path) -> Position:
    """Return what the search was configured with; it never got as far as delivering."""
    path = directory / "config.yaml"
    try:
        tracking = yaml.safe_load(path.read_text(encoding="utf-8"))["tracking"]
        uri = resolve(tracking["uri"])
        return Position(uri, tracking["experiment"], tracking["registered_model"])
    except FileNotFoundError as error:
        raise ValueError(
            f"{directory} has neither {FILE_NAME} nor config.yaml, which name the tracking store"
        ) from error
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} is damaged ({type(error).__name__}); its section `tracking` must name uri, "
            "experiment and registered_model"
        ) from error


def _complain(sentence: str, code: int) -> int:
    sys.stderr.write(f"error: {sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
