#!/usr/bin/env bash
# `--dist loadgroup` puts the tests of a group into several workers, without a word.
#
# pytest-xdist 3.8.0 under pytest 9.2.0: a worker adds the name of a test's `xdist_group` to its private `_nodeid`,
# which pytest 9.2.0 does not read any more, so that the scheduler sees no group. Fixtures of a module or a session
# that a group was to share are made in every worker. Under pytest 9.1.1 the groups hold; so does `--dist loadfile`,
# which takes the file from the public node id, under both.
# Seen: eight tests of one group run in both workers under 9.2.0, and in one under 9.1.1.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
cat >"$folder/test_group.py" <<'PYTHON'
import os
import time
from pathlib import Path

import pytest


@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(8))
def test_in_a_worker(number):
    time.sleep(0.2)
    Path(os.environ["SEEN"], os.environ["PYTEST_XDIST_WORKER"]).touch()
PYTHON

workers() {  # VERSION DISTRIBUTION
    "$folder/venv/bin/pip" install --quiet "pytest==$1" pytest-xdist==3.8.0
    rm -rf "$folder/seen"
    mkdir "$folder/seen"
    (cd "$folder" && SEEN="$folder/seen" venv/bin/python -m pytest -q -n 2 --dist "$2" test_group.py >/dev/null)
    find "$folder/seen" -type f | wc -l
}

now=$(workers 9.2.0 loadgroup)
before=$(workers 9.1.1 loadgroup)
files=$(workers 9.2.0 loadfile)
echo "workers of one group: $now under pytest 9.2.0, $before under 9.1.1; of one file under 9.2.0: $files"
test "$now $before $files" = "2 1 1"
