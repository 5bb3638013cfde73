"""Against real `mlflow server` and `mlflow models serve` processes on loopback."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import keras
import mlflow.pyfunc
import numpy as np
import pytest
from mlflow import MlflowClient

from pipeline.journal.history import read
from pipeline.tracking.__main__ import main
from pipeline.tracking.addresses import run_page
from pipeline.tracking.retrieval import best_model_of_run, history_of_run, trial_pages
from tests.stories import EXPERIMENT, Story, deliver, picture, runs
from tests.tracking.test_follower import Search
from tests.tracking.test_registry import NAME, evaluated, model_file, save_table

__all__ = ["evaluated", "model_file"]  # fixtures


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def process(*arguments, directory, url, environment=None):
    """Run a command until the block ends; it is ready when it answers at `url`."""
    log = directory / "process.log"
    # MLflow looks for uvicorn where an activated environment has it.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with log.open("w") as output:
        started = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=directory,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PATH": path} | (environment or {}),
            start_new_session=True,
        )
    try:
        end = time.monotonic() + 90
        while True:
            assert started.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
                break
            time.sleep(0.2)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()


@pytest.fixture
def server(tmp_path, empty_store):
    """The address of a tracking server, and what starts it; started again it has what it had."""
    place = tmp_path / "server"
    place.mkdir()
    shutil.copyfile(empty_store, place / "mlflow.db")
    port = free_port()
    uri = f"http://127.0.0.1:{port}"

    def start():
        arguments = ["server", "--port", str(port), "--workers", "1"]
        arguments += ["--backend-store-uri", "sqlite:///mlflow.db"]
        return process("mlflow", *arguments, directory=place, url=f"{uri}/health")

    return uri, start


def post(url, content):
    request = urllib.request.Request(
        url, json.dumps(content).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_a_server_that_comes_goes_and_comes_back(server, store, tmp_path, capsys):
    uri, start = server
    folder = tmp_path / "s1"
    search = Search(folder, uri)
    story = Story().begin().trial("0000", 0.5)
    search.tell(story)  # nobody is there
    time.sleep(2)
    with start():
        end = time.monotonic() + 40
        while "trial 0000" not in runs(uri):
            assert time.monotonic() < end
            time.sleep(0.2)
        search.tell(story.start("0001").epoch(0, "0001", loss=1.0, val_loss=float("nan")))
        time.sleep(1)
        assert set(runs(uri)) == {"digits-mlp-random", "trial 0000", "trial 0001"}
    search.tell(story.epoch(1, "0001", loss=0.5).fail("0001"))
    search.tell(story.trial("0002", 0.25).end())
    delivery = search.close(patience=2)
    assert delivery.undelivered > 0
    assert "127.0.0.1" in delivery.error
    with start():
        assert main([str(folder)]) == 0
        assert f"to {uri}" in capsys.readouterr().out
        shown = picture(uri)
    deliver(folder, store)
    assert shown == picture(store)


class Proxy(BaseHTTPRequestHandler):
    """Passes on to a server, but some answers are lost and some requests refused."""

    protocol_version = "HTTP/1.1"
    target = ""
    count = 0

    def do_POST(self):
        self.pass_on()

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815

    def pass_on(self):
        Proxy.count += 1
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if Proxy.count % 5 == 2:
            self.answer(500, b"{}")
            return
        request = urllib.request.Request(
            Proxy.target + self.path, body or None, dict(self.headers), method=self.command
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as received:
                status, content = received.status, received.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        if Proxy.count % 5 == 4:
            self.close_connection = True  # the server did it, and nobody hears of it
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.answer(status, content)

    def answer(self, status, content):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.mark.thorough
def test_a_faulty_server(server, store, tmp_path):
    uri, start = server
    folder = tmp_path / "s1"
    story = Story().begin().trial("0000", 0.5).start("0001").epoch(0, "0001", loss=1.0)
    story.fail("0001").trial("0002", 0.25).end()
    with start(), ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        Proxy.target = uri
        Thread(target=proxy.serve_forever, daemon=True).start()
        search = Search(folder, f"http://127.0.0.1:{proxy.server_address[1]}")
        for record in list(story.records):
            one = Story()
            one.records = [record]
            search.tell(one)
            time.sleep(0.3)
        search.close(patience=1)
        proxy.shutdown()
        assert Proxy.count > 10
        deliver(folder, uri)
        shown = picture(uri)
    deliver(folder, store)
    assert shown == picture(store)


def test_a_model_through_a_server(server, evaluated, monkeypatch):
    uri, start = server
    folder = evaluated()
    with start():
        said = deliver(folder, uri, NAME)
        assert said == "registered digits-mlp version 1; alias best set (test loss 0.25)"
        assert deliver(folder, uri, NAME) == said
        shown = picture(uri)["digits-mlp-random"]
        assert shown["outputs"] == 1
        assert "evaluation/report.txt" in dict(shown["artifacts"])
        client = MlflowClient(uri)
        version = client.get_model_version_by_alias(NAME, "best")
        assert version.tags["pipeline.test_score"] == "0.25"
        experiment = client.get_experiment_by_name(EXPERIMENT)
        (logged,) = client.search_logged_models([experiment.experiment_id])
        assert json.loads(logged.tags["mlflow.modelVersions"])[0]["name"] == NAME
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        loaded = mlflow.pyfunc.load_model(f"models:/{NAME}@best")
        assert loaded.predict(np.ones((2, 4), np.float32)).shape == (2, 2)
        monkeypatch.delenv("MLFLOW_TRACKING_URI")
        run_id = runs(uri)["digits-mlp-random"].info.run_id
        assert history_of_run(run_id, uri) == read(folder)
        own = runs(uri)["trial 0000"].info.run_id
        page = run_page(uri, experiment.experiment_id, own)
        assert page.startswith(f"{uri}/#/experiments/{experiment.experiment_id}/runs/{own}?")
        assert trial_pages(run_id, uri) == {"0000": page}
        assert best_model_of_run(run_id, uri).predict(np.ones((2, 4)), verbose=0).shape == (2, 2)


@contextlib.contextmanager
def served(store, directory):
    """Serve the best model as the README says; yield where it answers."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = ["models", "serve", "-m", f"models:/{NAME}@best", "--env-manager", "local"]
    arguments += ["--port", str(port)]
    directory.mkdir()
    environment = {"MLFLOW_TRACKING_URI": store}
    with process(
        "mlflow", *arguments, directory=directory, url=f"{url}/ping", environment=environment
    ):
        yield f"{url}/invocations"


@pytest.mark.thorough  # test_serving.py serves the arrays of a real search
def test_serving_arrays(store, evaluated, model_file, tmp_path):
    deliver(evaluated(), store, NAME)
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    expected = keras.saving.load_model(model_file).predict(x, verbose=0)
    with served(store, tmp_path / "serving") as url:
        answer = post(url, {"inputs": x.tolist()})
    np.testing.assert_allclose(answer["predictions"], expected, rtol=1e-5)


@pytest.mark.thorough
def test_serving_a_table(store, evaluated, tmp_path):
    folder = evaluated()
    model = save_table(folder)
    deliver(folder, store, NAME)
    columns = {"age": [30, None, 50], "city": ["Berlin", None, "Paris"]}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    expected = model.predict(
        {
            "age": np.array([30, np.nan, 50], np.float32),
            "city": np.array(["Berlin", "", "Paris"], dtype=object),
        },
        verbose=0,
    )
    with served(store, tmp_path / "serving") as url:
        for request in (
            {"inputs": columns},
            {"instances": rows},
            {"dataframe_records": rows},
            {
                "dataframe_split": {
                    "columns": ["age", "city"],
                    "data": [[*r.values()] for r in rows],
                }
            },
        ):
            answer = post(url, request)
            np.testing.assert_allclose(answer["predictions"], expected, rtol=1e-5)
