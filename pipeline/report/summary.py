"""What a search found, in words."""

from dataclasses import dataclass

from pipeline.journal.callbacks import Status
from pipeline.journal.history import Attempt, History
from pipeline.report.space import space_of
from pipeline.report.trials import epochs_of, score_of, scored, status_of, trials_of
from pipeline.terminal.baseline import baseline_sentence
from pipeline.terminal.wording import count, duration, number


@dataclass(frozen=True)
class Fact:
    """A figure that everybody asks for.

    Attributes:
        name: What it is.
        value: It, as it is shown.
        note: A few words more; may be empty.
    """

    name: str
    value: str
    note: str = ""


def sentences(history: History) -> list[str]:
    """Return what was searched, how far it got, what is best and how it was tested."""
    told = [*_origin(history), _searched(history), _got(history), _best(history), _tested(history)]
    baseline = baseline_sentence(history)
    return [*told, *([baseline] if baseline else [])]


def facts(history: History) -> list[Fact]:
    """Return the figures at the head of the report."""
    begin, attempts = history.begin, history.attempts
    trials = trials_of(history)
    completed = sum(attempt.completed for attempt in trials)
    best = scored(history)[:1]
    shown = [
        Fact(f"best {begin.objective}", number(score_of(a)), f"trial {a.begin.trial}") for a in best
    ]
    if history.evaluation is not None:
        name = history.evaluation.score_name
        tested = history.evaluation.metrics.get(name)
        if tested is not None:
            baseline = history.evaluation.baseline.get(name)
            note = (
                "on data no trial has seen" if baseline is None else f"baseline {number(baseline)}"
            )
            shown.append(Fact(f"test {name}", number(tested), note))
    failed = sum(attempt.failed for attempt in trials)
    pruned = sum(attempt.pruned for attempt in trials)
    others = [f"{pruned} pruned"] * bool(pruned) + [f"{failed} failed"]
    total = "" if begin.total_trials is None else f" of {begin.total_trials} planned"
    return [
        *shown,
        Fact("trials completed", str(completed), f"{', '.join(others)}{total and ','}{total}"),
        Fact("epochs trained", str(sum(map(epochs_of, attempts)))),
        Fact("time in trials", duration(sum(attempt.seconds for attempt in attempts))),
    ]


def state_of(history: History) -> str:
    """Return how a search stands: `completed`, `failed`, `interrupted` or `not ended`."""
    return "not ended" if history.end is None else history.end.status.lower()


def _searched(history: History) -> str:
    begin = history.begin
    searched = sum(item.searched for item in space_of(history).values())
    verb = "maximise" if begin.direction == "max" else "minimise"
    pruner = "" if begin.pruner == "none" else f", with the pruner {begin.pruner},"
    return (
        f"The strategy {begin.strategy}{pruner} searched {count(searched, 'hyperparameter')} of "
        f"the model {begin.model} on the dataset {begin.dataset} to {verb} {begin.objective}."
    )


def _origin(history: History) -> list[str]:
    origin = history.begin.fork_of
    return [f"A fork of trial {origin['trial']} of {origin['search']}."] if origin else []


def _got(history: History) -> str:
    trials = trials_of(history)
    completed = sum(attempt.completed for attempt in trials)
    failed = sum(attempt.failed for attempt in trials)
    parts = [f"{count(completed, 'trial')} completed"]
    if pruned := sum(attempt.pruned for attempt in trials):
        parts.append(f"{pruned} pruned")
    if failed:
        parts.append(f"{failed} failed")
    if unfinished := sum(not attempt.finished for attempt in trials):
        statuses = {status_of(a, history).lower() for a in trials if not a.finished}
        parts.append(f"{unfinished} {' or '.join(sorted(statuses))}")
    return f"{', '.join(parts)}. {_ended(history)}"


def _ended(history: History) -> str:
    end = history.end
    if end is None:
        return "The search has not ended: it runs, or its process died."
    why = f": {end.message}" if end.message else ""
    if end.status is Status.COMPLETED:
        return f"The search completed{why}."
    if end.status is Status.FAILED:
        return f"The search failed{why}."
    if end.message == "interrupted":
        why = ""
    return f"The search was interrupted{why}; the same command continues it."


def _best(history: History) -> str:
    ranked = scored(history)
    if not ranked:
        return "No trial has a score, so there is no best one."
    best = ranked[0]
    where = (
        ""
        if best.end is None or best.end.best_epoch is None
        else (f" at epoch {best.end.best_epoch}")
    )
    return (
        f"The best is trial {best.begin.trial} with {history.begin.objective} "
        f"{number(score_of(best))}{where}{_lead(ranked)}."
    )


def _lead(ranked: list[Attempt]) -> str:
    """Return how it compares with the middle of the others."""
    if len(ranked) < 3:
        return ""
    median = score_of(ranked[len(ranked) // 2])
    return f"; half of the trials are at {number(median)} or worse"


def _tested(history: History) -> str:
    tested = history.evaluation
    if tested is None:
        return "No model was tested yet."
    metrics = " and ".join(f"{name} {number(value)}" for name, value in tested.metrics.items())
    how = "retrained on train and validation data" if tested.retrained else "with its best weights"
    return f"On test data that no trial has seen its model, {how}, has {metrics}."
