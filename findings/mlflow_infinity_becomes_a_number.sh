#!/usr/bin/env bash
# An infinite metric comes back from MLflow as a finite number.
#
# MLflow 3.17.2 on SQLite: infinity is stored as the largest float, 1.7976931348623157e+308, and given back as that,
# by `get_run`, `get_metric_history` and `search_runs` alike. No test for infinity finds a loss that has diverged. NaN
# comes back as NaN.
# Seen: of inf, -inf and nan come back 1.7976931348623157e+308, -1.7976931348623157e+308 and nan.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mlflow==3.17.2
cd "$folder"
MLFLOW_DISABLE_TELEMETRY=true "$folder/venv/bin/python" - <<'PYTHON'
import math
import sys

import mlflow

client = mlflow.MlflowClient("sqlite:///mlflow.db")
run = client.create_run(client.create_experiment("diverged")).info
logged = {"up": math.inf, "down": -math.inf, "neither": math.nan}
for name, value in logged.items():
    client.log_metric(run.run_id, name, value)

metrics = client.get_run(run.run_id).data.metrics
(found,) = client.search_runs([run.experiment_id])
for name, value in logged.items():
    (point,) = client.get_metric_history(run.run_id, name)
    print("logged", value, "and read", metrics[name], found.data.metrics[name], point.value)
    expected = math.nan if math.isnan(value) else math.copysign(sys.float_info.max, value)
    for read in (metrics[name], found.data.metrics[name], point.value):
        assert read == expected or (math.isnan(read) and math.isnan(expected))
PYTHON
