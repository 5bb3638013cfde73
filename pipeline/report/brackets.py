"""Hyperband's brackets, rounds and promotions."""

import plotly.graph_objects as go

from pipeline.journal.history import Attempt, History
from pipeline.report.layout import ACCENT, MUTED, Picture, figure, rounded, show_scores
from pipeline.report.trials import score_of, scored, trials_of
from pipeline.terminal.wording import count

_NAME, _TITLE = "brackets", "Brackets, rounds and promotions"
_Round = tuple[int, int]


def brackets_picture(history: History) -> Picture | None:
    """Return each round's trials by score, joined with those they continue.

    Returns:
        The picture; None if the strategy has no brackets.
    """
    members = [attempt for attempt in trials_of(history) if "bracket" in attempt.begin.lineage]
    if not members:
        return None
    shown = [attempt for attempt in scored(history) if "bracket" in attempt.begin.lineage]
    if not shown:
        return Picture(_NAME, _TITLE, "No trial has a score yet.", None)
    columns = _columns(members)
    promoted = {attempt.begin.lineage["parent"] for attempt in members}
    objective = history.begin.objective
    made = figure("", objective, height=440)
    made.add_trace(_promotions(shown, columns))
    for name, color, continued in (("ended here", MUTED, False), ("promoted", ACCENT, True)):
        some = [a for a in shown if (a.begin.trial in promoted) is continued]
        made.add_scatter(
            x=[columns[_round(attempt)] for attempt in some],
            y=rounded([score_of(attempt) for attempt in some]),
            text=[attempt.begin.trial for attempt in some],
            name=name,
            mode="markers",
            marker={"color": color, "size": 8, "opacity": 0.8},
            hovertemplate="trial %{text}: %{y}<extra></extra>",
        )
    _label(made, members, columns)
    scores = [score_of(attempt) for attempt in shown]
    outside = show_scores(made, scores, history.begin.direction)
    promotions = count(len(promoted - {None}), "trial")
    what = f"Each column is a round, and the epoch it ends before. Promoted: {promotions}."
    return Picture(_NAME, _TITLE, f"{what} {outside}".strip(), made, wide=True)


def _round(attempt: Attempt) -> _Round:
    return int(attempt.begin.lineage["bracket"]), int(attempt.begin.lineage["round"])


def _columns(attempts: list[Attempt]) -> dict[_Round, float]:
    """Return where each round stands: brackets in the order they run, a gap between two."""
    rounds = sorted({_round(attempt) for attempt in attempts}, key=lambda r: (-r[0], r[1]))
    brackets = sorted({bracket for bracket, _ in rounds}, reverse=True)
    return {key: place + 0.6 * brackets.index(key[0]) for place, key in enumerate(rounds)}


def _promotions(attempts: list[Attempt], columns: dict[_Round, float]) -> go.Scatter:
    known = {attempt.begin.trial: attempt for attempt in attempts}
    x: list[float | None] = []
    y: list[float | None] = []
    for attempt in attempts:
        parent = known.get(attempt.begin.lineage["parent"])
        if parent is not None:
            x += [columns[_round(parent)], columns[_round(attempt)], None]
            y += [*rounded([score_of(parent), score_of(attempt)]), None]
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        line={"color": ACCENT, "width": 1},
        opacity=0.6,
        name="promotion",
        hoverinfo="skip",
        showlegend=False,
    )


def _label(made: go.Figure, attempts: list[Attempt], columns: dict[_Round, float]) -> None:
    epochs = {_round(attempt): attempt.begin.epochs for attempt in attempts}
    made.update_xaxes(
        tickvals=list(columns.values()),
        ticktext=[f"round {key[1]}<br>to epoch {epochs[key]}" for key in columns],
        range=[-0.5, max(columns.values()) + 0.5],
        showgrid=False,
        zeroline=False,
    )
    for bracket in dict.fromkeys(bracket for bracket, _ in columns):
        places = [place for (other, _), place in columns.items() if other == bracket]
        made.add_annotation(
            text=f"bracket {bracket}",
            x=sum(places) / len(places),
            y=0,
            yref="paper",
            yanchor="top",
            yshift=-42,
            showarrow=False,
        )
    made.update_layout(margin={"b": 80})
