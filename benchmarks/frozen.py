"""A search of heads on a frozen network, ours with everything on beside plain KerasTuner.

    python -m benchmarks.frozen --trials 30 --epochs 10 --repeats 3 --case inception

512 generated images, the same model for both, no early stopping. Random search trains the same
hyperparameters in both; Hyperband proposes its own, and has 30 trials if it has 10 epochs.
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
    "ours, everything on": "ours",
}


def main() -> None:
    """Measure and print."""
    parser = search_arguments(__doc__, trials=30)
    parser.add_argument("--case", choices=["inception", "mobilenet"], default="inception")
    parser.add_argument("--strategy", choices=["random", "hyperband"], default="random")
    options = parser.parse_args()
    random = options.strategy == "random"
    sets = draw_sets(options.case, options.trials) if random else ()
    timings = compare(_CONTENDERS, Work(options.case, options.epochs, sets), options.repeats)
    trials = f"{options.trials} trials" if random else "one Hyperband"
    title = f"{trials} of {options.epochs} epochs, heads on a frozen {options.case}"
    show(timings_table(title, timings, machine()))


if __name__ == "__main__":
    main()
