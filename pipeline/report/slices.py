"""The score against each hyperparameter by itself."""

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pipeline.journal.history import Attempt, History
from pipeline.report.chosen import MOST_HYPERPARAMETERS, few
from pipeline.report.layout import POINT, Picture, dressed, rounded, show_scores
from pipeline.report.scale import Scale
from pipeline.report.space import shown, space_of
from pipeline.report.trials import score_of, scored

NAME, TITLE = "slice", "Score against each hyperparameter"

_BESIDE = 3
_ROW = 300


def slice_picture(history: History, names: list[str]) -> Picture:
    """Return a plot for each of the first hyperparameters.

    Args:
        history: The search.
        names: The hyperparameters that differ between trials, the most important first.
    """
    if not names:
        return Picture(NAME, TITLE, "All trials have the same hyperparameters.", None)
    chosen, space = names[:MOST_HYPERPARAMETERS], space_of(history)
    attempts = scored(history)
    rows = -(-len(chosen) // _BESIDE)
    made = make_subplots(
        rows=rows,
        cols=min(len(chosen), _BESIDE),
        shared_yaxes="all",
        horizontal_spacing=0.05,
        vertical_spacing=90 / (_ROW * rows),
    )
    for place, name in enumerate(chosen):
        row, column = divmod(place, _BESIDE)
        _add(made, attempts, Scale(space[name]), row + 1, column + 1)
    made.update_yaxes(title_text=history.begin.objective, col=1)
    dressed(made, height=_ROW * rows + 40).update_layout(showlegend=False)
    scores = [score_of(attempt) for attempt in attempts]
    outside = show_scores(made, scores, history.begin.direction)
    caption = f"Each point is one of {len(attempts)} trials. {few(chosen, names)} {outside}"
    return Picture(NAME, TITLE, " ".join(caption.split()), made, wide=True)


def _add(made: go.Figure, attempts: list[Attempt], scale: Scale, row: int, column: int) -> None:
    name = scale.item.name
    some = [attempt for attempt in attempts if name in attempt.hyperparameters]
    values = [attempt.hyperparameters[name] for attempt in some]
    made.add_scatter(
        x=[scale.place(value) for value in values],
        y=rounded([score_of(attempt) for attempt in some]),
        text=[f"trial {a.begin.trial}, {shown(v)}" for a, v in zip(some, values, strict=True)],
        mode="markers",
        marker={"color": POINT, "size": 7, "opacity": 0.8},
        hovertemplate="%{text}: %{y}<extra></extra>",
        row=row,
        col=column,
    )
    made.update_xaxes(title_text=name, row=row, col=column, **scale.layout())
