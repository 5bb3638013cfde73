"""What pruners save and lose, on the epoch curves of known trainings.

    python -m benchmarks.pruning_curves --configurations 60 --repeats 200 --workers 1 8

The curves are those of `scan-bench`, 1,500 trainings of image-language models, and made ones
(`--curves made`). Nothing is trained: each search is replayed, in a random order of its trials.
"""

import argparse
import csv
import importlib.util
import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.measuring import empty_table, machine, show
from pipeline.pruners import ASHA, Curve, Hyperband, Median, NoPruner, OneEpoch, Percentile, Pruner
from pipeline.pruners.replay import replay

_MADE_EPOCHS = 27
_PATIENCE = 5
_COLUMNS = ("at a time", "epochs used", "same winner %", "mean regret")


@dataclass(frozen=True)
class Training:
    """A training that is known.

    Attributes:
        losses: Validation loss, epoch by epoch; may be NaN.
        seconds: How long an epoch takes.
    """

    losses: tuple[float, ...]
    seconds: float

    @property
    def score(self) -> float:
        """The loss of the best epoch."""
        return min((loss for loss in self.losses if math.isfinite(loss)), default=math.inf)


@dataclass(frozen=True)
class Result:
    """A search with a pruner beside the same one without.

    Attributes:
        share: Epochs used, of all.
        won: Whether the best trial completed.
        regret: How much worse the best of those that completed is.
    """

    share: float
    won: bool
    regret: float


def known(least_epochs: int) -> list[Training]:
    """Return the image-language trainings of `scan-bench` that have so many epochs.

    Args:
        least_epochs: Shorter ones are left out.

    Returns:
        The trainings.

    Raises:
        SystemExit: It is not installed.
    """
    spec = importlib.util.find_spec("scan_bench")
    if spec is None or spec.origin is None:
        raise SystemExit("The curves are in scan-bench: pip install --no-deps scan-bench==0.2.3")
    epochs: dict[str, list[tuple[float, float]]] = {}
    with (Path(spec.origin).parent / "vlm" / "data.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            told = (float(row["val_loss"] or "nan"), float(row["train_duration(s)"] or "nan"))
            epochs.setdefault(row["config_id"], []).append(told)
    timed = [seconds for told in epochs.values() for _, seconds in told if seconds > 0]
    usual = statistics.median(timed)  # of the few trainings that have no time
    return [
        Training(
            tuple(loss for loss, _ in told),
            statistics.median([seconds for _, seconds in told if seconds > 0] or [usual]),
        )
        for told in epochs.values()
        if len(told) >= least_epochs
    ]


def made(chance: random.Random, spread: float) -> Training:
    """Make a training: a power law towards a loss of its own, with noise and early stopping.

    Args:
        chance: Where its numbers come from.
        spread: How much the speeds of trainings differ, so that their curves cross.

    Returns:
        A training of at most 27 epochs.
    """
    start, end = chance.gauss(3, 0.2), 0.5 + 0.25 * max(chance.gauss(0, 1), -1.6)
    speed = math.exp(chance.gauss(0, spread))
    losses = [
        end + (start - end) * (2 + epoch) ** -speed + chance.gauss(0, 0.01)
        for epoch in range(_MADE_EPOCHS)
    ]
    if chance.random() < 0.05:
        broken = chance.randrange(_MADE_EPOCHS)
        losses[broken:] = [math.nan] * (_MADE_EPOCHS - broken)
    best, since = math.inf, 0
    for epoch, loss in enumerate(losses):
        best, since = (loss, 0) if loss < best else (best, since + 1)
        if since == _PATIENCE:
            losses = losses[: epoch + 1]
            break
    return Training(tuple(losses), math.exp(chance.gauss(0, 0.7)))


def pruners(max_epochs: int) -> dict[str, Pruner]:
    """Return what is compared, by its name in the table."""
    given = {"direction": "min", "max_epochs": max_epochs}
    few = [epochs for epochs in (1, 2, 3, 4, 6, 9) if epochs < max_epochs]
    return {
        "none": NoPruner(),
        "asha": ASHA(**given),
        "asha, promote": ASHA(promote=True, **given),
        "asha, reduction_factor=4": ASHA(reduction_factor=4, **given),
        "asha, min_epochs=2": ASHA(min_epochs=2, **given),
        "median": Median(**given),
        "percentile": Percentile(**given),
        "hyperband": Hyperband(seed=0, **given),
        **{f"one_epoch, i_epoch={i}": OneEpoch(i_epoch=i, **given) for i in few},
    }


def search(pruner: Pruner, trainings: Sequence[Training], workers: int) -> Result:
    """Replay one search.

    Args:
        pruner: What stops trials.
        trainings: Its trials, in their order.
        workers: How many train at a time.

    Returns:
        What it saved and lost.
    """
    curves = [
        Curve(f"{number:04d}", (dict(enumerate(training.losses)),), completed=True)
        for number, training in enumerate(trainings)
    ]
    done = replay(pruner, curves, workers, [training.seconds for training in trainings])
    best = min(training.score for training in trainings)
    found = min((trainings[int(trial)].score for trial in done.completed), default=math.inf)
    planned = sum(len(training.losses) for training in trainings)
    return Result(done.total_epochs / planned, found == best, found - best)


def main(argv: Sequence[str] | None = None) -> None:
    """Replay the searches of a command line, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--curves", choices=["known", "made"], default="known")
    parser.add_argument("--least-epochs", type=int, default=6)
    parser.add_argument("--spread", type=float, default=0.15)
    parser.add_argument("--configurations", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", help="beginnings of pruners' names; default: all")
    arguments = parser.parse_args(argv)
    draw = _drawing(arguments)
    longest = _MADE_EPOCHS if arguments.curves == "made" else 10
    compared = {
        name: pruner
        for name, pruner in pruners(longest).items()
        if arguments.only is None or name.startswith(tuple(arguments.only))
    }
    results: dict[tuple[str, int], list[Result]] = {
        (name, workers): [] for workers in arguments.workers for name in compared
    }
    for repeat in range(arguments.repeats):
        trainings = draw(random.Random(f"{arguments.seed} {repeat}"))
        for (name, workers), found in results.items():
            found.append(search(compared[name], trainings, workers))
    what = (
        f"{arguments.repeats} searches of {arguments.configurations} {arguments.curves} trainings"
    )
    table = empty_table(what, "pruner", _COLUMNS, machine())
    for (name, workers), found in results.items():
        table.add_row(
            name,
            str(workers),
            f"{statistics.fmean(one.share for one in found):.3f}",
            f"{100 * statistics.fmean(one.won for one in found):.1f}",
            f"{statistics.fmean(one.regret for one in found):.4f}",
        )
    show(table)


def _drawing(arguments: argparse.Namespace) -> Callable[[random.Random], list[Training]]:
    size = arguments.configurations
    if arguments.curves == "made":
        make = partial(made, spread=arguments.spread)
        return lambda chance: [make(chance) for _ in range(size)]
    trainings = known(arguments.least_epochs)
    return lambda chance: chance.sample(trainings, size)


if __name__ == "__main__":
    main()
