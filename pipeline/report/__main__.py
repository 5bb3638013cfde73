"""`python -m pipeline.report DIRECTORY`: makes the report of a search."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.files import StorageError
from pipeline.history import FILE_NAME as JOURNAL
from pipeline.history import JournalError
from pipeline.report.page import FILE_NAME, write_report

WRITTEN, WRONG = 0, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Instead of the process's own.

    Returns:
        The exit code: 0 written, 2 the arguments are wrong.
    """
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.report",
        description="Make the report of a search: finished, running or interrupted.",
    )
    parser.add_argument("directory", type=Path, help="the search's folder")
    parser.add_argument(
        "--output", type=Path, help=f"the file to write (default: {FILE_NAME} in the folder)"
    )
    options = parser.parse_args(arguments)
    directory: Path = options.directory
    if not (directory / JOURNAL).is_file():
        return _complain(f"{directory} is no search's folder: it has no {JOURNAL}")
    try:
        path = write_report(directory, options.output)
    except (JournalError, StorageError) as error:
        return _complain(str(error))
    sys.stdout.write(f"{path}\n")
    return WRITTEN


def _complain(sentence: str) -> int:
    sys.stderr.write(f"error: {sentence}\n")
    return WRONG


if __name__ == "__main__":
    sys.exit(main())
