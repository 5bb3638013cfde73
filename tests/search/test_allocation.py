"""How many arenas the threads of a process have."""

import os
import subprocess
import sys

import pytest

ARENAS = """
import ctypes, sys, tempfile, threading
from pipeline.search.allocation import allocate_from_one_arena

allocate_from_one_arena()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
libc.malloc_info.argtypes = (ctypes.c_int, ctypes.c_void_p)
libc.fclose.argtypes = (ctypes.c_void_p,)
together = threading.Barrier(4)


def allocate():
    together.wait()
    libc.malloc(5000)
    together.wait()


threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with tempfile.NamedTemporaryFile() as file:
    stream = libc.fopen(file.name.encode(), b"w")
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(file.read().count(b"<heap nr="))
"""


@pytest.mark.parametrize(("given", "arenas"), [({}, 1), ({"MALLOC_ARENA_MAX": "3"}, 3)])
@pytest.mark.skipif(sys.platform != "linux", reason="it is glibc's")
def test_all_threads_share_one_unless_it_is_said_how_many(given, arenas):
    environment = {k: v for k, v in os.environ.items() if k != "MALLOC_ARENA_MAX"} | given
    code = [sys.executable, "-c", ARENAS]
    ended = subprocess.run(code, env=environment, capture_output=True, text=True, check=True)
    assert int(ended.stdout) == arenas
