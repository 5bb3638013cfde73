"""The tags of a search's runs, how to find runs by them, and the name of the search's own."""

from pipeline.configuration.config import GROUPS
from pipeline.journal.callbacks import SearchBegin, TrialBegin

RUNNING = "RUNNING"

_IN_NAMES = ("dataset", "model", "strategy")  # of searches, unless they are given one
_LONGEST_NAME = 250  # what MLflow's databases take


def run_name(begin: SearchBegin) -> str:
    """Return what a search's own run is called: its name, and what differs in its sweep.

    Args:
        begin: How the search began.

    Returns:
        For example `digits-mlp-random seed 1`; a choice that the name has already is not repeated.
    """
    composed = begin.name == "-".join((begin.dataset, begin.model, begin.strategy))
    parts = [begin.name]
    for override in begin.varied:
        key, _, value = override.lstrip("+").removeprefix("if_known.").partition("=")
        group = key.removesuffix("._target_")
        if key == "name" or (composed and group in _IN_NAMES and value == getattr(begin, group)):
            continue
        parts.append(_shown(key, value))
    return " ".join(parts)[:_LONGEST_NAME]


def condition(tag: str, value: str) -> str:
    """Return MLflow's filter for the runs with a tag's value; it knows no escapes."""
    quoted = f'"{value}"' if "'" in value else f"'{value}'"
    return f"tags.`{tag}` = {quoted}"


def search_tags(begin: SearchBegin) -> dict[str, str]:
    """Return the tags of a search's own run while it runs."""
    return {"pipeline.kind": "search", "pipeline.status": RUNNING, **_shared(begin)}


def trial_tags(begin: SearchBegin, record: TrialBegin) -> dict[str, str]:
    """Return the tags of an attempt at a trial while it runs."""
    lineage = {
        "pipeline.bracket": record.lineage.get("bracket"),
        "pipeline.round": record.lineage.get("round"),
        "pipeline.parent_trial": record.lineage.get("parent"),
        "pipeline.initial_epoch": record.initial_epoch,
        "pipeline.epochs": record.epochs,
    }
    return {
        "pipeline.kind": "trial",
        "pipeline.status": RUNNING,
        "pipeline.trial": record.trial,
        "pipeline.attempt": str(record.attempt),
        **{name: str(value) for name, value in lineage.items() if value is not None},
        **_shared(begin),
    }


def _shown(key: str, value: str) -> str:
    """Return an override as a comparison's labels show it."""
    if key in GROUPS:
        return value
    return f"seed {value}" if key == "seed" else f"{key}={value}"


def _shared(begin: SearchBegin) -> dict[str, str]:
    """Return what a search and its trials can all be found by; MLflow filters runs one by one."""
    names = (
        "search",
        "strategy",
        "pruner",
        "dataset",
        "model",
        "objective",
        "direction",
        "fingerprint",
    )
    tags = {f"pipeline.{name}": str(getattr(begin, name)) for name in names}
    tags |= {"mlflow.source.name": "python -m pipeline", "mlflow.source.type": "LOCAL"}
    if begin.fork_of:
        tags["pipeline.fork_of"] = begin.fork_of["search"]
        tags["pipeline.fork_of_trial"] = begin.fork_of["trial"]
    return tags if begin.sweep is None else {**tags, "pipeline.sweep": begin.sweep}
