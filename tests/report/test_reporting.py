"""The report of a search that runs: renewed by its own process, and sent to MLflow."""

import os
import queue
import threading
import time
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient

from pipeline.configuration.composition import compose_config
from pipeline.journal.history import Journal
from pipeline.report import renewal
from pipeline.report.live import follow
from pipeline.report.renewal import Reporting
from pipeline.search import run_search
from tests import records
from tests.stories import EXPERIMENT, Story, courier, runs


class Feed:
    """Lines that come when a test says so."""

    def __init__(self, renew=lambda: None, every_seconds=0.0):
        self.made: queue.Queue[float] = queue.Queue()
        self.lines: queue.Queue[str | None] = queue.Queue()

        def make():
            self.made.put(time.monotonic())
            renew()

        arguments = {"every_seconds": every_seconds}
        self.thread = threading.Thread(
            target=follow, args=(iter(self.lines.get, None), make), kwargs=arguments
        )
        self.thread.start()

    def end(self):
        self.lines.put(None)
        self.thread.join(10)
        assert not self.thread.is_alive()


def test_a_report_is_renewed_when_something_is_new():
    feed = Feed()
    for _ in range(2):
        feed.lines.put("\n")
        feed.made.get(timeout=10)
    assert feed.made.empty()
    feed.end()
    assert feed.made.qsize() == 1  # the last version


def test_news_that_come_too_early_share_one_version():
    feed = Feed(every_seconds=1.0)
    feed.lines.put("\n")
    first = feed.made.get(timeout=10)
    for _ in range(5):
        feed.lines.put("\n")
    assert feed.made.get(timeout=10) - first >= 1.0
    feed.end()
    assert feed.made.qsize() == 1


def test_the_end_does_not_wait():
    feed = Feed(every_seconds=1000.0)
    for _ in range(2):
        feed.lines.put("\n")
    feed.made.get(timeout=10)
    feed.end()
    assert feed.made.qsize() == 1


def close(reporting):
    return reporting.close(60.0, waits=lambda: None)


def drawing():
    """Return the process that draws the report."""
    children = psutil.Process().children()
    return next(child for child in children if "pipeline.report.live" in child.cmdline())


class Search:
    """A search's journal and its report, fed by hand."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.path = folder / "report.html"
        self.journal = Journal(folder)
        self.reporting = Reporting(folder, every_seconds=0.0)

    def tell(self, story):
        for record in story.records:
            records.tell(self.journal, record)
            records.tell(self.reporting, record)
        story.records = []

    def wait_for(self, text):
        end = time.monotonic() + 60
        while not (self.path.exists() and text in self.path.read_text(encoding="utf-8")):
            assert time.monotonic() < end, f"no {text!r} in {self.path}"
            time.sleep(0.05)


def test_the_report_grows_with_the_search(tmp_path):
    search, story = Search(tmp_path), Story().begin()
    for trial in ("0000", "0001"):
        search.tell(story.trial(trial))
        search.wait_for(f">{trial}<")
    search.tell(story.end(message="stopped by hand"))
    assert close(search.reporting) is None
    assert "stopped by hand" in search.path.read_text(encoding="utf-8")


def test_a_report_that_cannot_be_made_says_why(tmp_path):
    reporting = Reporting(tmp_path, every_seconds=0.0)  # there is no journal
    reporting.on_epoch_end(records.epoch_end())
    assert "journal.jsonl" in str(close(reporting))


def test_a_process_that_was_stopped_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(renewal, "_SILENCE", 0.1)
    search = Search(tmp_path)
    search.tell(Story().begin().trial("0000"))
    process = drawing()
    process.suspend()
    search.tell(Story().trial("0001"))
    waited = []
    reason = search.reporting.close(0.5, waits=lambda: waited.append(True))
    assert (reason, waited) == ("it was not ready within 0.5 seconds", [True])
    assert not process.is_running()


def test_a_process_that_was_killed_ends_no_search(tmp_path):
    search = Search(tmp_path)
    search.tell(Story().begin().trial("0000"))
    process = drawing()
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    search.tell(Story().trial("0001"))
    assert close(search.reporting) == "unknown error"


def test_a_continued_search_without_a_trial_left_has_one_too(tmp_path):
    search, earlier = Search(tmp_path), Story().begin().trial("0000")
    for record in earlier.records:
        records.tell(search.journal, record)
    search.tell(Story().end(message="nothing was left"))
    assert close(search.reporting) is None
    assert "nothing was left" in search.path.read_text(encoding="utf-8")


def test_a_search_that_never_began_has_none(tmp_path):
    assert close(Reporting(tmp_path, every_seconds=0.0)) is None


def sent(store, folder, experiment="e") -> str:
    """Return the report that MLflow has."""
    run = runs(store, experiment)["digits-mlp-random"].info.run_id
    path = MlflowClient(store).download_artifacts(run, "report.html", str(folder))
    return Path(path).read_text(encoding="utf-8")


def test_mlflow_has_the_last_version(store, tmp_path):
    folder, report = tmp_path / "s1", tmp_path / "s1" / "report.html"
    story = Story().begin().trial()
    story.write(folder)
    one = courier(folder, store)
    report.write_text("first")
    one.deliver()
    assert sent(store, tmp_path, EXPERIMENT) == "first"
    report.write_text("second")
    one.deliver()  # the search runs, and the first one is not old yet
    assert sent(store, tmp_path, EXPERIMENT) == "first"
    story.end().write(folder)
    one.deliver()
    assert sent(store, tmp_path, EXPERIMENT) == "second"
    report.write_text("third")
    one.deliver()  # nothing else is new
    assert sent(store, tmp_path, EXPERIMENT) == "third"


@pytest.mark.usefixtures("tested_untraced")
def test_a_search_has_a_report_that_links_to_its_runs(store, tmp_path, capfd):
    small = ["strategy=random", "strategy.max_trials=2", "training.epochs=1"]
    where = [f"tracking.uri={store}", f"storage={tmp_path / 'searches'}", "tracking.experiment=e"]
    result = run_search(compose_config([*small, *where]))
    report = result.directory / "report.html"
    assert f"Report: {report}" in capfd.readouterr().out
    text = report.read_text(encoding="utf-8")
    shown = runs(store, "e")
    for trial in ("0000", "0001"):
        assert f"/runs/{shown[f'trial {trial}'].info.run_id}" in text
    assert sent(store, tmp_path) == text
