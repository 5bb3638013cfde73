"""What several test modules share: how the libraries behave, and stores that are ready to use."""

import gc
import itertools
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.kept import Kept
from tests.sampled import mark_sampled

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read when MLflow is first imported
os.environ["MLFLOW_LOGGING_LEVEL"] = "WARNING"  # so is this; the command line sets both
os.environ["MLFLOW_WORKERS"] = "1"  # of the four in which a server imports MLflow
os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # which takes eight processes more
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ.pop("MLFLOW_TRACKING_URI", None)

# Whoever starts a program in the background may have it ignore Ctrl-C; so would what we start.
signal.signal(signal.SIGINT, signal.default_int_handler)

_TESTS_A_COLLECTION = 50  # of everything, which takes half a second
_NUMBERS = itertools.count()  # of this process's tests

# Files that wait for servers, browsers and processes.
WAITING = (
    "tests/tracking/test_faults.py",
    "tests/tracking/test_server.py",
    "tests/tracking/test_browser.py",
    "tests/test_docs.py",
    "tests/test_main.py",
    "tests/search/test_faults.py",
    "tests/test_notebook.py",
    "tests/tracking/test_serving.py",
)

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # there is no network but this
]


def pytest_addoption(parser):
    help_ = "points at which each strategy's search is killed (test_faults.py); 25 are all"
    parser.addoption("--kills", type=int, default=1, help=help_)


def pytest_xdist_auto_num_workers():
    """One more than there are cores: some tests wait for a server, a browser or a process."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(tryfirst=True)  # before those that are thorough are left out
def pytest_collection_modifyitems(items):
    """Begin with the files whose tests wait for something: the others fill the time."""
    mark_sampled(items)
    items.sort(key=lambda item: not item.nodeid.startswith(WAITING))


def pytest_terminal_summary(terminalreporter):
    """Print the figures of the fault harness, and how much of Keras was compared."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.getreports(kind)]
    same = [value for r in reports for name, value in r.user_properties if name == "sameness"]
    if same:
        terminalreporter.write_line(
            f"sameness: {len(same)} classes of Keras, {sum(same)} arguments compared"
        )
    without = sum("chromium" in str(r.longrepr) for r in terminalreporter.getreports("skipped"))
    if without:
        terminalreporter.write_line(
            f"{without} tests of pages were left out: chromium is not installed", red=True
        )
    faults = [value for r in reports for name, value in r.user_properties if name == "faults"]
    if faults:
        kills, lost, doubled, runs = map(sum, zip(*faults, strict=True))
        terminalreporter.write_line(
            f"faults: {kills} kills, {len(faults)} searches, {lost} trials lost, "
            f"{doubled} trials doubled, {runs} runs doubled"
        )


@pytest.fixture(autouse=True)
def _quick_garbage_collections():
    """Before every model Keras looks for garbage: not in all that was imported, nor left behind."""
    if next(_NUMBERS) % _TESTS_A_COLLECTION == 0:
        gc.unfreeze()
        gc.collect()
    gc.freeze()  # a search has unfrozen everything


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium; without one the tests that need it are skipped, except in CI."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        assert os.environ.get("REQUIRE_BROWSER") != "1", "chromium is not installed"
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    """A SQLite file with MLflow's tables, which take more than a second to make."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    assert MlflowClient(f"sqlite:///{path}").get_experiment_by_name("digits") is None
    return path


@pytest.fixture
def store(empty_store, tmp_path) -> str:
    """The address of an empty store of this test."""
    shutil.copyfile(empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def tested_untraced(monkeypatch):
    """Test best models step by step: for a few rows, to trace them takes longer than the test.

    tests/evaluation and the searches of test_search.py that are about the test trace them.
    """
    from pipeline.evaluation import best_model

    traced = best_model.evaluate_and_predict

    def untraced(model, *arguments):
        model.run_eagerly = True
        return traced(model, *arguments)

    monkeypatch.setattr(best_model, "evaluate_and_predict", untraced)


@pytest.fixture
def command(tmp_path, monkeypatch, capfd):
    """The command line, in a folder of this test."""
    from tests.commands import Command

    command = Command(tmp_path, monkeypatch, capfd)
    yield command
    command.close()


@pytest.fixture(scope="session")
def kept(tmp_path_factory) -> Kept:
    """Folders that searches have left, for the tests that go on from there."""
    return Kept(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def full_disk(tmp_path):
    """A folder on a disk of its own with room for 256 kilobytes."""
    if os.geteuid() != 0 and "CI" not in os.environ:
        pytest.skip("only root can mount a disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
