"""Whether an objective has its direction, and the one that everybody means."""

import inspect

import keras
import pytest

from pipeline.configuration.composition import compose_config
from pipeline.configuration.config import ConfigError, Direction, Objective
from pipeline.configuration.objectives import check_direction

# Their names say nothing: a mean or a sum of anything; a similarity that is a loss with a minus.
SILENT = {"cosine_similarity", "mean", "mean_metric_wrapper", "metric", "sum"}
LOWER = {"false_negatives", "false_positives", "kl_divergence", "logcosh", "poisson"}


def names(package) -> dict[str, str]:
    """Return the names that a model's logs have for what a package of Keras exports."""
    classes = {name for name, kind in vars(package).items() if inspect.isclass(kind)}
    return {name: keras.src.utils.naming.to_snake_case(name) for name in sorted(classes)}


def searched(name: str, direction: str) -> Direction:
    overrides = [f"objective.name={name}", f"objective.direction={direction}"]
    return compose_config(overrides).objective.direction


@pytest.mark.parametrize("name", sorted({*names(keras.metrics).values()} - SILENT))
def test_nobody_searches_for_the_worst_of_keras_unknowingly(name):
    lower = name in LOWER or name.endswith(("error", "crossentropy", "hinge"))
    right, wrong = ("min", "max") if lower else ("max", "min")
    check_direction(Objective(f"val_{name}", Direction(right), force=False))
    with pytest.raises(ConfigError, match=f"val_{name} is better the .*er it is: give objective"):
        check_direction(Objective(f"val_{name}", Direction(wrong), force=False))


@pytest.mark.parametrize("name", ["accuracy", "val_out_top_k_categorical_accuracy", "val_auc_1"])
def test_nor_of_one_of_several_metrics_or_outputs(name):
    least = [f"objective.name={name}", "objective.direction=min"]
    with pytest.raises(ConfigError, match=f"{name} is better the higher it is"):
        compose_config(least)
    assert compose_config([*least, "objective.force=true"]).objective.direction is Direction.min


@pytest.mark.parametrize("name", ["val_distance", "val_lossless", *sorted(SILENT)])
@pytest.mark.parametrize("direction", ["min", "max"])
def test_a_name_that_tells_nothing_is_optimised_as_asked(name, direction):
    assert searched(name, direction) is Direction(direction)
