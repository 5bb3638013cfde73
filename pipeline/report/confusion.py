"""The confusion matrix of the best model's test."""

import numpy as np
import plotly.graph_objects as go

from pipeline.journal.history import History
from pipeline.report.layout import Picture, dressed

_NAME, _TITLE = "confusion", "Confusion matrix"
_COLORS = ((0.0, "#edf2f7"), (1.0, "#1c64a5"))  # Plotly writes black or white on them
_MOST_NUMBERS = 20  # classes, so that there is room for numbers in the cells
_MOST_BESIDE = 12  # classes in half of the page's width


def confusion_picture(history: History) -> Picture | None:
    """Return how often each class of the test data was taken for each.

    Args:
        history: The search.

    Returns:
        The picture; None if the journal has no such counts.
    """
    tested = history.evaluation
    if tested is None or tested.confusion is None:
        return None
    counts = np.asarray(tested.confusion)
    names = _names(history, len(counts))
    made = go.Figure(
        go.Heatmap(
            z=np.round(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), 3).tolist(),
            zmin=0,
            zmax=1,
            text=[[str(count or "") for count in row] for row in counts.tolist()],
            customdata=[[[true, guess] for guess in names] for true in names],
            texttemplate="%{text}" if len(counts) <= _MOST_NUMBERS else None,
            colorscale=_COLORS,
            showscale=False,
            xgap=1,
            ygap=1,
            hovertemplate=(
                "%{customdata[0]} taken for %{customdata[1]}: %{text}, %{z:.1%}<extra></extra>"
            ),
        )
    )
    axis = {"showgrid": False, "zeroline": False}
    ticks = {"tickvals": list(range(len(names))), "ticktext": [_short(name) for name in names]}
    made.update_xaxes(title_text="predicted", **axis, **ticks)
    made.update_yaxes(title_text="true", autorange="reversed", **axis, **ticks)
    dressed(made, height=min(760, 150 + 34 * max(len(names), 5)))
    caption = "Each class of the test data by what it was taken for; the colour is the share."
    if len(names) > _MOST_BESIDE:
        return Picture(_NAME, _TITLE, caption, made, wide=True)
    return Picture(_NAME, _TITLE, caption, made, size="half")


def _names(history: History, count: int) -> list[str]:
    """Return the classes' names; their numbers, if the journal does not have them."""
    known = history.begin.dataset_info.get("profile", {}).get("classes", [])
    return list(map(str, known)) if len(known) == count else list(map(str, range(count)))


def _short(name: str) -> str:
    return name if len(name) <= 16 else f"{name[:15]}…"
