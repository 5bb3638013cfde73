"""The process of one contender: `python -m benchmarks.contenders NAME FOLDER`.

The folder holds the work, and is given the outcome with the times, which are those of the clock
that all processes share.
"""

import importlib
import pickle
import sys
import time
from pathlib import Path

from benchmarks.measured import Measured, outcome_file, work_file
from benchmarks.process_memory import most_megabytes


def main() -> None:
    """Search."""
    folder = Path(sys.argv[2])
    work = pickle.loads(work_file(folder).read_bytes())
    contender = importlib.import_module(f"benchmarks.contenders.{sys.argv[1]}")
    imported = time.monotonic()
    from benchmarks import trainings  # of Keras, which the contender has imported

    trainings.note_first(folder)
    outcome = contender.search(work, folder)
    end, first = time.monotonic(), trainings.first(folder)
    measured = Measured(outcome, imported, end, first, most_megabytes())
    outcome_file(folder).write_bytes(pickle.dumps(measured))


if __name__ == "__main__":
    main()
