"""Searches whose tracking server is down, dies, answers badly or not at all: nothing is lost."""

import contextlib
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.journal.callbacks import SearchEnd, Status, TrialBegin
from pipeline.journal.history import FILE_NAME, follow, read
from pipeline.tracking.__main__ import DELIVERED, UNREACHABLE, main
from pipeline.tracking.position import Position
from tests.commands import Ended, start
from tests.faulty_proxy import FAULTS, faulty_proxy
from tests.processes import ENVIRONMENT, free_port, running
from tests.stories import picture, runs

MINE = '''
import itertools
import os
import signal
import time

import keras

_calls = itertools.count(1)  # of all trials


class Gates(keras.callbacks.Callback):
    """Says that an epoch has been reached, and waits there until it may go on."""

    def __init__(self, at=(), pause=0.0):
        super().__init__()
        self.at, self.pause = at, pause

    def on_epoch_end(self, epoch, logs=None):
        call = next(_calls)
        time.sleep(self.pause)
        if call in self.at:
            open(f"reached-{call}", "w").close()
            while not os.path.exists(f"open-{call}"):
                time.sleep(0.02)


class Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        os.kill(os.getpid(), signal.SIGINT)


class Fail(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise ValueError("not today")
'''
WINE = "dataset=wine strategy.max_trials=3 training.epochs=3"
SENTENCE = re.compile(
    r"^MLflow does not have (\d+) records yet \((.+)\); deliver them with: "
    r"python -m pipeline\.tracking (\S+)$",
    re.MULTILINE,
)


class Server:
    """A tracking server that can be started and killed; started again it has what it had."""

    def __init__(self, place: Path, database: Path) -> None:
        place.mkdir()
        shutil.copyfile(database, place / "mlflow.db")
        self._place = place
        self._port = free_port()
        self._process = contextlib.ExitStack()
        self._is_running = False
        self.uri = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it unless it runs: each test can be run by itself."""
        if self._is_running:
            return
        self._is_running = True
        command = ["mlflow", "server", "--port", str(self._port), "--workers", "1"]
        command += ["--backend-store-uri", "sqlite:///mlflow.db"]
        ready = f"{self.uri}/health"
        self._process.enter_context(running(*command, directory=self._place, ready=ready))

    def kill(self) -> None:
        self._process.close()
        self._is_running = False


@pytest.fixture(scope="module")
def server(tmp_path_factory, empty_store):
    server = Server(tmp_path_factory.mktemp("faults") / "server", empty_store)
    yield server
    server.kill()


class Search:
    """A `python -m pipeline` in a process and a folder of its own."""

    def __init__(self, folder: Path, uri: str, line: str = WINE, **environment: str) -> None:
        folder.mkdir()
        (folder / "mine.py").write_text(MINE)
        self.name = folder.name  # of its experiment and its registered model
        names = f"tracking.experiment={self.name} tracking.registered_model={self.name}"
        self.folder = folder
        environment |= {"no_proxy": "127.0.0.1"}  # there is no network but this
        self.process = start(f"{line} tracking.uri={uri} {names}", folder, **environment)

    @property
    def directory(self) -> Path:
        (journal,) = self.folder.glob(f"outputs/searches/*/{FILE_NAME}")
        return journal.parent

    def reach(self, call: int) -> None:
        """Wait until it is at a gate."""
        until((self.folder / f"reached-{call}").exists)

    def go_on(self, call: int) -> None:
        (self.folder / f"open-{call}").touch()

    def kill(self) -> None:
        self.process.kill()

    def end(self) -> Ended:
        return Ended(*self.process.wait())

    def deliver(self, command: str) -> Ended:
        """Give the command that it named, in a new process."""
        arguments = [sys.executable, *command.split()[1:]]
        done = subprocess.run(
            arguments, cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=200
        )
        return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def begin(tmp_path):
    """Begins searches, and lets none outlive the test."""
    with contextlib.ExitStack() as stack:

        def begin(name: str, *arguments: str, **environment: str) -> Search:
            search = Search(tmp_path / name, *arguments, **environment)
            stack.callback(search.kill)
            return search

        yield begin


def until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.05)


def gates(*at: int, pause: float = 0.0) -> str:
    return f"'+callbacks.gates={{_target_: mine.Gates, at: {list(at)}, pause: {pause}}}'"


def command_named(out: str) -> str:
    """Return the command of the one sentence on what MLflow does not have."""
    assert len(SENTENCE.findall(out)) == 1, out
    match = SENTENCE.search(out)
    assert match is not None
    assert int(match[1]) > 0
    return match[0].rpartition(": ")[2]


def assert_complete(search: Search, uri: str, clean: str, status: str = "FINISHED") -> None:
    """Assert that a store shows exactly what a clean one shows that gets the journal in one go."""
    assert main([str(search.directory), "--uri", clean]) == 0
    shown, expected = picture(uri, search.name), picture(clean, search.name)
    for name, run in expected.items():
        for what, value in run.items():
            assert shown[name][what] == value, (name, what)
    assert shown == expected
    history = read(search.directory)
    assert len(shown) == 1 + len(history.attempts)
    assert "RUNNING" not in {run["status"] for run in shown.values()}
    parent = shown[history.begin.name]
    assert parent["status"] == status
    models = 0 if history.evaluation is None else 1
    assert len(parent["models"]) == len(parent["versions"]) == parent["outputs"] == models
    versions = MlflowClient(uri).search_model_versions(f"name = '{search.name}'")
    assert len(versions) == models  # none of runs that were deleted


def assert_remembered(search: Search) -> None:
    """Assert that the search's own store has nothing left to get."""
    position = Position.read(search.directory)
    assert position is not None
    assert position.offset == (search.directory / FILE_NAME).stat().st_size


@pytest.mark.thorough
def test_down_at_the_start_killed_in_the_middle_and_away_at_the_end(server, store, begin):
    search = begin("away", server.uri, f"{WINE} {gates(2, 5, 8)}")
    search.reach(2)
    server.start()
    until(lambda: "trial 0000" in runs(server.uri, "away"))
    search.go_on(2)
    search.reach(5)
    server.kill()
    search.go_on(5)
    search.reach(8)
    server.start()
    until(lambda: "trial 0002" in runs(server.uri, "away"))
    assert runs(server.uri, "away")["trial 0001"].info.status == "FINISHED"
    server.kill()
    search.go_on(8)
    ended = search.end()
    assert ended.code == 0, ended.err
    assert ended.err == ""
    command = command_named(ended.out)

    assert "View run" not in ended.out  # MLflow's own lines

    server.start()
    delivered = search.deliver(command)
    assert delivered.code == 0, delivered.err
    assert len(delivered.out.splitlines()) == 1
    assert f"to {server.uri}; registered away version 1; alias best set" in delivered.out
    assert_complete(search, server.uri, store)
    assert_remembered(search)


@pytest.mark.thorough
def test_a_faulty_network(server, store, begin, monkeypatch):
    server.start()
    hurry = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "2", "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": "2"}
    with faulty_proxy(server.uri, seed=20, gaps=(3, 12)) as proxy:
        search = begin("faulty", proxy.uri, f"{WINE} {gates(pause=0.5)}", **hurry)
        ended = search.end()
        assert ended.code == 0, ended.err
        assert set(FAULTS) <= proxy.met.keys(), proxy.met
        with monkeypatch.context() as patch:
            for name, value in hurry.items():
                patch.setenv(name, value)
            assert main([str(search.directory)]) in (DELIVERED, UNREACHABLE)
        proxy.faulty = False
        until(lambda: proxy.pending == 0)
        assert main([str(search.directory)]) == DELIVERED
    assert_complete(search, server.uri, store)
    assert_remembered(search)


def test_the_search_is_killed_while_it_delivers(server, store, begin):
    server.start()
    with faulty_proxy(server.uri, seed=0, gaps=(1, 1)) as proxy:
        proxy.faulty = False
        search = begin("killed", proxy.uri, f"{WINE} {gates(8, pause=0.2)}")
        until(lambda: proxy.met["none"] >= 10)
        search.kill()
        until(lambda: proxy.pending == 0)
        assert main([str(search.directory)]) == DELIVERED
    assert_complete(search, server.uri, store, status="KILLED")
    assert_remembered(search)


def test_nobody_waits_for_a_server_that_never_answers(server, store, begin):
    server.start()
    hang = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "3600"}
    nobody = f"http://127.0.0.1:{free_port()}"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        search = begin("silent", f"http://127.0.0.1:{silent.getsockname()[1]}", **hang)
        interrupted = begin("interrupted", nobody, f"{WINE} +callbacks.x._target_=mine.Interrupt")
        failed = begin("failed", nobody, f"{WINE} verbose=0 +callbacks.x._target_=mine.Fail")
        ended, interruption, failure = search.end(), interrupted.end(), failed.end()
    assert ended.code == 0, ended.err
    command = command_named(ended.out)
    records = [record for _, record in follow(search.directory)]
    begun = next(record for record in records if isinstance(record, TrialBegin))
    over = next(record for record in records if isinstance(record, SearchEnd))
    assert over.status is Status.COMPLETED
    assert over.time - begun.time < 60
    # What ended otherwise says so as well, even if nothing but errors shall be said.
    assert interruption.code == 130
    assert interruption.err == "interrupted; the same command continues this search\n"
    assert failure.code == 1
    assert failure.out == ""
    for one, told in ((interrupted, interruption.out), (failed, failure.err)):
        assert command_named(told).endswith(str(one.directory.relative_to(one.folder)))
    # The whole search goes to another server afterwards.
    delivered = search.deliver(f"{command} --uri {server.uri}")
    assert delivered.code == 0, delivered.err
    assert_complete(search, server.uri, store)
    for one, status in ((interrupted, "KILLED"), (failed, "FAILED")):
        assert main([str(one.directory), "--uri", server.uri]) == DELIVERED
        assert_complete(one, server.uri, store, status)
