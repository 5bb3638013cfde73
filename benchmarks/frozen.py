"""A search of heads on a frozen network, ours with everything on beside KerasTuner.

    python -m benchmarks.frozen --case mobilenet --trials 30 --epochs 10 --repeats 3

512 generated images, the same model for all, no early stopping. KerasTuner trains the whole model,
or the head alone on features that were made once by hand; each with its defaults and tuned. In
every round another contender begins. Random search trains the same hyperparameters in all;
Hyperband proposes its own, and has 30 trials if it has 10 epochs.
"""

from benchmarks.comparison import add_timings, compare, draw_sets, timings_table
from benchmarks.measuring import machine, search_arguments, show
from benchmarks.work import Work

_CONTENDERS = {
    "keras_tuner, no tracking": "keras_tuner_plain",
    "keras_tuner tuned, no tracking": "keras_tuner_tuned",
    "keras_tuner, features by hand": "features_by_hand",
    "keras_tuner tuned, features by hand": "features_by_hand_tuned",
    "ours, everything on": "ours",
}


def main() -> None:
    """Measure and print."""
    parser = search_arguments(__doc__, trials=30)
    parser.add_argument("--case", choices=["inception", "mobilenet"], default="inception")
    parser.add_argument("--strategy", choices=["random", "hyperband"], default="random")
    options = parser.parse_args()
    random = options.strategy == "random"
    trials = f"{options.trials} trials" if random else "one Hyperband"
    title = f"{trials} of {options.epochs} epochs, heads on a frozen {options.case}"
    table = timings_table(title, machine())
    sets = draw_sets(options.case, options.trials) if random else ()
    add_timings(
        table, compare(_CONTENDERS, Work(options.case, options.epochs, sets), options.repeats)
    )
    show(table)


if __name__ == "__main__":
    main()
