"""A sweep's comparison as one MLflow run."""

import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.journal.callbacks import Status
from pipeline.sweep.standings import Row
from pipeline.sweep.text import common, markdown


def log_comparison(
    rows: Sequence[Row], files: Sequence[Path], *, uri: str, experiment: str, sweep: str
) -> str:
    """Log a comparison as one MLflow run.

    Its metrics are `best_score/LABEL`, whose steps are the epochs trained, `epochs_trained/LABEL`,
    `seconds/LABEL` and `test_METRIC/LABEL`.

    Args:
        rows: The searches.
        files: What becomes artifacts.
        uri: The tracking server or database.
        experiment: Name of the experiment; made if it does not exist.
        sweep: Identifier of the sweep.

    Returns:
        The run's id.

    Raises:
        Exception: Whatever MLflow raises if it cannot be reached or refuses.
    """
    from pipeline.tracking.store import connect  # before mlflow: it sets how MLflow behaves

    from mlflow.entities import Metric  # isort: skip

    store = connect(uri, experiment)
    client = store.client
    name = "-".join(filter(None, ("comparison", common(rows, "dataset"), common(rows, "model"))))
    run = store.find_comparison(sweep) or client.create_run(
        store.experiment, tags=_tags(rows, sweep), run_name=name
    )
    run_id: str = run.info.run_id
    now = run.info.start_time  # the same when it is told again, which then doubles nothing
    try:
        for row in rows:
            metrics = [Metric(key, value, now, step) for key, value, step in _metrics(row)]
            client.log_batch(run_id, metrics=metrics)
        for path in files:
            client.log_artifact(run_id, str(path))
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")
    return run_id


def _tags(rows: Sequence[Row], sweep: str) -> dict[str, str]:
    best = [row for row in rows if row.best]
    datasets = {row.dataset for row in best}
    tags = {
        "pipeline.kind": "comparison",
        "pipeline.sweep": sweep,
        "pipeline.status": str(Status.COMPLETED),
        "mlflow.note.content": markdown(rows),
    }
    for name in ("strategy", "dataset", "model", "objective", "direction"):
        if value := common(rows, name):
            tags[f"pipeline.{name}"] = value
    for row in best:
        # Several groups on one dataset differ in something that the label tells.
        group = row.dataset if len(datasets) == len(best) else row.label
        suffix = f".{_key(str(group))}" if len(best) > 1 else ""
        tags[f"pipeline.best_search{suffix}"] = str(row.search)
    return tags


def _metrics(row: Row) -> list[tuple[str, float, int]]:
    """Return (name, value, step) of what a search's row says in numbers."""
    if row.search is None:
        return []
    label = _key(row.label)
    curve = [(f"best_score/{label}", score, epochs) for epochs, score in row.curve]
    tested = [(f"test_{name}/{label}", value, 0) for name, value in (row.test or {}).items()]
    spent = [(f"epochs_trained/{label}", float(row.epochs_trained), 0)]
    return [*curve, *tested, *spent, (f"seconds/{label}", row.seconds, 0)]


def _key(text: str) -> str:
    """Return a text as part of an MLflow key: letters, digits and `_-. ` only, 200 at most."""
    return re.sub(r"[^\w\-. ]", "_", text)[:200]
