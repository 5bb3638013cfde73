import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from mlflow import MlflowClient

from pipeline.journal.callbacks import SearchCallback, Status
from pipeline.journal.history import Journal
from pipeline.tracking import Tracking, follower
from tests import records
from tests.stories import EXPERIMENT, Story, points, runs


class Search(SearchCallback):
    """Tells the journal first and then the tracking, as a search does."""

    def __init__(self, folder, uri, registered_model=None):
        folder.mkdir(exist_ok=True)
        self.journal = Journal(folder)
        self.tracking = Tracking(
            folder, uri=uri, experiment=EXPERIMENT, registered_model=registered_model
        )

    def tell(self, story: Story):
        for record in story.records:
            records.tell(self.journal, record)
            records.tell(self.tracking, record)
        story.records = []

    def close(self, patience=10.0, waits=lambda _left: None):
        self.journal.close()
        return self.tracking.close(patience, waits)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "s1"


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.01)


def test_an_epoch_is_visible_within_a_second(store, folder):
    search = Search(folder, store)
    story = Story().begin().start()
    search.tell(story)
    wait_until(lambda: "trial 0000" in runs(store), 5)
    for epoch in range(3):
        search.tell(story.epoch(epoch, loss=1 / (epoch + 1)))
        told = time.monotonic()
        wait_until(
            lambda epoch=epoch: (
                runs(store)["trial 0000"].data.metrics.get("loss") == 1 / (epoch + 1)
            ),
            1,
        )
        assert time.monotonic() - told < 1
    assert runs(store)["trial 0000"].info.status == "RUNNING"
    search.tell(story.stop().end())
    delivery = search.close()
    assert (delivery.undelivered, delivery.error, delivery.registered) == (0, None, None)
    assert {run.info.status for run in runs(store).values()} == {"FINISHED"}


def test_the_search_never_waits(store, folder):
    search = Search(folder, store)
    story = Story().begin()
    for number in range(50):
        story.trial(f"{number:04}", 1.0, epochs=20)
    started = time.monotonic()
    search.tell(story)
    told = time.monotonic() - started
    assert search.close().undelivered == 0
    assert told < (time.monotonic() - started) / 2
    assert len(runs(store)) == 51
    assert len(points(store, runs(store)["trial 0049"])["loss"]) == 20


def test_another_process_continues(store, folder):
    search = Search(folder, store)
    story = Story().begin().trial()
    search.tell(story)
    assert search.close().undelivered == 0
    assert not (folder / "epochs.csv").exists()  # it is written when a search ends, not before
    again = Search(folder, store)
    again.tell(story.begin().trial("0001").end())
    assert again.close().undelivered == 0
    assert set(runs(store)) == {"digits-mlp-random", "trial 0000", "trial 0001"}


def test_a_server_that_is_away(folder, store):
    search = Search(folder, "http://me:secret@127.0.0.1:1")
    search.tell(Story().begin().trial().end())
    started = time.monotonic()
    delivery = search.close(patience=2)
    assert 1 < time.monotonic() - started < 5
    assert delivery.undelivered == 6
    assert "127.0.0.1" in delivery.error
    assert delivery.registered is None
    assert "secret" not in delivery.error
    assert all(b"secret" not in path.read_bytes() for path in folder.iterdir())
    assert (folder / "trials.csv").exists()
    assert (folder / "epochs.csv").exists()

    later = Search(folder, store)  # another address, another day
    later.tell(Story().begin().end(Status.INTERRUPTED))
    assert later.close().undelivered == 0
    assert set(runs(store)) == {"digits-mlp-random", "trial 0000"}


def test_a_server_that_does_not_answer(folder, monkeypatch):
    monkeypatch.setattr(follower, "_SILENCE", 0.5)
    told = []
    with socket.create_server(("127.0.0.1", 0)) as server:  # accepts, and stays silent
        search = Search(folder, f"http://127.0.0.1:{server.getsockname()[1]}")
        search.tell(Story().begin().trial().end())
        started = time.monotonic()
        delivery = search.close(patience=1, waits=told.append)
        assert time.monotonic() - started < 3
    assert told == [6]  # records, once
    assert delivery.undelivered == 6
    assert delivery.error == "no answer within 1 seconds"


def test_what_mlflow_refuses_is_told(folder, store):
    search = Search(folder, store)
    story = Story().begin().start()
    search.tell(story)
    wait_until(lambda: "trial 0000" in runs(store), 5)
    client = MlflowClient(store)
    client.delete_run(runs(store)["trial 0000"].info.run_id)
    search.tell(story.epoch(0, loss=1.0))
    time.sleep(0.5)
    search.tell(story.stop().end())
    # The run is made anew: what a person deletes while the search writes to it comes back.
    assert search.close().undelivered == 0
    assert runs(store)["trial 0000"].data.metrics["loss"] == 1.0


def test_who_interrupts_the_waiting_is_told_what_is_left(folder):
    with socket.create_server(("127.0.0.1", 0)) as server:
        search = Search(folder, f"http://127.0.0.1:{server.getsockname()[1]}")
        search.tell(Story().begin().trial().end())
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        started = time.monotonic()
        delivery = search.close(patience=60)
        assert time.monotonic() - started < 10
    assert (delivery.undelivered, delivery.error) == (6, "interrupted")


def test_a_search_that_ends_before_its_loop(folder, store):
    Story().begin().start().write(folder)  # its process died; the next one fails at once
    search = Search(folder, store)
    search.tell(Story().fail())
    delivery = search.close()
    assert (delivery.undelivered, delivery.error) == (
        3,
        "the search ended before it could be shown",
    )


def test_it_closes_without_a_search(folder, store):
    folder.mkdir()
    tracking = Tracking(folder, uri=store, experiment=EXPERIMENT, registered_model=None)
    assert tracking.close().undelivered == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "tracking"]
    assert runs(store) == {}


def test_a_damaged_position(folder, store):
    folder.mkdir()
    (folder / "tracking.json").write_text("nonsense")
    with pytest.raises(ValueError, match=r"tracking.json is damaged .* remove it"):
        Tracking(folder, uri=store, experiment=EXPERIMENT, registered_model=None)


def test_a_search_does_not_wait_for_the_import_of_mlflow(folder):
    """Its thread imports it, beside the first trial."""
    program = (
        "import sys; from pathlib import Path; from pipeline.tracking import Tracking, check_uri\n"
        f"uri = 'sqlite:///{folder.parent}/new.db'; check_uri(uri, 'digits')\n"
        f"Path({str(folder)!r}).mkdir()\n"
        f"Tracking(Path({str(folder)!r}), uri=uri, experiment='digits', registered_model=None)\n"
        "sys.exit('mlflow' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
