"""How near ours with everything on comes to the bare epochs of the same trials.

    python -m benchmarks.limit --case small --trials 20 --epochs 10 --repeats 3

The floor is Keras's own `fit` of each model, on examples in memory and without callbacks; it trains
heads on the features of a frozen network, which it computes once.
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

_CONTENDERS = {"bare epochs": "floor", "ours, everything on": "ours"}


def main() -> None:
    """Measure and print."""
    parser = search_arguments(__doc__, trials=20)
    parser.add_argument("--case", choices=["small", "inception", "mobilenet"], default="small")
    options = parser.parse_args()
    sets = draw_sets(options.case, options.trials)
    timings = compare(_CONTENDERS, Work(options.case, options.epochs, sets), options.repeats)
    title = f"{options.trials} trials of {options.epochs} epochs, {options.case}"
    show(timings_table(title, timings, machine()))


if __name__ == "__main__":
    main()
