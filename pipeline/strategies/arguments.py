"""What the oracles' arguments must be."""

import importlib.util

import keras_tuner


def check_installed(strategy: str, module: str, package: str) -> None:
    """Raise a ValueError unless the package that a strategy needs is installed.

    Args:
        strategy: The strategy, which is also the name of the extra that brings the package.
        module: What would be imported.
        package: What people call it.

    Raises:
        ValueError: It is not.
    """
    if importlib.util.find_spec(module) is None:
        raise ValueError(
            f"strategy={strategy} needs {package}, which is not installed; "
            f'pip install -e ".[{strategy}]" brings it'
        )


def check_seed(seed: object) -> None:
    """Raise a TypeError unless a seed is an integer."""
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed must be an integer; received {seed!r}")


def check_objective(objective: object) -> None:
    """Raise unless an objective states its metric and its direction.

    Args:
        objective: What was received.

    Raises:
        TypeError: It is not a `keras_tuner.Objective`.
        ValueError: It has no direction.
    """
    if not isinstance(objective, keras_tuner.Objective):
        raise TypeError(
            "objective must be a keras_tuner.Objective with a name and a direction; "
            f"received {objective!r}"
        )
    if objective.direction not in ("min", "max"):
        raise ValueError(
            f"objective.direction must be min or max; received {objective.direction!r}"
        )
