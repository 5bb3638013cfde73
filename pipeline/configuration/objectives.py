"""Which way a metric is better, where its name tells; the direction itself is never inferred."""

import re

from pipeline.configuration.config import ConfigError, Direction, Objective

_DEFAULT = "val_loss"

# By the last part of the names that Keras's metrics and losses have, and of customary short ones.
_HIGHER = (
    r"acc|accuracy|auc|precision|recall|precision_at_recall|recall_at_precision|specificity|"
    r"sensitivity_at_specificity|specificity_at_sensitivity|f1|f1_score|f_beta_score|fbeta_score|r2|r2_score|"
    r"io_u|iou|true_positives|true_negatives|concordance_correlation|pearson_correlation"
)
_LOWER = (
    r"loss|error|mse|rmse|mae|mape|msle|crossentropy|hinge|logcosh|log_cosh|kl_divergence|poisson|"
    r"false_positives|false_negatives"
)
_BETTER = {
    Direction.max: re.compile(rf"(.+_)?({_HIGHER})(_\d+)?"),
    Direction.min: re.compile(rf"(.+_)?({_LOWER})(_\d+)?"),
}
_WAYS = {Direction.max: "higher", Direction.min: "lower"}


def direction_of(name: str) -> str:
    """Return the direction of an objective that was given without one: only the default has it.

    Args:
        name: The objective's name.

    Returns:
        "min".

    Raises:
        ConfigError: It is not the default, so that its direction must be given too.
    """
    if name == _DEFAULT or not name.strip():  # that a name is empty is told as such
        return Direction.min.value
    raise ConfigError(
        f"objective.name={name} needs its direction too: objective.direction=max if higher is "
        "better, objective.direction=min if lower is"
    )


def check_direction(objective: Objective) -> None:
    """Refuse to search for what everybody knows to be worst, unless that is asked for.

    Args:
        objective: The configuration's.

    Raises:
        ConfigError: A well-known metric has the other direction, and `force` is not set.
    """
    direction = objective.direction
    if not objective.force and is_for_the_worst(objective.name, direction.value):
        other = Direction.max if direction is Direction.min else Direction.min
        raise ConfigError(
            f"objective.name={objective.name} is better the {_WAYS[other]} it is: give "
            f"objective.direction={other.value}, or objective.force=true for the worst; "
            f"received objective.direction={direction.value}"
        )


def is_for_the_worst(name: str, direction: str) -> bool:
    """Whether a well-known metric is optimised the wrong way, as far as its name tells.

    Args:
        name: The objective's name.
        direction: `min` or `max`.
    """
    plain = name.removeprefix("val_")
    ways = [way for way, known in _BETTER.items() if known.fullmatch(plain)]
    return bool(ways) and Direction(direction) not in ways
