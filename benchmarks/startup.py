"""How long a command takes that trains nothing, beside an import of KerasTuner.

    python -m benchmarks.startup --repeats 5

Each is a fresh process of `python`, in an empty folder. In every round another one begins.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from statistics import median

from benchmarks.measuring import empty_table, in_turn, machine, show

_PIPELINE = ("-m", "pipeline")
_COMMANDS = {
    "import keras_tuner": ("-c", "import keras_tuner"),
    "nothing": ("-c", "pass"),
    "ours, --help": (*_PIPELINE, "--help"),
    "ours, --cfg job": (*_PIPELINE, "--cfg", "job"),
    "ours, a misspelt key": (*_PIPELINE, "training.epoch=3"),
    "ours, a wrong value": (*_PIPELINE, "training.epochs=-3"),
}
_EXIT_CODES = {"ours, a misspelt key": 2, "ours, a wrong value": 2}


def seconds(command: str) -> float:
    """Run a command in a fresh process.

    Args:
        command: Its name.

    Returns:
        How long the process took.

    Raises:
        RuntimeError: It ended otherwise than it should.
    """
    with tempfile.TemporaryDirectory() as folder:
        arguments = [sys.executable, *_COMMANDS[command]]
        start = time.perf_counter()
        ended = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)
        taken = time.perf_counter() - start
    if ended.returncode != _EXIT_CODES.get(command, 0):
        raise RuntimeError(f"{command}: exit code {ended.returncode}\n{ended.stderr}")
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    names = list(_COMMANDS)
    rounds = [{name: seconds(name) for name in in_turn(names, one)} for one in range(repeats)]
    title = f"Seconds a command, of {repeats} runs"
    table = empty_table(title, "command", ("median", "min", "max", "ratio"), machine())
    base = median(taken[names[0]] for taken in rounds)
    for command in names:
        own = [taken[command] for taken in rounds]
        figures = (median(own), min(own), max(own))
        table.add_row(command, *(f"{x:.2f}" for x in figures), f"{median(own) / base:.3f}")
    show(table)


if __name__ == "__main__":
    main()
