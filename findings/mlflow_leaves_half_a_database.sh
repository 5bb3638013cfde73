#!/usr/bin/env bash
# Who is killed while MLflow makes its SQLite file leaves one that no later process can open.
#
# MLflow 3.17.2: it makes the tables in the file itself, by some seventy migrations that are committed piece by piece.
# A process that ends in between leaves some of them. The next one begins with the first migration that the file does
# not name, and fails at what it has already; so does a second process that begins at the same time. A file of an
# older MLflow that lacks a table is migrated in this way as well, unasked and without a copy.
# Seen: killed before the statements 50, 250 and 350, the next process raises "duplicate column name: step",
# "table _alembic_tmp_latest_metrics already exists" and "table trace_info already exists".
# Fails if one of them does not any more.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mlflow==3.17.2
cd "$folder"
cat > begin.py <<'PYTHON'
import os
import signal
import sys

import mlflow
import sqlalchemy

left = int(sys.argv[2])


@sqlalchemy.event.listens_for(sqlalchemy.Engine, "before_cursor_execute")
def count(*arguments):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


mlflow.MlflowClient(f"sqlite:///{sys.argv[1]}").search_experiments()
PYTHON
export MLFLOW_DISABLE_TELEMETRY=true
failed=0
for statement in 50 250 350; do
    "$folder/venv/bin/python" begin.py "$statement.db" "$statement" 2>/dev/null || true
    if "$folder/venv/bin/python" begin.py "$statement.db" 0 2>errors; then
        echo "killed before statement $statement: the next process opens it"
    else
        echo "killed before statement $statement: $(grep '^sqlalchemy.exc' errors | tail -n 1)"
        failed=$((failed + 1))
    fi
done
test "$failed" -eq 3
