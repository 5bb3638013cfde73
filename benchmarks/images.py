"""A search of small convolutional networks on a folder of images, beside KerasTuner.

    python -m benchmarks.images --case photographs --trials 10 --epochs 5 --repeats 3
    python -m benchmarks.images --case small_images --trials 6 --epochs 3 --repeats 3

3,000 generated photographs of 640 x 480 pixels that are read at 96 x 96, or 6,000 of 160 x 160. All
have the same images for training and validation, and the same hyperparameters. KerasTuner reads
them as Keras's guide does, with prefetching, or keeps what it decoded by `.cache()`. The images are
made once, in a folder of their own.
"""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.comparison import add_timings, compare, in_process, timings_table
from benchmarks.image_folders import IMAGES, made
from benchmarks.measuring import in_fresh_process, machine, search_arguments, show
from benchmarks.work import Work
from pipeline.journal.history import read

_CONTENDERS = {
    "keras_tuner, no tracking": "images_plain",
    "keras_tuner cached, no tracking": "images_cached",
    "ours, everything on": "ours",
}


def seconds_to_first_trial(work: Work) -> float:
    """Return from when to when a second search of the same folder begins its first trial.

    Args:
        work: The search; the first one has its first trial alone, and one epoch.
    """
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".benchmark-") as name:
        folder = Path(name)
        in_process("ours", replace(work, epochs=1, sets=work.sets[:1]), folder)
        known = set((folder / "searches").glob("*/journal.jsonl"))
        start = time.time()
        in_process("ours", work, folder)
        (journal,) = set((folder / "searches").glob("*/journal.jsonl")) - known
        return read(journal.parent).attempts[0].begin.time - start


def _draw_sets(case: str, count: int) -> tuple[Mapping[str, Any], ...]:
    from benchmarks import cases, image_cases

    return cases.drawn(image_cases.hypermodel(case), count)


def main() -> None:
    """Measure and print."""
    parser = search_arguments(__doc__, trials=10)
    parser.add_argument("--case", choices=sorted(IMAGES), default="photographs")
    parser.add_argument("--data", type=Path, default=Path(".benchmark-images"))
    options = parser.parse_args()
    data = made(IMAGES[options.case], options.data.resolve())
    sets = in_fresh_process(_draw_sets, options.case, options.trials)
    work = Work(options.case, options.epochs, sets, data)
    title = f"{options.trials} trials of {options.epochs} epochs, images ({options.case})"
    table = timings_table(title, machine())
    add_timings(table, compare(_CONTENDERS, work, options.repeats))
    show(table)
    seconds = seconds_to_first_trial(replace(work, sets=sets[:2]))
    Console().print(
        f"\nA second search of the same folder begins its first trial in {seconds:.1f} s."
    )


if __name__ == "__main__":
    main()
