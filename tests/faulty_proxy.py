"""An HTTP proxy that does to requests what networks and overloaded servers do."""

import contextlib
import random
import socket
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAULTS = ("error", "cut before", "cut after", "truncated", "hanging", "late")


class FaultyProxy(ThreadingHTTPServer):
    """Passes requests on to a server, some of them badly.

    Args:
        target: The server's address.
        seed: Decides which requests meet which fault.
        gaps: Least and greatest number of requests between two faults.
        patience: Seconds after which the client gives up; "hanging" and "late" take longer.
    """

    daemon_threads = True

    def __init__(self, target: str, seed: int, gaps: tuple[int, int], patience: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.uri = f"http://127.0.0.1:{self.server_address[1]}"
        self.patience = patience
        self.faulty = True
        self.met: Counter[str] = Counter()
        self.pending = 0  # requests, those that the client gave up included
        self._plan = _plan(random.Random(seed), gaps)
        self._lock = threading.Lock()

    def next_fault(self) -> str | None:
        """Return what happens to the next request; None if it is passed on well."""
        with self._lock:
            fault = next(self._plan) if self.faulty else None
            self.met[fault or "none"] += 1
            self.pending += 1
            return fault

    def settle(self) -> None:
        """Note that a request was dealt with."""
        with self._lock:
            self.pending -= 1


@contextlib.contextmanager
def faulty_proxy(target: str, *, seed: int, gaps: tuple[int, int], patience: float = 2.0):
    """Run a faulty proxy until the block ends."""
    with FaultyProxy(target, seed, gaps, patience) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.shutdown()


def _plan(source: random.Random, gaps: tuple[int, int]) -> Iterator[str | None]:
    """Yield every fault equally often, in any order, with requests that fare well between."""
    while True:
        for fault in source.sample(FAULTS, len(FAULTS)):
            yield from [None] * source.randint(*gaps)
            yield fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.next_fault()
        try:
            self._suffer(fault, body)
        finally:
            self.server.settle()

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815

    def _suffer(self, fault: str | None, body: bytes) -> None:
        if fault == "error":
            self._answer(500, b'{"error_code": "INTERNAL_ERROR", "message": "made up"}')
            return
        if fault == "cut before":
            self._cut()
            return
        if fault == "late":
            time.sleep(1.5 * self.server.patience)
        status, content = self._pass_on(body)
        if fault == "hanging":
            time.sleep(1.5 * self.server.patience)
        if fault in ("hanging", "late", "cut after"):
            self._cut()
        else:
            self._answer(status, content, torn=fault == "truncated")

    def _pass_on(self, body: bytes) -> tuple[int, bytes]:
        headers = {name: value for name, value in self.headers.items() if name != "Host"}
        url = self.server.target + self.path
        request = urllib.request.Request(url, body or None, headers, method=self.command)
        try:
            with urllib.request.urlopen(request, timeout=30) as received:
                return received.status, received.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 502, b"{}"

    def _answer(self, status: int, content: bytes, *, torn: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if torn else content)
        if torn:
            self._cut()

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *arguments):
        pass
