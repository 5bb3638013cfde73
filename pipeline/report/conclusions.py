"""What the trials suggest to do next, each in a sentence."""

from collections.abc import Sequence
from typing import Any

from pipeline.configuration.objectives import is_for_the_worst
from pipeline.journal.attempts import Attempt, distinct
from pipeline.journal.callbacks import Status
from pipeline.journal.history import History
from pipeline.report.space import Hyperparameter, shown, space_of
from pipeline.report.trials import failures_of, scored, trials_of
from pipeline.terminal.wording import count

BEST = 5
"""The best trials that conclusions are drawn from, each with other hyperparameters."""

_EDGE = 0.1
_FEWEST_FAILURES = 3


def conclusions(history: History) -> list[str]:
    """Return everything that the search suggests; empty if that is nothing.

    A search for the worst, which has to be asked for, suggests nothing.
    """
    if is_for_the_worst(history.begin.objective, history.begin.direction):
        return []
    found = [most_fail(history), too_few_epochs(history), exhausted(history)]
    return [sentence for sentence in found if sentence] + edges(history)


def no_conclusion(history: History) -> str:
    """Return what to say where there is no conclusion."""
    if len(distinct(scored(history), BEST)) < BEST:
        return (
            f"Fewer than {BEST} trials with different hyperparameters have a score: too few to "
            "draw conclusions from."
        )
    begin = history.begin
    if is_for_the_worst(begin.objective, begin.direction):
        return f"This search was for the worst {begin.objective}: no conclusions are drawn from it."
    last = len(_improving(history))
    epochs = f"{last} of them had their best epoch last" if last else "none had its best epoch last"
    return (
        f"The trials suggest no change: of the {BEST} best not all are at an edge of a range and "
        f"{epochs}, failures have no common reason, and the search space is not exhausted."
    )


def edges(history: History) -> list[str]:
    """Return a sentence for each hyperparameter whose best values are at an edge of its range.

    All of the five best trials must be within a tenth of the range from the same bound; of a
    choice among numbers, all must have the smallest or the largest. Of two values one is always
    at an edge.
    """
    best = distinct(scored(history), BEST)
    found = []
    for item in space_of(history).values():
        values = [a.hyperparameters[item.name] for a in best if item.name in a.hyperparameters]
        if len(values) == BEST and item.searched and not item.binary:
            found.append(_edge(item, values))
    return [sentence for sentence in found if sentence]


def too_few_epochs(history: History) -> str | None:
    """Return that the best trials were still improving when their training ended.

    Most of the five best trials must have trained as long as any trial may, and have their best
    epoch last.
    """
    improving = _improving(history)
    if len(improving) <= BEST // 2:
        return None
    return (
        f"epochs: {len(improving)} of the {BEST} best trials had their best epoch last, after "
        f"{improving[0].begin.epochs} epochs: train longer"
    )


def _improving(history: History) -> list[Attempt]:
    """Return which of the five best trials trained to the end of the longest, and were best there.

    None if there are fewer than five, or no trial has a second epoch.
    """
    best = distinct(scored(history), BEST)
    longest = max((attempt.begin.epochs for attempt in history.attempts), default=0)
    if len(best) < BEST or longest < 2:
        return []
    return [a for a in best if a.end and a.end.best_epoch == longest - 1]


def most_fail(history: History) -> str | None:
    """Return that most trials fail for one reason: more than half of those that finished."""
    finished = [attempt for attempt in trials_of(history) if attempt.finished]
    for failure in failures_of(history):
        failed = len(failure.trials)
        if failed >= _FEWEST_FAILURES and failed > len(finished) / 2:
            return f"failures: {failed} of {count(len(finished), 'trial')} fail: {failure.reason}"
    return None


def exhausted(history: History) -> str | None:
    """Return that there is nothing left in the search space to try.

    A strategy with `max_trials` has exhausted it if it completed with fewer trials; Hyperband
    has if a bracket began with a configuration of an earlier one, as it prefers new ones.
    """
    begin, finished = history.begin, sum(attempt.finished for attempt in history.attempts)
    if history.end is None or history.end.status is not Status.COMPLETED:
        return None
    entered = [a for a in trials_of(history) if a.begin.lineage.get("round") == 0]
    if entered:
        tried = distinct(entered, len(entered))
        if len(tried) == len(entered):
            return None
        return (
            f"search space: all of its {len(tried)} combinations were tried, and {begin.strategy} "
            "trained some again: widen it, or search fewer trials"
        )
    strategy = begin.config.get("strategy", {})
    limited = history.end.out_of_time or history.end.limit is not None
    if limited or "max_trials" not in strategy:
        return None
    most = strategy["max_trials"]
    if most is not None and finished >= most:
        return None
    return (
        f"search space: {begin.strategy} tried all of its {count(finished, 'combination')}: "
        "widen it to search on"
    )


def _edge(item: Hyperparameter, values: Sequence[Any]) -> str | None:
    who = f"{item.name}: the {len(values)} best"
    if item.choices is not None:
        return _edge_of_choice(item, values, who)
    places = [item.position(value) for value in values]
    if max(places) <= _EDGE:
        return f"{who} are within 10 % of the lower bound {shown(item.low)}: widen it"
    if min(places) >= 1 - _EDGE:
        return f"{who} are within 10 % of the upper bound {shown(item.high)}: widen it"
    return None


def _edge_of_choice(item: Hyperparameter, values: Sequence[Any], who: str) -> str | None:
    choices = item.choices or ()
    if not all(_is_number(choice) for choice in choices):
        return None
    for name, edge in (("smallest", min(choices)), ("largest", max(choices))):
        if all(value == edge for value in values):
            beyond = "smaller" if name == "smallest" else "larger"
            return f"{who} all have the {name} choice {shown(edge)}: add {beyond} ones"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
