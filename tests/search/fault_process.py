"""Searches in processes of their own that die at a point."""

import json
import sys
from pathlib import Path

from tests.processes import ROOT, arguments_of
from tests.search.fault_points import Point, Watch
from tests.warm import PATIENCE, context, settle


def run(line: str, folder: Path, *, real: bool, point: Point | None = None) -> int:
    """Run `python -m pipeline` in a folder until it ends, or dies at a point.

    Args:
        line: The command's overrides.
        folder: The working directory; `counts.json` and `output.txt` beside it tell of the run.
        real: Whether Keras trains; else trainings are made up.
        point: Where to die; None lets it end.

    Returns:
        Its exit code, -9 if it was killed.
    """
    process = context().Process(target=_live, args=(line, folder, real, point), daemon=True)
    process.start()
    process.join(PATIENCE)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"{line} did not end within {PATIENCE:g} seconds in {folder}")
    return process.exitcode


def output_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-output.txt")


def counts_of(folder: Path) -> dict[str, int]:
    return json.loads(folder.with_name(f"{folder.name}-counts.json").read_text())


def _live(line: str, folder: Path, real: bool, point: Point | None) -> None:
    import pipeline
    from pipeline.__main__ import main

    assert Path(pipeline.__file__).is_relative_to(ROOT)
    settle(folder, output_of(folder), output_of(folder))
    if not real:
        from tests.search import fault_training

        fault_training.make_up_trainings()
    sys.argv = ["pipeline", *arguments_of(line)]
    watch = Watch(folder, point)
    watch.begin()
    code = main()
    sys.settrace(None)
    folder.with_name(f"{folder.name}-counts.json").write_text(json.dumps(watch.counts))
    sys.exit(code)
