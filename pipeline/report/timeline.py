"""When each trial ran."""

from datetime import UTC, datetime

from pipeline.journal.callbacks import Status
from pipeline.journal.history import History
from pipeline.report.layout import ACCENT, MUTED, POINT, Picture, figure
from pipeline.report.trials import RUNNING, end_time, status_of
from pipeline.terminal.wording import duration

_NAME, _TITLE = "timeline", "When each trial ran"
_COLORS = {
    str(Status.COMPLETED): POINT,
    str(Status.PRUNED): "#b58a2a",
    str(Status.FAILED): "#c5473f",
    str(Status.INTERRUPTED): MUTED,
    RUNNING: ACCENT,
}


def timeline_picture(history: History) -> Picture:
    """Return when each attempt at a trial began and ended, in universal time.

    One that still runs is drawn to its last epoch.
    """
    if not history.attempts:
        return Picture(_NAME, _TITLE, "No trial has begun yet.", None)
    rows = {trial: row for row, trial in enumerate(dict.fromkeys(_trials(history)))}
    made = figure("time (UTC)", "trial", height=min(700, 200 + 12 * len(rows)))
    for status, color in _COLORS.items():
        some = [a for a in history.attempts if status_of(a, history) == status]
        if not some:
            continue
        lasted = [end_time(attempt) - attempt.begin.time for attempt in some]
        made.add_bar(
            base=[_date(attempt.begin.time) for attempt in some],
            x=[round(1000 * seconds) for seconds in lasted],
            y=[rows[attempt.begin.trial] for attempt in some],
            text=[
                f"trial {attempt.begin.trial}, {duration(seconds)}"
                for attempt, seconds in zip(some, lasted, strict=True)
            ],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
            name=status.lower(),
            orientation="h",
            marker={"color": color, "line": {"width": 0}},
        )
    made.update_layout(barmode="overlay", bargap=0.15, showlegend=True)
    made.update_xaxes(type="date")
    made.update_yaxes(autorange="reversed", tickformat="d")
    caption = "Each bar is an attempt at a trial, from its beginning to its end."
    return Picture(_NAME, _TITLE, caption, made)


def _trials(history: History) -> list[str]:
    return [attempt.begin.trial for attempt in history.attempts]


def _date(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
