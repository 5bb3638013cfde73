"""A search of small trials, ours with everything on beside its peers with MLflow or without.

    python -m benchmarks.small --trials 20 --epochs 10 --repeats 7

The digits, a multilayer perceptron, the same hyperparameters for everyone and no early stopping.
In every round another contender begins. The peers need the extra `benchmarks`.
"""

from benchmarks.comparison import add_timings, compare, draw_sets, timings_table
from benchmarks.measuring import machine, search_arguments, show
from benchmarks.work import Work

_CONTENDERS = {
    "keras_tuner, no tracking": "keras_tuner_plain",
    "keras_tuner, MLflow's callback": "keras_tuner_mlflow",
    "keras_tuner tuned, no tracking": "keras_tuner_tuned",
    "keras_tuner tuned, MLflow asynchronous": "keras_tuner_tuned_mlflow",
    "Optuna, its MLflow callback": "optuna_mlflow",
    "Ray Tune, its MLflow callback": "ray_mlflow",
    "ours, everything on": "ours",
}


def main() -> None:
    """Measure and print."""
    options = search_arguments(__doc__, trials=20).parse_args()
    title = f"{options.trials} trials of {options.epochs} epochs, digits and MLP"
    table = timings_table(title, machine("optuna", "optuna-integration", "ray"))
    work = Work("small", options.epochs, draw_sets("small", options.trials))
    add_timings(table, compare(_CONTENDERS, work, options.repeats))
    show(table)


if __name__ == "__main__":
    main()
