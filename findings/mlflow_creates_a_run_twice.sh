#!/usr/bin/env bash
# One `create_run` may leave two runs.
#
# MLflow 3.17.2: its client repeats a request that was answered with a server error, `create_run` among them, although
# the server has no means to tell a repetition. If a gateway loses the answer (here with a 503, after the server
# has done its work), a second run is created: the first has no metrics, is never ended and shows as running for ever.
# Seen: after one call of `create_run` there are two runs, both RUNNING, and the call gives one of them; with
# MLFLOW_HTTP_REQUEST_MAX_RETRIES=0 there is one, and the call raises.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mlflow==3.17.2
cd "$folder"
MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false "$folder/venv/bin/python" - <<'PYTHON'
import contextlib
import http.server
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import mlflow

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    server_url = "http://127.0.0.1:%d" % free.getsockname()[1]
to_lose = []


class Gateway(http.server.BaseHTTPRequestHandler):
    """Passes requests on to the server; answers to the creation of a run may get lost."""

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(server_url + self.path, body, headers, method=self.command)
        try:
            with urllib.request.urlopen(request) as response:
                status, answer = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, answer = error.code, error.read()
        if self.path.endswith("/runs/create") and to_lose:
            status, answer = to_lose.pop(), b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = pass_on

    def log_message(self, *arguments):
        pass


def wait_for(url):
    for _ in range(1200):
        with contextlib.suppress(OSError), urllib.request.urlopen(url):
            return
        time.sleep(0.5)
    raise TimeoutError(url)


def create(experiment):
    """Create a run whose first answer is lost; return what is there then, and what was given."""
    to_lose[:] = [503]
    try:
        given = client.create_run(experiment).info.run_id
    except mlflow.exceptions.MlflowException:
        given = None
    runs = mlflow.MlflowClient(server_url).search_runs([experiment])
    return {run.info.run_id: run.info.status for run in runs}, given


port = server_url.rpartition(":")[2]
command = ["mlflow", "server", "--backend-store-uri", "sqlite:///mlflow.db", "--port", port, "--workers", "1"]
with open("server.log", "w") as log:
    server = subprocess.Popen([sys.executable, "-m", *command], stdout=log, stderr=log)
try:
    wait_for(server_url + "/health")
    gateway = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=gateway.serve_forever, daemon=True).start()
    client = mlflow.MlflowClient("http://127.0.0.1:%d" % gateway.server_port)
    runs, given = create(client.create_experiment("repeated"))
    print("runs after one create_run:", len(runs), list(runs.values()), "; given is one of them:", given in runs)
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    alone, none = create(client.create_experiment("not repeated"))
    print("without repetitions:", len(alone), "; given:", none)
    gateway.shutdown()
finally:
    server.terminate()
    server.wait()
assert sorted(runs.values()) == ["RUNNING", "RUNNING"] and given in runs
assert len(alone) == 1 and none is None
PYTHON
