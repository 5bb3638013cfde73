"""MLflow's picture of a search, fed from its journal.

`runs` and `curves` say what each run should show, `projection` sends it, `delivery` takes it from
the journal behind the `position` that MLflow has, `follower` does so in the background. `summary`
writes texts, `models` and `registry` take care of the best model, `store` and `checks` of where all
of it is kept, `database` of the SQLite file that it may be. `retrieval` reads a search back.
"""

import os

# MLflow reads the first two when it is imported, the others with each request. Its own repetitions
# block for minutes and may create a run twice; `follower` repeats instead.
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": "120",
}.items():
    os.environ.setdefault(_name, _value)

from pipeline.tracking.addresses import viewing  # noqa: E402
from pipeline.tracking.checks import check_uri  # noqa: E402
from pipeline.tracking.follower import Delivery, Tracking  # noqa: E402

__all__ = ["Delivery", "Tracking", "check_uri", "viewing"]
