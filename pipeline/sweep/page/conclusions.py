"""What the comparison of a sweep's searches shows, in sentences."""

from collections.abc import Callable, Sequence

from pipeline.journal.callbacks import Status
from pipeline.report.progress import course_of
from pipeline.sweep.page.groups import (
    COMPLETED,
    FAILED,
    NOT_ENDED,
    Group,
    groups_of,
    scoreless,
    status_of,
)
from pipeline.sweep.standings import Standing, Standings
from pipeline.terminal.wording import count, duration


def sentences(sweep: Standings) -> list[str]:
    """Return how far the sweep got, and what of it can be compared."""
    searches, groups = sweep.searches, groups_of(sweep.searches)
    completed = sum(status_of(search) == COMPLETED for search in searches)
    told = [f"Searches that completed: {completed} of {len(searches)}."]
    if not sweep.ended:
        told.append("The sweep has not ended; searches that have not begun are not shown.")
    if not groups:
        told.append("No search has a score.")
    elif len(groups) > 1:
        told.append(
            f"The searches are of {len(groups)} different combinations of data and objective; "
            "scores are compared only within each."
        )
    return told


def unfinished(searches: Sequence[Standing]) -> list[str]:
    """Return a sentence for each search that did not complete."""
    told = []
    for search in searches:
        status, label = status_of(search), search.row.label
        if status == FAILED:
            told.append(f"{label} failed: {search.row.reason or 'it gave no reason'}")
        elif status == NOT_ENDED:
            told.append(f"{label} has not ended: it runs, or its process died.")
        elif status == Status.INTERRUPTED.lower():
            told.append(f"{label} was interrupted; the same command continues it.")
    return told


def conclusions(group: Group, sweep: Standings) -> list[str]:
    """Return what a group's searches show: which is best, which got there first, and on test data.

    Args:
        group: The group.
        sweep: The sweep it is of.

    Returns:
        Sentences; of what does not differ between the searches there is none.
    """
    if len(group.searches) < 2:
        return []
    who = "Both" if len(group.searches) == 2 else f"All {len(group.searches)}"
    if len(groups_of(sweep.searches)) == 1 and scoreless(sweep.searches):
        who += " with a score"
    found = [
        best(group),
        soonest(group, who, "epochs", lambda spent: count(round(spent), "epoch")),
        soonest(group, who, "seconds", lambda spent: f"{duration(spent)} of trials"),
        tested(group),
        once(group),
    ]
    return [sentence for sentence in found if sentence]


def no_conclusion(group: Group) -> str:
    """Return what to say where there is no conclusion."""
    if len(group.searches) < 2:
        return f"Only {group.rows[0].label} has a score, so there is nothing to compare it with."
    return "The searches do not differ in best score, in what they needed for it, or on test data."


def best(group: Group) -> str | None:
    """Return which search has the best score; None if all have the same."""
    scores = [(row.label, row.best_score) for row in group.rows if row.best_score is not None]
    told = _first_and_next(scores)
    if told is None:
        return None
    names, first, following, second = told
    so_far = "" if all(status_of(s) in (COMPLETED, FAILED) for s in group.searches) else " so far"
    have = "has" if len(names) == 1 else "have"
    return (
        f"{_list(names)} {have} the best {group.objective}{so_far}, {first}; next is {following} "
        f"with {second}."
    )


def soonest(group: Group, who: str, unit: str, shown: Callable[[float], str]) -> str | None:
    """Return which search spent least until it reached the score that all have reached.

    Args:
        group: The group; its last search is the one whose best score all have reached.
        who: How its searches are called together.
        unit: What is spent: `epochs` or `seconds`.
        shown: Writes an amount of it.

    Returns:
        A sentence; None if all spent the same, or a search's journal is missing.
    """
    level = group.rows[-1].best_score
    assert level is not None
    spent = [(search.row.label, _spent_until(search, level, unit)) for search in group.searches]
    known = [(amount, label) for label, amount in spent if amount is not None]
    if len(known) < len(spent):
        return None
    least, most = shown(min(known)[0]), shown(max(known)[0])
    if least == most:
        return None
    first = [label for amount, label in known if shown(amount) == least]
    last = [label for amount, label in known if shown(amount) == most]
    return (
        f"{who} reached {group.objective} {_number(level)}, the best of {group.rows[-1].label}: "
        f"{_list(first)} soonest, after {least}; {_list(last)} last, after {most}."
    )


def tested(group: Group) -> str | None:
    """Return which search's model is best on test data; None if there is no difference."""
    metrics = {row.test_metric for row in group.rows if row.test_result is not None}
    results = [(row.label, row.test_result) for row in group.rows if row.test_result is not None]
    if len(metrics) != 1:
        return None
    ordered = sorted(results, key=lambda one: one[1], reverse=group.direction == "max")
    told = _first_and_next(ordered)
    if told is None:
        return None
    names, first, following, second = told
    is_first = "is" if len(names) == 1 else "are"
    model = "model" if len(names) == 1 else "models"
    return (
        f"On test data the best {model} {is_first} of {_list(names)}, {metrics.pop()} {first}; "
        f"next is that of {following} with {second}."
    )


def once(group: Group) -> str | None:
    """Return that no search was repeated with another seed, so that an order may be chance."""
    kinds = {(row.strategy, row.model, row.varied) for row in group.rows}
    if len(kinds) < len(group.rows) or best(group) is None:
        return None
    return "Each ran with one seed; with another seed the order may be another."


def _spent_until(search: Standing, level: float, unit: str) -> float | None:
    """Return what a search had spent when its best score first was as good as a level."""
    if search.history is None:
        return None
    sign = -1.0 if search.row.direction == "max" else 1.0
    course = course_of(search.history, unit)
    reached = (
        spent
        for spent, score in zip(course.spent, course.best, strict=True)
        if sign * score <= sign * level
    )
    return next(reached, None)


def _first_and_next(
    ordered: Sequence[tuple[str, float]],
) -> tuple[list[str], str, str, str] | None:
    """Return who is first with what, and who is next with what; None if there is no next."""
    if not ordered:
        return None
    value = ordered[0][1]
    following = next((one for one in ordered if one[1] != value), None)
    if following is None:
        return None
    digits = next(n for n in range(4, 18) if f"{value:.{n}g}" != f"{following[1]:.{n}g}")
    names = [label for label, other in ordered if other == value]
    return names, f"{value:.{digits}g}", following[0], f"{following[1]:.{digits}g}"


def _number(value: float) -> str:
    return f"{value:.4g}"


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
