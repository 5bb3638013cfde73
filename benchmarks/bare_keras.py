"""Ours with everything on beside a bare Keras loop, and beside the arithmetic of the same trials.

    python -m benchmarks.bare_keras --cases small mobilenet --trials 20 --epochs 10 --repeats 3

The loop is Keras's own `fit` of each model, on examples in memory and without callbacks; it trains
heads on the features of a frozen network, which it computes once. The arithmetic is what the steps
take in one compiled function, times their number. In every round another contender begins.
"""

from benchmarks.comparison import add_timings, compare, draw_sets, timings_table
from benchmarks.measuring import machine, search_arguments, show
from benchmarks.work import Work

_CASES = ("small", "inception", "mobilenet")
_CONTENDERS = {
    "a bare Keras loop": "bare_keras",
    "the arithmetic alone": "arithmetic",
    "the arithmetic, Adam in one pass": "arithmetic_fused",
    "ours, everything on": "ours",
}


def main() -> None:
    """Measure and print."""
    parser = search_arguments(__doc__, trials=20)
    parser.add_argument("--cases", nargs="+", choices=_CASES, default=_CASES)
    options = parser.parse_args()
    table = timings_table(f"{options.trials} trials of {options.epochs} epochs", machine())
    for case in options.cases:
        work = Work(case, options.epochs, draw_sets(case, options.trials))
        add_timings(table, compare(_CONTENDERS, work, options.repeats), f"{case}: ")
    show(table)


if __name__ == "__main__":
    main()
