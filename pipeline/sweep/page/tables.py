"""The comparison's tables: the searches, and the trials of all of them."""

from collections.abc import Mapping, Sequence

from pipeline.journal.history import Attempt
from pipeline.report.tables import EMPTY, Cell, TableRow, optional, searched, told, value_of
from pipeline.report.trials import score_of, scored, scoreless
from pipeline.report.trials import status_of as status_of_trial
from pipeline.sweep.page.groups import Group, status_of
from pipeline.sweep.standings import Row, Standing
from pipeline.terminal.wording import duration


def search_columns(searches: Sequence[Standing], reports: Mapping[str, str]) -> list[str]:
    """Return the titles of the columns of some searches, of one objective.

    Args:
        searches: The searches.
        reports: As of `search_rows`.
    """
    objective = next((s.row.objective for s in searches if s.row.best_score is not None), None)
    scores = [] if objective is None else [f"best {objective}", "best trial"]
    tests = [f"test {name}" for name in _tests(searches)]
    spent = ["trials", "failed", "epochs", "time"]
    links = [title for title, known in _links(searches, reports).items() if known]
    return ["search", "status", *links, *scores, *tests, *spent]


def search_rows(searches: Sequence[Standing], reports: Mapping[str, str]) -> list[TableRow]:
    """Return what searches achieved.

    Args:
        searches: Some searches, of one objective.
        reports: The files of their reports, by label, as far as there are any.

    Returns:
        A row for each, with a cell for each of `search_columns`.
    """
    has_scores = any(search.row.best_score is not None for search in searches)
    tests = _tests(searches)
    links = [known for known in _links(searches, reports).values() if known]
    return [_search_row(search, has_scores, tests, links) for search in searches]


def trial_columns(searches: Sequence[Standing], groups: Sequence[Group]) -> list[str]:
    """Return the titles of the columns of all trials; each group has a column for its scores."""
    spent = ["best epoch", "epochs", "time", "attempts"]
    names = _hyperparameters(searches)
    return ["search", "trial", "rank", "status", *_score_titles(groups), *spent, *names]


def trial_rows(searches: Sequence[Standing], groups: Sequence[Group]) -> list[TableRow]:
    """Return the trials of all searches, best first within each group.

    Those without a score follow, search by search.

    Args:
        searches: The searches, ranked.
        groups: Their groups.

    Returns:
        A row for each, with a cell for each of `trial_columns`.
    """
    names, width = _hyperparameters(searches), len(groups)
    rows = []
    for place, group in enumerate(groups):
        sign = -1.0 if group.direction == "max" else 1.0
        told_of = [
            (search, attempt)
            for search in group.searches
            if search.history is not None
            for attempt in scored(search.history)
        ]
        told_of.sort(key=lambda one: sign * score_of(one[1]))
        for rank, (search, attempt) in enumerate(told_of, start=1):
            score, *rest = told(attempt)
            scores = [score if other == place else EMPTY for other in range(width)]
            rows.append(_trial_row(search, attempt, rank, [*scores, *rest], names))
    for search in searches:
        for attempt in scoreless(search.history) if search.history is not None else []:
            _, *rest = told(attempt)
            rows.append(_trial_row(search, attempt, None, [*([EMPTY] * width), *rest], names))
    return rows


def _links(searches: Sequence[Standing], reports: Mapping[str, str]) -> dict[str, dict[str, Cell]]:
    """Return what leads from the searches to more, by column and label."""
    labels = [search.row.label for search in searches]
    runs = {search.row.label: search.run for search in searches if search.run is not None}
    return {
        "report": {
            label: Cell("report", label, reports[label]) for label in labels if label in reports
        },
        "MLflow": {label: Cell("run", label, link) for label, link in runs.items()},
    }


def _search_row(
    search: Standing,
    has_scores: bool,
    tests: Sequence[str],
    links: Sequence[Mapping[str, Cell]],
) -> TableRow:
    row, status = search.row, status_of(search)
    scores = (_number(row.best_score), _text(row.best_trial)) if has_scores else ()
    return TableRow(
        status,
        (
            Cell(f"{row.label} (best)" if row.best else row.label, row.label),
            Cell(status, status),
            *(known.get(row.label, EMPTY) for known in links),
            *scores,
            *(_number((row.test or {}).get(name)) for name in tests),
            *_spent(row),
        ),
    )


def _trial_row(
    search: Standing,
    attempt: Attempt,
    rank: int | None,
    middle: Sequence[Cell],
    names: Sequence[str],
) -> TableRow:
    assert search.history is not None
    status = status_of_trial(attempt, search.history)
    return TableRow(
        status,
        (
            Cell(search.row.label, search.row.label),
            Cell(attempt.begin.trial, attempt.begin.trial),
            optional(rank),
            Cell(status.lower(), status),
            *middle,
            *(value_of(attempt, name) for name in names),
        ),
    )


def _score_titles(groups: Sequence[Group]) -> list[str]:
    """Return a title for each group's scores."""
    if len(groups) == 1:
        return [groups[0].objective]
    return [f"score on {group.where}" for group in groups]


def _hyperparameters(searches: Sequence[Standing]) -> list[str]:
    """Return what any of the searches searched."""
    histories = [search.history for search in searches if search.history is not None]
    return list(dict.fromkeys(name for history in histories for name in searched(history)))


def _tests(searches: Sequence[Standing]) -> list[str]:
    """Return the names of the test metrics, what corresponds to the objective first."""
    first = {search.row.test_metric: None for search in searches if search.row.test_metric}
    names = {name: None for search in searches for name in search.row.test or {}}
    return [name for name in {**first, **names} if name in names]


def _spent(row: Row) -> tuple[Cell, ...]:
    numbers = (row.trials, row.failed, row.epochs_trained)
    seconds = Cell(duration(row.seconds), round(row.seconds, 3))
    return (*(Cell(str(value), value) for value in numbers), seconds)


def _number(value: float | None) -> Cell:
    return EMPTY if value is None else Cell(f"{value:.5g}", value)


def _text(value: str | None) -> Cell:
    return EMPTY if value is None else Cell(value, value)
