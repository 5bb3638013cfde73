"""`python -m pipeline.report DIR_OR_RUN`: makes the report of a search."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.files import REPORT_FILE, StorageError, replacing
from pipeline.loading import load_search
from pipeline.report.page import render

WRITTEN, UNREACHABLE, WRONG = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Instead of the process's own.

    Returns:
        The exit code: 0 written, 1 MLflow could not be reached, 2 the arguments are wrong.
    """
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.report",
        description="Make the report of a search: finished, running or interrupted.",
    )
    parser.add_argument("place", metavar="DIR_OR_RUN", help="its folder, or its run's id in MLflow")
    parser.add_argument(
        "--uri",
        help="the run's tracking store (default: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        help=f"the file to write (default: {REPORT_FILE} in the folder; of a run, in this one)",
    )
    options = parser.parse_args(arguments)
    try:
        search = load_search(options.place, options.uri)
        links = search.links()
    except ConnectionError as error:
        return _complain(str(error), UNREACHABLE)
    except ValueError as error:
        return _complain(str(error), WRONG)
    path: Path = options.output or Path(search.directory or ".", REPORT_FILE)
    page = render(search.history, links)
    try:
        with replacing(path) as file:
            file.write(page.encode())
    except StorageError as error:
        return _complain(str(error), WRONG)
    sys.stdout.write(f"{path}\n")
    return WRITTEN


def _complain(sentence: str, code: int) -> int:
    sys.stderr.write(f"error: {sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
