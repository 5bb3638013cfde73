"""The best model in MLflow: logged on the search's run, registered, and who holds `best`."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

from pipeline.journal.callbacks import EvaluationEnd, SearchBegin
from pipeline.tracking.alias import decide, tested
from pipeline.tracking.runs import milliseconds

_MODEL_NAME = "best_model"
_EVALUATED = "pipeline.evaluated"
_DECISION = "pipeline.alias_decision"
_LONGEST_TAG = 5000


@dataclass(frozen=True)
class Registered:
    """A model in the registry.

    Attributes:
        version: Its version.
        sentence: What happened to it and to the alias.
    """

    version: str
    sentence: str


def log_model(
    client: MlflowClient, run: str, directory: Path, begin: SearchBegin, evaluation: EvaluationEnd
) -> LoggedModel:
    """Log the best model on the search's run, unless this one is logged already.

    Args:
        client: Talks to the store.
        run: The search's run.
        directory: The search's folder.
        begin: The search.
        evaluation: The model's test.

    Returns:
        The logged model.
    """
    info = client.get_run(run).info
    found = client.search_logged_models([info.experiment_id], f"source_run_id = '{run}'")
    same = {"pipeline.trial": evaluation.trial, **tested(begin, evaluation).tags()}
    # The same test is made at another moment again where a journal lost its end.
    twins = [model for model in found if same.items() <= model.tags.items()]
    twins.sort(
        key=lambda model: (model.status != LoggedModelStatus.READY, model.creation_timestamp)
    )
    for twin in twins[1:]:  # a request that was given up was executed all the same
        client.delete_logged_model(twin.model_id)
    logged = twins[0] if twins else None
    if logged is None:
        tags = {
            "pipeline.search": begin.search,
            **same,
            _EVALUATED: str(milliseconds(evaluation.time)),
        }
        logged = client.create_logged_model(
            info.experiment_id, name=_MODEL_NAME, source_run_id=run, tags=tags, model_type="keras"
        )
    if logged.status != LoggedModelStatus.READY:
        from pipeline.tracking import models  # imports Keras, which only this needs

        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "model"
            metadata = Model(
                artifact_path=logged.artifact_location,
                run_id=run,
                model_uuid=logged.model_id,
                model_id=logged.model_id,
                metadata=_said_of(begin),
            )
            models.save(
                directory / evaluation.model,
                directory / models.INPUT_EXAMPLE,
                folder,
                metadata,
                source=begin.config["model"]["_target_"],
            )
            client.log_model_artifacts(logged.model_id, str(folder))
        logged = client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    outputs = client.get_run(run).outputs
    linked = outputs.model_outputs if outputs else []
    if logged.model_id not in {output.model_id for output in linked}:
        client.log_outputs(run, [LoggedModelOutput(logged.model_id, step=0)])
    return logged


def _said_of(begin: SearchBegin) -> dict[str, Any]:
    """Return what a model's predictions mean: the task, and the names of the classes."""
    profile = begin.dataset_info.get("profile", {})
    classes = profile.get("classes") or []
    return {"task": begin.task} | ({"classes": classes} if classes else {})


def _tag(value: Any) -> str:
    """Return a value as a tag, of which MLflow takes 5000 characters on all its stores."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_TAG else f"{text[: _LONGEST_TAG - 1]}…"


def find_model(client: MlflowClient, run: Run) -> LoggedModel | None:
    """Find the newest best model of a search.

    Args:
        client: Talks to the store.
        run: The search's run.

    Returns:
        The logged model; None if there is none yet.
    """
    source = f"source_run_id = '{run.info.run_id}'"
    found = client.search_logged_models([run.info.experiment_id], source)
    ready = [model for model in found if model.status == LoggedModelStatus.READY]
    return max(ready, key=lambda model: int(model.tags[_EVALUATED]), default=None)


def register(
    client: MlflowClient,
    name: str,
    logged: LoggedModel,
    begin: SearchBegin,
    evaluation: EvaluationEnd,
) -> Registered:
    """Register a logged model, unless it is already, and let the alias point to the better one.

    Args:
        client: Talks to the registry.
        name: Of the registered model.
        logged: The model.
        begin: The search.
        evaluation: The model's test.

    Returns:
        Its version, and what happened.
    """
    version = _find_version(client, name, logged) or _create_version(
        client, name, logged, begin, evaluation
    )
    _link(client, logged, version)
    if _DECISION in version.tags:  # what happened to the alias later is not undone
        return Registered(str(version.version), version.tags[_DECISION])
    decision = decide(client, name, version, tested(begin, evaluation))
    sentence = f"registered {name} version {version.version}; {decision}"
    client.set_model_version_tag(name, version.version, _DECISION, sentence)
    return Registered(str(version.version), sentence)


def _find_version(client: MlflowClient, name: str, logged: LoggedModel) -> ModelVersion | None:
    versions = client.search_model_versions(f"run_id = '{logged.source_run_id}'")
    moment = logged.tags[_EVALUATED]
    twins = [v for v in versions if v.name == name and v.tags.get(_EVALUATED) == moment]
    twins.sort(key=lambda version: (_DECISION not in version.tags, int(version.version)))
    for twin in twins[1:]:  # as of logged models
        client.delete_model_version(name, twin.version)
    return twins[0] if twins else None


def _create_version(
    client: MlflowClient,
    name: str,
    logged: LoggedModel,
    begin: SearchBegin,
    evaluation: EvaluationEnd,
) -> ModelVersion:
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    tags = {
        "pipeline.search": begin.search,
        **tested(begin, evaluation).tags(),
        _EVALUATED: logged.tags[_EVALUATED],
        **{f"pipeline.{name}": _tag(value) for name, value in _said_of(begin).items()},
    }
    return client.create_model_version(
        name,
        # A source "models:/..." is looked up in MLflow's default store, whichever the client's is.
        source=logged.artifact_location,
        run_id=logged.source_run_id,
        tags=tags,
        description=(
            f"Trial {evaluation.trial} of the search {begin.search} ({begin.strategy}): "
            f"{evaluation.score_name} {evaluation.metrics[evaluation.score_name]:.6g} on the test "
            f"data of {begin.dataset}."
        ),
        model_id=logged.model_id,
        await_creation_for=0,
    )


def _link(client: MlflowClient, logged: LoggedModel, version: ModelVersion) -> None:
    """Let the model's page show its version, as MLflow does when it registers by itself."""
    versions = json.loads(logged.tags.get(MLFLOW_MODEL_VERSIONS, "[]"))
    entry = {"name": version.name, "version": version.version}
    # MLflow counts versions by numbers, and by texts through a server.
    known = {(other["name"], str(other["version"])) for other in versions}
    if (version.name, str(version.version)) not in known:
        client.set_logged_model_tags(
            logged.model_id, {MLFLOW_MODEL_VERSIONS: json.dumps([*versions, entry])}
        )
