"""What the measurements have in common: fresh processes, places in turn, and tables."""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table

Answer = TypeVar("Answer")

# Processes inherit them: nobody logs at length, or waits for a server of its maker's.
for _name, _value in {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "RAY_USAGE_STATS_ENABLED": "0",
}.items():
    os.environ.setdefault(_name, _value)

_CONF = Path(__file__).parent / "conf"
_PACKAGES = ("keras", "tensorflow", "keras-tuner", "mlflow")


def in_fresh_process(function: Callable[..., Answer], *arguments: object) -> Answer:
    """Call a module's function in a spawned process of its own.

    Args:
        function: What to call.
        *arguments: What to call it with.

    Returns:
        What it returned.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def told_by_command(arguments: Sequence[str], folder: Path) -> dict[str, Any]:
    """Run `python -m pipeline --json` in a process of its own, with the groups of conf/ here.

    Args:
        arguments: Of the command line; one search.
        folder: The working directory.

    Returns:
        What it tells of the search.
    """
    command = [sys.executable, "-m", "pipeline", "--json", f"--config-dir={_CONF}", *arguments]
    ended = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True, text=True)
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def in_turn(names: Sequence[str], number: int) -> list[str]:
    """Return who comes when in a round: in each the next one begins, and the first ones end it.

    Args:
        names: Whoever takes part.
        number: The round's, from 0.

    Returns:
        The names in the round's order.
    """
    first = number % len(names)
    return [*names[first:], *names[:first]]


def empty_table(title: str, first: str, columns: Sequence[str], caption: str) -> Table:
    """Return a table in Markdown: one column of names, then columns of figures.

    Args:
        title: What was done.
        first: The title of the column of names.
        columns: The titles of the columns of figures.
        caption: Where and when it was measured.

    Returns:
        The table, without rows.
    """
    table = Table(title=title, caption=caption, box=box.MARKDOWN)
    table.title_justify = table.caption_justify = "left"
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def machine(*packages: str) -> str:
    """Say where and when it is measured: cores, processor, Python, versions of packages, date.

    Args:
        *packages: Peers' distributions, beside Keras, TensorFlow, KerasTuner and MLflow.

    Returns:
        One line.
    """
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    hardware = f"{os.cpu_count()} x {names[0] if names else platform.machine()}"
    versions = [f"{name} {version(name)}" for name in (*_PACKAGES, *packages)]
    python = f"Python {platform.python_version()}"
    return ", ".join([hardware, python, *versions, date.today().isoformat()])


def search_arguments(description: str | None, *, trials: int) -> argparse.ArgumentParser:
    """Return a parser of what the comparisons of whole searches have in common.

    Args:
        description: The module's docstring, of which the first line is shown.
        trials: The default number of trials.

    Returns:
        The parser, with `--trials`, `--epochs` and `--repeats`.
    """
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=trials)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    return parser


def show(table: Table) -> None:
    """Print a table, whether to a terminal or into a file."""
    Console(width=160).print(table)
