"""Commands as people give them: the pipeline's, and MLflow's that keep running."""

import contextlib
import json
import multiprocessing
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Scripts are found where an activated environment has them, the package from any folder.
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
}

NO_REPORT = "report.every_seconds=null"
"""Most tests have no use for a report, and to make one takes as long as a small search."""


def arguments_of(line: str) -> list[str]:
    """Return the arguments of a command line; it makes no report, unless it says so."""
    arguments = shlex.split(line)
    spoken = ("report.", "-h", "--help", "--cfg", "--version")
    said = any(item.startswith(spoken) for item in arguments)
    return arguments if said else [*arguments, NO_REPORT]


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def running(*command: str, directory: Path, ready: str) -> Iterator[None]:
    """Run a command in a folder until the block ends; it has started when `ready` answers."""
    log = directory / f"{ready.rpartition(':')[2].partition('/')[0]}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=ENVIRONMENT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        patience = time.monotonic() + 90
        while not _answers(ready):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < patience, log.read_text()
            time.sleep(0.2)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def post(url: str, content: object) -> dict:
    """Send JSON, return the JSON that is answered."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(content).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def check_that_one_of_two_works(target: Callable[..., None], folder: Path) -> None:
    """Run a function in two processes that begin together; one of them is to do the work.

    Args:
        target: Takes a folder, a barrier to wait at, and a queue to put its process's id in when it
            works.
        folder: What both work in.
    """
    fresh = multiprocessing.get_context("spawn")
    both, working = fresh.Barrier(2), fresh.Queue()
    others = [fresh.Process(target=target, args=(folder, both, working)) for _ in range(2)]
    for other in others:
        other.start()
    for other in others:
        other.join(60)
    assert [other.exitcode for other in others] == [0, 0]
    assert working.get(timeout=60) in {other.pid for other in others}
    assert working.empty()


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
        return True
    return False
