"""`python -m pipeline.report DIR_OR_RUN`: makes the report of a search or of a sweep."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.journal.files import REPORT_FILE, StorageError, replacing
from pipeline.report.page import render
from pipeline.results.loading import load_search
from pipeline.sweep.loading import is_sweep, load_sweep
from pipeline.sweep.page import FILE_NAME as COMPARISON
from pipeline.sweep.page import render_comparison

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
        description="Make the report of a search or a sweep: finished, running or interrupted.",
    )
    parser.add_argument(
        "place", metavar="DIR_OR_RUN", help="its folder, or the id of its run in MLflow"
    )
    parser.add_argument(
        "--uri",
        help="the run's tracking store (default: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        help=f"the file to write (default: {REPORT_FILE}, or {COMPARISON} of a sweep, in the "
        "folder; of a run, in this one)",
    )
    options = parser.parse_args(arguments)
    try:
        path, page = _make(options.place, options.uri, options.output)
    except ConnectionError as error:
        return _complain(str(error), UNREACHABLE)
    except ValueError as error:
        return _complain(str(error), WRONG)
    try:
        with replacing(path) as file:
            file.write(page.encode())
    except StorageError as error:
        return _complain(str(error), WRONG)
    sys.stdout.write(f"{path}\n")
    return WRITTEN


def _make(place: str, uri: str | None, output: Path | None) -> tuple[Path, str]:
    """Return where the report of a search or a sweep goes, and the report."""
    if is_sweep(place, uri):
        sweep = load_sweep(place, uri)
        path = output or Path(sweep.directory or ".", COMPARISON)
        return path, render_comparison(sweep, path.parent)
    search = load_search(place, uri)
    path = output or Path(search.directory or ".", REPORT_FILE)
    return path, render(search.history, search.links())


def _complain(sentence: str, code: int) -> int:
    sys.stderr.write(f"error: {sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
