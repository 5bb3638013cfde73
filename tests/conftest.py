"""What several test modules share: how the libraries behave, and stores that are ready to use."""

import os
import shutil
from pathlib import Path

import pytest

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read when MLflow is first imported
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ.pop("MLFLOW_TRACKING_URI", None)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    """A SQLite file with MLflow's tables, which take more than a second to make."""
    from pipeline.tracking.store import connect

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    client = connect(f"sqlite:///{path}", "made").client
    client.delete_experiment(client.get_experiment_by_name("made").experiment_id)
    return path


@pytest.fixture
def store(empty_store, tmp_path) -> str:
    """The address of an empty store of this test."""
    shutil.copyfile(empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"
