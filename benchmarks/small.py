"""A search of small trials, ours with everything on beside its peers with MLflow or without.

    python -m benchmarks.small --trials 20 --epochs 10 --repeats 3

The digits, a multilayer perceptron, the same hyperparameters for everyone and no early stopping.
The peers need the extra `benchmarks`.
"""

from benchmarks.measuring import (
    compare,
    draw_sets,
    machine,
    search_arguments,
    show,
    timings_table,
)
from benchmarks.work import Work

_CONTENDERS = {
    "keras_tuner, no tracking": "keras_tuner_plain",
    "keras_tuner, MLflow's callback": "keras_tuner_mlflow",
    "Optuna, its MLflow callback": "optuna_mlflow",
    "Ray Tune, its MLflow callback": "ray_mlflow",
    "ours, everything on": "ours",
}


def main() -> None:
    """Measure and print."""
    options = search_arguments(__doc__, trials=20).parse_args()
    sets = draw_sets("small", options.trials)
    timings = compare(_CONTENDERS, Work("small", options.epochs, sets), options.repeats)
    title = f"{options.trials} trials of {options.epochs} epochs, digits and MLP"
    show(timings_table(title, timings, machine("optuna", "optuna-integration", "ray")))


if __name__ == "__main__":
    main()
