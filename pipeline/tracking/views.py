"""Ready-made tables of trials on MLflow's page: their scores and hyperparameters, the best first.

The page itself shows no metric until somebody chooses columns, which only that browser remembers.
What a person saves or shares of it is a tag of the experiment, though: a saved view has a name and
is in the page's menu, a shared one is found by its link alone. Older versions know the links only.
"""

import json
import re
from collections.abc import Iterable, Sequence

from pipeline.journal.callbacks import SearchBegin
from pipeline.tracking.tags import condition

_TAG = "mlflow.sharedViewState."
_ROOM = 3500  # characters for the columns of params; a tag has 5000 or more


def view_of(name: str) -> str:
    """Return by what tags and links name a view.

    Args:
        name: Of the trials of a search: its identifier.
    """
    return re.sub(r"[^\w.-]", "-", name, flags=re.ASCII)[:200]


def offered(begin: SearchBegin, param_names: Iterable[str]) -> dict[str, str]:
    """Return the views that a search offers, as tags of its experiment.

    Args:
        begin: How the search began.
        param_names: The names of its trials' params.

    Returns:
        Two: the search's trials, found by a link; and those of all searches of the experiment with
        the same model and objective, in the menu.
    """
    trials = condition("pipeline.kind", "trial")
    own = f"{trials} and {condition('pipeline.search', begin.search)}"
    same = " and ".join(
        (
            trials,
            *(condition(f"pipeline.{tag}", getattr(begin, tag)) for tag in ("model", "objective")),
        )
    )
    params = [f"params.`{name}`" for name in param_names]
    metrics = ["metrics.`score`", "metrics.`best_epoch`"]
    time = round(begin.time * 1000)
    named = {
        "name": f"{begin.model} by {begin.objective}",
        "createdAt": time,
        "updatedAt": time,
        "state": _view(begin, same, ["tags.`pipeline.strategy`", *metrics], params),
    }
    return {
        _TAG + view_of(begin.search): _view(begin, own, metrics, params),
        _TAG + view_of(f"{begin.model}-{begin.objective}"): json.dumps(named, ensure_ascii=False),
    }


def _view(begin: SearchBegin, searched: str, columns: Sequence[str], more: Sequence[str]) -> str:
    """Return a view as the page reads it, with as many of the columns as a tag can hold."""
    shown, room = [*columns], _ROOM
    for column in more:
        room -= 2 * len(f' "{column}",')
        if room < 0:
            break
        shown.append(column)
    view = {
        "searchFilter": searched,
        "orderByKey": "metrics.`score`",
        "orderByAsc": begin.direction == "min",
        "selectedColumns": shown,
        "columnOrder": shown,
    }
    return json.dumps(view, ensure_ascii=False)
