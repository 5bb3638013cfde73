"""Which version of a registered model holds the alias `best`."""

import math
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipeline.journal.callbacks import EvaluationEnd, SearchBegin

ALIAS = "best"


@dataclass(frozen=True)
class Tested:
    """How well a model did on a test split.

    Attributes:
        digest: Digest of the data.
        metric: What was measured.
        score: Its value.
        direction: Whether `min` or `max` is better.
    """

    digest: str
    metric: str
    score: float
    direction: str

    def tags(self) -> dict[str, str]:
        """Return it as tags of a model version."""
        return {
            "pipeline.dataset_digest": self.digest,
            "pipeline.test_metric": self.metric,
            "pipeline.test_score": repr(self.score),
            "pipeline.direction": self.direction,
        }


def tested(begin: SearchBegin, evaluation: EvaluationEnd) -> Tested:
    """Return how well the best model of a search did.

    Where no metric of the test corresponds to the objective, the loss stands in, and less of it
    is better.
    """
    corresponds = evaluation.score_name == begin.objective.removeprefix("val_")
    return Tested(
        digest=str(begin.dataset_info["digest"]),
        metric=evaluation.score_name,
        score=evaluation.metrics[evaluation.score_name],
        direction=begin.direction if corresponds else "min",
    )


def decide(client: MlflowClient, name: str, version: ModelVersion, new: Tested) -> str:
    """Move the alias if that is an improvement on the same data; return what was done."""
    aliases = client.get_registered_model(name).aliases
    if ALIAS not in aliases:
        client.set_registered_model_alias(name, ALIAS, version.version)
        return f"alias {ALIAS} set (test {new.metric} {new.score:.4g})"
    if str(aliases[ALIAS]) == str(version.version):
        return f"alias {ALIAS} set (test {new.metric} {new.score:.4g})"
    holder = client.get_model_version_by_alias(name, ALIAS)
    difference = _difference(holder, new)
    if difference is not None:
        return (
            f"alias {ALIAS} stays at version {holder.version}, which {difference}, so the two "
            f"cannot be compared; move it with MlflowClient().set_registered_model_alias("
            f"{name!r}, {ALIAS!r}, {str(version.version)!r})"
        )
    old = float(holder.tags["pipeline.test_score"])
    scores = f"test {new.metric} {old:.4g}"
    if _better(new.score, old, new.direction):
        client.set_registered_model_alias(name, ALIAS, version.version)
        return f"alias {ALIAS} moved from version {holder.version} ({scores} -> {new.score:.4g})"
    return (
        f"alias {ALIAS} stays at version {holder.version} ({scores}, not beaten by {new.score:.4g})"
    )


def _difference(holder: ModelVersion, new: Tested) -> str | None:
    """Return why the holder's test cannot be compared with the new one's; None if it can."""
    tags = holder.tags
    if "pipeline.test_score" not in tags:
        return "has no test result of a search"
    if tags["pipeline.dataset_digest"] != new.digest:
        return f"was tested on other data (digest {tags['pipeline.dataset_digest']})"
    if tags["pipeline.test_metric"] != new.metric:
        return f"was tested by {tags['pipeline.test_metric']} instead of {new.metric}"
    if tags["pipeline.direction"] != new.direction:
        return f"was tested with the direction {tags['pipeline.direction']}"
    return None


def _better(new: float, old: float, direction: str) -> bool:
    if math.isnan(new):
        return False
    return math.isnan(old) or (new > old if direction == "max" else new < old)
