"""A search in words: its description in MLflow."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.journal.attempts import distinct
from pipeline.journal.callbacks import EvaluationEnd, Status
from pipeline.journal.history import Attempt, History

_TOP = 5
_SPACE = "\u00a0\u00a0"


def describe(history: History) -> str:
    """Return a summary of a search in Markdown.

    Args:
        history: The search so far; its epochs are not needed.

    Returns:
        What it searches, how far it got, its best trial and the five best, its test result.
    """
    begin = history.begin
    ranked = history.ranked()
    digest = begin.dataset_info["digest"]
    # MLflow folds a description after a few lines: what everybody asks for stands first.
    facts = []
    if ranked:
        facts.append(("Best score", _score(ranked[0])))
    if history.evaluation is not None:
        facts.append(("Test result", _test(history.evaluation)))
    facts += [
        ("Task", begin.task),
        ("Dataset", f"{begin.dataset} (digest {digest})"),
        ("Model", begin.model),
        ("Strategy", begin.strategy),
        *([] if begin.pruner == "none" else [("Pruner", begin.pruner)]),
        ("Objective", f"{begin.objective} ({begin.direction})"),
    ]
    if history.end is not None and history.end.message:
        facts.append(("Ended", history.end.message))
    parts = [_sentence(history), _table(("", ""), facts)]
    if ranked:
        parts += ["### Best hyperparameters", _hyperparameters(ranked[0])]
        parts += ["### Best trials", _leaderboard(distinct(ranked, _TOP))]
    return "\n\n".join(parts) + "\n"


def _sentence(history: History) -> str:
    begin, end = history.begin, history.end
    state = "running" if end is None else _STATES[end.status]
    verb = "minimises" if begin.direction == "min" else "maximises"
    return (
        f"**{begin.name}** {verb} {begin.objective} of {begin.model} on {begin.dataset} with the "
        f"strategy {begin.strategy}: {state}, {_progress(history)}.{_origin(begin.fork_of)}"
    )


def _origin(fork_of: Mapping[str, str]) -> str:
    """Say what a search is a fork of, with a link where there is a page."""
    if not fork_of:
        return ""
    what = f"trial {fork_of['trial']} of {fork_of['search']}"
    page = fork_of.get("page")
    return f" It is a fork of {f'[{what}]({page})' if page else what}."


_STATES = {
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.INTERRUPTED: "interrupted (the same command continues it)",
}


def _progress(history: History) -> str:
    finished = {a.begin.trial for a in history.attempts if a.finished}
    pruned = {a.begin.trial for a in history.attempts if a.pruned}
    failed = {a.begin.trial for a in history.attempts if a.failed}
    total = history.begin.total_trials
    budget = "" if total is None else f" of {total}"
    known = f"{len(finished)}{budget} trials finished, {len(failed)} failed"
    return f"{known}, {len(pruned)} pruned" if pruned else known


def _score(attempt: Attempt) -> str:
    assert attempt.end is not None
    epoch = attempt.end.best_epoch
    where = f"trial {attempt.begin.trial}" + ("" if epoch is None else f", epoch {epoch}")
    return f"{attempt.end.score:.6g} ({where})"


def _test(evaluation: EvaluationEnd) -> str:
    metrics = ", ".join(f"{name} {value:.6g}" for name, value in evaluation.metrics.items())
    how = "retrained on train and validation data" if evaluation.retrained else "its best weights"
    return f"{metrics} (trial {evaluation.trial}, {how})"


def _hyperparameters(attempt: Attempt) -> str:
    return _table(("hyperparameter", "value"), attempt.hyperparameters.items())


def _leaderboard(attempts: list[Attempt]) -> str:
    names = list(dict.fromkeys(name for a in attempts for name in a.hyperparameters))
    rows = []
    for rank, attempt in enumerate(attempts, start=1):
        assert attempt.end is not None
        values = attempt.hyperparameters
        score = f"{attempt.end.score:.6g}"
        rows.append([rank, attempt.begin.trial, score, *(values.get(name, "") for name in names)])
    return _table(("rank", "trial", "score", *names), rows)


def _table(header: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    rule = "|" + " --- |" * len(header)
    return "\n".join([_line(header), rule, *map(_line, rows)])


def _line(values: Iterable[Any]) -> str:
    cells = (f"{value:.6g}" if isinstance(value, float) else str(value) for value in values)
    shown = (" ".join(cell.replace("|", "\\|").split()) for cell in cells)
    # MLflow's tables have no padding.
    return "| " + " | ".join(f"{cell}{_SPACE}" if cell else "" for cell in shown) + " |"
