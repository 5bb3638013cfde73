"""The attempt that is replayed, and those that it goes on from."""

from pipeline.configuration.config import ConfigError
from pipeline.journal.attempts import Attempt
from pipeline.journal.history import History

_SHOWN = 8


def chosen(history: History, trial: str | None) -> Attempt:
    """Return the attempt at a trial that ended it.

    Args:
        history: The search.
        trial: Its identifier, or its number; None for the best.

    Returns:
        The attempt, which completed or failed.

    Raises:
        ConfigError: There is no such trial, it has not ended, or processes died in it.
    """
    search = history.begin.search
    ended = {one.begin.trial: one for one in history.attempts if one.finished}
    survived = {name: one for name, one in ended.items() if one.end and not one.end.deaths}
    if trial is None:
        ranked = history.ranked()
        if not ranked:
            raise ConfigError(f"no trial of {search} has completed; {_allowed(survived)}")
        return ranked[0]
    name = trial.zfill(4) if trial.isdecimal() else trial
    if name in survived:
        return survived[name]
    begun = name in {one.begin.trial for one in history.attempts}
    what = (
        "took its process down" if name in ended else "has not ended" if begun else "is not known"
    )
    raise ConfigError(f"trial {trial} of {search} {what}; {_allowed(survived)}")


def _allowed(ended: dict[str, Attempt]) -> str:
    if not ended:
        return "allowed: a trial that has ended, of which there is none"
    names = sorted(ended)
    shown = ", ".join(names) if len(names) <= _SHOWN else f"{names[0]} to {names[-1]}"
    return f"allowed: a trial that has ended, {shown}"
