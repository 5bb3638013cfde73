"""Processes that run one command of the pipeline each, forked from one that has it imported."""

import json
import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerContext
from pathlib import Path

from tests.processes import ROOT, arguments_of
from tests.search.fault_points import Point, Watch

_PATIENCE = 300.0
_IMPORTED = (
    "pytest",
    "tests.search.fault_process",
    "tests.search.fault_training",
    "pipeline.__main__",
    "pipeline.search.search",
    "pipeline.tracking.models",
    "pipeline.evaluation.best_model",
    "matplotlib.backends.backend_agg",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
)


def context() -> ForkServerContext:
    """Return what starts the processes; Keras and MLflow take seconds to import, a fork none."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_IMPORTED))
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, dict.fromkeys(paths)))
    return context


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
    process.join(_PATIENCE)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"{line} did not end within {_PATIENCE:g} seconds in {folder}")
    return process.exitcode


def output_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-output.txt")


def counts_of(folder: Path) -> dict[str, int]:
    return json.loads(folder.with_name(f"{folder.name}-counts.json").read_text())


def _live(line: str, folder: Path, real: bool, point: Point | None) -> None:
    import pipeline
    from pipeline.__main__ import main

    assert Path(pipeline.__file__).is_relative_to(ROOT)
    os.chdir(folder)
    output = os.open(output_of(folder), os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout, sys.stderr = (os.fdopen(file, "w", closefd=False) for file in (1, 2))
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
