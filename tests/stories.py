"""Searches told record by record on a clock of their own, and how MLflow shows them."""

import dataclasses
import itertools
import json
import zlib
from pathlib import Path

import numpy as np
from mlflow import MlflowClient

from pipeline.configuration.secrets import redact
from pipeline.journal.callbacks import (
    EpochEnd,
    EvaluationEnd,
    Record,
    SearchEnd,
    Status,
    TrialBegin,
)
from pipeline.tracking.delivery import Courier
from pipeline.tracking.position import Position
from tests import records

EXPERIMENT = "digits"


class Story:
    """Collects the records of a search; each happens a quarter of a second after the last."""

    def __init__(self, **changes) -> None:
        info = {
            "digest": "d1",
            "source": "sklearn.datasets.load_digits",
            "schema": {"mlflow_tensorspec": {"features": []}},
            "profile": {"task": "classification"},
        }
        config = {"model": {"_target_": "pipeline.hypermodels.MLP"}}
        fields = {"search": "s1", "dataset_info": info, "config": config, "total_trials": 3}
        self.records: list[Record] = []
        self._begin = records.search_begin(**(fields | changes))
        self._times = (1_700_000_000 + n / 4 for n in itertools.count())

    def begin(self) -> "Story":
        return self._add(self._begin)

    def start(self, trial="0000", attempt=0, *, lineage=None, initial_epoch=0, epochs=3, **values):
        hyperparameters = values or {"units": 8, "rate": 0.1, "on": True}
        return self._add(
            TrialBegin(trial, attempt, hyperparameters, lineage or {}, initial_epoch, epochs, 0.0)
        )

    def epoch(self, epoch, trial="0000", attempt=0, execution=0, **logs) -> "Story":
        return self._add(EpochEnd(trial, attempt, execution, epoch, logs, 0.0))

    def stop(self, trial="0000", score=0.5, attempt=0, **changes) -> "Story":
        end = records.trial_end(trial, score, attempt=attempt)
        return self._add(dataclasses.replace(end, **changes))

    def fail(self, trial="0000", attempt=0, *, final=True) -> "Story":
        end = records.trial_end(trial, status=Status.FAILED, attempt=attempt, final=final)
        return self._add(dataclasses.replace(end, traceback="Traceback:\nValueError: no"))

    def interrupt(self, trial="0000", attempt=0) -> "Story":
        return self._add(
            records.trial_end(trial, status=Status.INTERRUPTED, attempt=attempt, final=False)
        )

    def trial(self, trial="0000", score=0.5, epochs=2, **values) -> "Story":
        """A whole trial, whose metrics depend on its name."""
        self.start(trial, **values)
        seed = zlib.crc32(trial.encode()) % 97
        for epoch in range(epochs):
            self.epoch(epoch, trial, loss=seed / (epoch + 1), val_loss=seed / (epoch + 2))
        return self.stop(trial, score)

    def end(self, status=Status.COMPLETED, best="0000", message=None) -> "Story":
        return self._add(SearchEnd(status, best, message, 0.0))

    def evaluate(self, score=0.25, score_name="loss", trial="0000") -> "Story":
        metrics = {"accuracy": 0.75, score_name: score}
        artifacts = ["evaluation/report.txt", "evaluation/input_example.npz"]
        record = EvaluationEnd(trial, False, 4, metrics, score_name, "best_model.keras", artifacts)
        return self._add(record)

    def write(self, directory: Path) -> Path:
        """Append to the folder's journal what is not there yet; return the folder."""
        directory.mkdir(parents=True, exist_ok=True)
        records.write(directory, *self.records)
        self.records = []
        return directory

    def of(self, kind) -> list:
        return [record for record in self.records if isinstance(record, kind)]

    def _add(self, record: Record) -> "Story":
        self.records.append(dataclasses.replace(record, time=next(self._times)))
        return self


def courier(directory: Path, uri: str, registered_model: str | None = None) -> Courier:
    position = Position.read(directory)
    if position is None or position.uri != redact(uri):
        position = Position(redact(uri), EXPERIMENT, registered_model)
    return Courier(directory, uri, position)


def deliver(directory: Path, uri: str, registered_model: str | None = None) -> str | None:
    """Deliver a journal in one go; return what happened to the registered model."""
    one = courier(directory, uri, registered_model)
    one.deliver()
    return one.registered


def runs(uri: str, experiment_name: str = EXPERIMENT) -> dict:
    """Return an experiment's runs by name; a name that is there twice is an error."""
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(experiment_name)
    if experiment is None:
        return {}
    found = client.search_runs([experiment.experiment_id], max_results=1000)
    named = {run.info.run_name: run for run in found}
    assert len(named) == len(found), sorted(run.info.run_name for run in found)
    return named


def points(uri: str, run) -> dict[str, list[tuple[int, int, float]]]:
    """Return every point of every metric: step, milliseconds, value."""
    client = MlflowClient(uri)
    return {
        name: sorted(
            (m.step, m.timestamp, m.value) for m in client.get_metric_history(run.info.run_id, name)
        )
        for name in run.data.metrics
    }


def artifacts(uri: str, run_id: str, path: str | None = None) -> list[str]:
    """Return the paths of a run's artifacts."""
    return [item.path for item in _files(MlflowClient(uri), run_id, path)]


def _files(client: MlflowClient, run_id: str, path: str | None = None) -> list:
    found = []
    for item in client.list_artifacts(run_id, path):
        found += _files(client, run_id, item.path) if item.is_dir else [item]
    return sorted(found, key=lambda item: item.path)


def picture(uri: str, experiment: str = EXPERIMENT) -> dict:
    """Return all that MLflow shows of an experiment's runs, but for identifiers."""
    client = MlflowClient(uri)
    found = runs(uri, experiment)
    names = {run.info.run_id: name for name, run in found.items()}
    models = _models(client, found)
    return {
        name: {
            "status": run.info.status,
            "times": (run.info.start_time, run.info.end_time),
            "params": run.data.params,
            "tags": {k: v for k, v in run.data.tags.items() if k != "mlflow.parentRunId"},
            "parent": names.get(run.data.tags.get("mlflow.parentRunId", "")),
            "points": str(points(uri, run)),  # as text, NaN equals NaN
            "artifacts": [(f.path, f.file_size) for f in _files(client, run.info.run_id)],
            "inputs": [
                (item.dataset.to_dictionary(), [(tag.key, tag.value) for tag in item.tags])
                for item in run.inputs.dataset_inputs
            ],
            "outputs": len(run.outputs.model_outputs) if run.outputs else 0,
            "models": [m for source, m in models if source == run.info.run_id],
            "versions": _versions(client, run.info.run_id),
        }
        for name, run in found.items()
    }


def _models(client: MlflowClient, found: dict) -> list[tuple[str, dict]]:
    """Return the logged models of an experiment, by their run; each must belong to one."""
    experiments = {run.info.experiment_id for run in found.values()}
    models = client.search_logged_models(list(experiments)) if experiments else []
    assert {model.source_run_id for model in models} <= {r.info.run_id for r in found.values()}
    shown = []
    for model in models:
        versions = json.loads(model.tags.pop("mlflow.modelVersions", "[]"))
        about = (model.name, model.model_type, str(model.status), len(versions))
        files = artifacts_of_model(client, model.model_id)
        shown.append((model.source_run_id, {"about": about, "tags": model.tags, "files": files}))
    return sorted(shown, key=str)


def artifacts_of_model(client: MlflowClient, model_id: str) -> list[str]:
    """Return the paths of the files in a logged model's folder."""

    def walk(path):
        for item in client.list_logged_model_artifacts(model_id, path):
            if item.is_dir:
                yield from walk(item.path)
            else:
                yield item.path

    return sorted(walk(None))


def _versions(client: MlflowClient, run_id: str) -> list[tuple]:
    """Return what the registry has of a run, whatever the registered model's name."""
    run = client.get_run(run_id)
    logged = run.outputs.model_outputs if run.outputs else []
    locations = {client.get_logged_model(item.model_id).artifact_location for item in logged}
    shown = []
    for version in client.search_model_versions(f"run_id = '{run_id}'"):
        aliases = client.get_model_version(version.name, version.version).aliases
        tags = {key: value.replace(version.name, "NAME") for key, value in version.tags.items()}
        text = (str(version.version), version.description, version.status, sorted(aliases))
        is_logged = version.source in locations
        shown.append((*text, tags, is_logged))
    return sorted(shown, key=str)


def save_example(directory: Path, **columns) -> None:
    """Write what the evaluation leaves for the signature, and one report."""
    (directory / "evaluation").mkdir(parents=True, exist_ok=True)
    np.savez(directory / "evaluation/input_example.npz", **columns)
    (directory / "evaluation/report.txt").write_text("fine")


class Flaky:
    """A client that breaks off once: in place of its n-th call, or when that call was done."""

    def __init__(self, client: MlflowClient, calls: int, *, done: bool) -> None:
        self._client = client
        self._calls = calls
        self._done = done

    def __getattr__(self, name):
        method = getattr(self._client, name)

        def call(*args, **kwargs):
            self._calls -= 1
            if self._calls >= 0:
                return method(*args, **kwargs)
            if self._done:
                method(*args, **kwargs)
            raise ConnectionError("away")

        return call


def description(run) -> str:
    """Return a run's description without the hard spaces that pad its tables."""
    return run.data.tags["mlflow.note.content"].replace("\u00a0", "")
