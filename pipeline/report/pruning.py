"""What pruners would have saved and lost of a search whose trials were trained to their ends."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.journal.history import History
from pipeline.pruners import ASHA, Curve, Hyperband, Median, OneEpoch, Percentile, Pruner, Wilcoxon
from pipeline.pruners.curves import curve_of
from pipeline.pruners.replay import replay
from pipeline.report.trials import score_of, scored, trials_of
from pipeline.terminal.wording import count

FEWEST = 20
"""Trials with a score of which a replay tells anything."""

_MOST = 100  # of more it would take long
_HALVES = 20
_KEPT = 18  # of the halves in which a recommended pruner keeps the best trial
_SAVED = 0.25  # of the epochs, at least
_FEWEST_EXECUTIONS = 5  # of which Wilcoxon's default can save one


@dataclass(frozen=True)
class Replayed:
    """What a pruner would have made of a search.

    Attributes:
        overrides: What chooses it on the command line.
        epochs: Epochs used with the trials in the order they ran.
        left: The best trial that would have completed in the order they ran; None if none.
        best: Whether its score is the search's best.
        kept: In how many random halves of the trials the best of the half would have completed.
    """

    overrides: str
    epochs: int
    left: str | None
    best: bool
    kept: int


@dataclass(frozen=True)
class WhatIf:
    """What all pruners would have made of a search.

    Attributes:
        trials: How many trials were replayed.
        of: How many there are.
        epochs: Epochs that they were trained.
        replayed: Each pruner; empty if there are too few trials.
        sentence: Which one to use, or why none.
    """

    trials: int
    of: int
    epochs: int
    replayed: tuple[Replayed, ...]
    sentence: str


def what_if(history: History) -> WhatIf | None:
    """Replay a search with each pruner: all of its trials, and twenty times a random half.

    All trials have one best, which may be kept or lost by chance; the halves have several. A
    pruner is recommended if it keeps the best of all and that of eighteen halves, and saves a
    quarter of the epochs; of several, the one that saves most. It takes twenty trials with a
    score. Of more than a hundred trials so many are drawn.

    Args:
        history: The search.

    Returns:
        The answer; None if its trials were not all meant to be trained to their ends, as with a
        pruner or Hyperband, if there is nothing to prune in a single epoch, or if it runs yet.
    """
    trials = [attempt for attempt in trials_of(history) if attempt.finished and attempt.epochs]
    longest = max((attempt.begin.epochs for attempt in trials), default=0)
    pruned = history.begin.pruner != "none" or any(attempt.pruned for attempt in trials)
    if history.end is None or longest < 2 or pruned or any(a.begin.lineage for a in trials):
        return None
    chance = random.Random(0)
    drawn = sorted(chance.sample(range(len(trials)), min(len(trials), _MOST)))
    shown = [curve_of(trials[place], history.begin.objective) for place in drawn]
    losses = _losses(history, shown)
    if len(losses) < FEWEST:
        told = f"{count(len(losses), 'trial')} {'has' if len(losses) == 1 else 'have'} one"
        why = f"It takes {FEWEST} trials with a score to tell; {told}."
        return WhatIf(0, len(trials), 0, (), why)
    halves = [chance.sample(shown, len(shown) // 2) for _ in range(_HALVES)]
    planned = sum(len(values) for curve in shown for values in curve.executions)
    replayed = [
        _replayed(overrides, pruner, shown, halves, losses)
        for overrides, pruner in _pruners(history, longest).items()
    ]
    return WhatIf(len(shown), len(trials), planned, tuple(replayed), _sentence(replayed, planned))


def _losses(history: History, shown: Sequence[Curve]) -> dict[str, float]:
    """Return the scores of those trials that have one; of two, the lower is better."""
    sign = -1.0 if history.begin.direction == "max" else 1.0
    scores = {attempt.begin.trial: score_of(attempt) for attempt in scored(history)}
    return {one.trial: sign * scores[one.trial] for one in shown if one.trial in scores}


def _pruners(history: History, max_epochs: int) -> dict[str, Pruner]:
    """Return the pruners that can tell trials apart here, by their overrides."""
    begin = history.begin
    direction = begin.direction
    found: dict[str, Pruner] = {
        "pruner=median": Median(direction=direction, max_epochs=max_epochs),
        "pruner=percentile": Percentile(direction=direction, max_epochs=max_epochs),
        "pruner=asha": ASHA(direction=direction, max_epochs=max_epochs),
        "pruner=asha pruner.promote=true": ASHA(
            direction=direction, max_epochs=max_epochs, promote=True
        ),
        "pruner=hyperband": Hyperband(direction=direction, max_epochs=max_epochs, seed=begin.seed),
        "pruner=one_epoch": OneEpoch(direction=direction, max_epochs=max_epochs),
    }
    if max_epochs > 3:
        found["pruner=asha pruner.min_epochs=2"] = ASHA(
            direction=direction, max_epochs=max_epochs, min_epochs=2
        )
        found["pruner=one_epoch pruner.i_epoch=2"] = OneEpoch(
            direction=direction, max_epochs=max_epochs, i_epoch=2
        )
    if begin.executions_per_trial >= _FEWEST_EXECUTIONS:
        found["pruner=wilcoxon"] = Wilcoxon(direction=direction, max_epochs=max_epochs)
    return dict(sorted(found.items()))


def _replayed(
    overrides: str,
    pruner: Pruner,
    shown: Sequence[Curve],
    halves: Sequence[Sequence[Curve]],
    losses: Mapping[str, float],
) -> Replayed:
    whole = replay(pruner, shown)
    left = _best(whole.completed, losses)
    return Replayed(
        overrides=overrides,
        epochs=whole.total_epochs,
        left=left,
        best=left is not None and losses[left] == min(losses.values()),
        kept=sum(_keeps(pruner, half, losses) for half in halves),
    )


def _keeps(pruner: Pruner, curves: Sequence[Curve], losses: Mapping[str, float]) -> bool:
    """Return whether a pruner lets one of the best trials complete; if there is none, it does."""
    best = _best([curve.trial for curve in curves], losses)
    left = _best(replay(pruner, curves).completed, losses)
    return best is None or (left is not None and losses[left] == losses[best])


def _best(trials: Sequence[str], losses: Mapping[str, float]) -> str | None:
    return min((one for one in trials if one in losses), key=losses.__getitem__, default=None)


def _sentence(replayed: Sequence[Replayed], epochs: int) -> str:
    good = [
        one
        for one in replayed
        if one.best and one.kept >= _KEPT and one.epochs <= (1 - _SAVED) * epochs
    ]
    if not good:
        return (
            f"Use none for trials like these: none keeps the best of all and of {_KEPT} of "
            f"{_HALVES} random halves, and saves a quarter of the epochs."
        )
    chosen = min(good, key=lambda one: one.epochs)
    used = _percent(chosen.epochs, epochs)
    return (
        f"{chosen.overrides} would have kept the best trial with {used} of the epochs, and that of "
        f"{chosen.kept} of {_HALVES} random halves of the trials: use it for more trials like "
        "these."
    )


@dataclass(frozen=True)
class Section:
    """The report's section on it.

    Attributes:
        sentence: What to do.
        caption: What the table shows; empty if there is none.
        columns: The titles of its columns.
        rows: A row a pruner, the least epochs first.
    """

    sentence: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def section(history: History) -> Section | None:
    """Return what the report says of it; None where `what_if` is."""
    found = what_if(history)
    if found is None:
        return None
    if not found.replayed:
        return Section(found.sentence, "", (), [])
    drawn = f" of {found.of}, drawn at random" if found.trials < found.of else ""
    caption = (
        f"{count(found.trials, 'trial')}{drawn}, trained for {count(found.epochs, 'epoch')}, each "
        "stopped where the pruner would have stopped it, in the order they ran, one at a time. A "
        "strategy that learns from its trials would have proposed others. In random halves of the "
        "trials others are the best ones."
    )
    columns = ("pruner", "epochs", "of all", "best trial left", "halves whose best is kept")
    rows = [
        (
            one.overrides.replace(" pruner.", ", ").removeprefix("pruner="),
            str(one.epochs),
            _percent(one.epochs, found.epochs),
            f"{one.left or 'none'}{'' if one.best else ', not the best'}",
            f"{one.kept} of {_HALVES}",
        )
        for one in sorted(found.replayed, key=lambda one: one.epochs)
    ]
    return Section(found.sentence, caption, columns, rows)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"
