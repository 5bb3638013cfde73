"""What a new search takes over of earlier ones: their best trials, and scores that hold here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras_tuner

from pipeline.configuration.config import Config, ConfigError
from pipeline.journal.attempts import Attempt, distinct
from pipeline.journal.callbacks import SearchBegin
from pipeline.journal.history import FILE_NAME, History, JournalError, newest_beginning, read
from pipeline.results.loading import load_search
from pipeline.search.identity import changed_modules
from pipeline.search.trial_values import epoch_range
from pipeline.strategies import Oracle
from pipeline.strategies.foreign_values import Fitted, fitted
from pipeline.strategies.grids import Values, key
from pipeline.terminal.wording import count
from pipeline.tracking.retrieval import history_of_run, runs_of_model

_BEST = 3  # trials of an earlier search
_MOST_SEARCHES = 3  # that are found by themselves


@dataclass(frozen=True)
class Measured:
    """A score that an earlier search measured, under conditions that are those of this one.

    Attributes:
        values: The hyperparameters, in this search's space.
        score: The objective's value.
        search: The earlier search.
        trial: Its trial.
    """

    values: Values
    score: float
    search: str
    trial: str


@dataclass(frozen=True)
class TakenOver:
    """What a search takes over.

    Attributes:
        opening: Values to try first, the best of each earlier search first.
        measured: Scores that need not be measured again.
        told: What was taken over, changed and dropped, in sentences.
    """

    opening: Sequence[Values] = ()
    measured: Sequence[Measured] = ()
    told: Sequence[str] = ()


def taken_over(
    begin: SearchBegin, config: Config, space: keras_tuner.HyperParameters, oracle: Oracle
) -> TakenOver:
    """Return what `warm_start` takes over.

    Args:
        begin: The new search.
        config: Its configuration.
        space: Its search space.
        oracle: It says which values it may try, and whether scores are of use to it.

    Raises:
        ConfigError: A place is no search's.
    """
    told: list[str] = []
    if config.warm_start == "auto":
        found = _found(begin, config, told)
        if not found:
            told.append(f"warm_start=auto found no earlier search of {begin.model} to begin with")
    else:
        found = [_named(place, config.tracking.uri) for place in config.warm_start]
    opening: list[Values] = []
    measured: dict[str, Measured] = {}
    for past in found:
        opening += _best(past, space, oracle, told)
        if oracle.takes_measured:
            for one in _measured(past, begin, config, space, oracle, told):
                measured.setdefault(key(one.values), one)
    return TakenOver(opening, [*measured.values()], told)


def _best(
    past: History, space: keras_tuner.HyperParameters, oracle: Oracle, told: list[str]
) -> list[Values]:
    """Return the values of an earlier search's best trials here, and tell what became of them."""
    search, taken, values = past.begin.search, list[str](), list[Values]()
    lines: list[str] = []
    for attempt in distinct(past.ranked(), _BEST):
        trial = attempt.begin.trial
        here = fitted(space, oracle.values_of, attempt.hyperparameters)
        if here.values is None:
            lines.append(f"{search}, trial {trial} is dropped: {here.reason}")
            continue
        taken.append(trial)
        values.append(here.values)
        if changed := _changes(here):
            lines.append(f"{search}, trial {trial}: {changed}")
    first = f"its best trials come first: {', '.join(taken)}" if taken else "no trial of it fits"
    told += [f"{search}: {first}", *lines]
    return values


def _changes(here: Fitted) -> str:
    """Say what is not as it was there."""
    parts = [f"{name}={old!r} is {new!r} here" for name, (old, new) in here.clipped.items()]
    if here.added:
        parts.append(f"{', '.join(here.added)} at the default")
    if here.lost:
        parts.append(f"without {', '.join(here.lost)}")
    return "; ".join(parts)


def _measured(
    past: History,
    begin: SearchBegin,
    config: Config,
    space: keras_tuner.HyperParameters,
    oracle: Oracle,
    told: list[str],
) -> list[Measured]:
    """Return an earlier search's scores that hold here too, and tell how many, or why none do."""
    search = past.begin.search
    if (other := _otherwise(past.begin, begin)) is not None:
        told.append(f"{search}: its scores do not count here, as {other} is another")
        return []
    ended, found = past.ranked(), list[Measured]()
    for attempt in ended:
        here = fitted(space, oracle.values_of, attempt.hyperparameters)
        if here.values is not None and here.exact and _is_whole(attempt, here.values, config):
            assert attempt.end is not None
            assert attempt.end.score is not None
            score = attempt.end.score
            found.append(Measured(here.values, score, search, attempt.begin.trial))
    told.append(f"{search}: {len(found)} of {count(len(ended), 'score')} count as measured")
    return found


def _is_whole(attempt: Attempt, values: Values, config: Config) -> bool:
    """Whether a trial was trained as long as it would be here, in one go."""
    begun = (attempt.begin.initial_epoch, attempt.begin.epochs)
    return begun == epoch_range(values, config.training.epochs)


def _otherwise(past: SearchBegin, begin: SearchBegin) -> str | None:
    """Return what makes scores of an earlier search those of something else; None if nothing."""
    if past.dataset_info["digest"] != begin.dataset_info["digest"]:
        return "the dataset"
    if (past.objective, past.direction) != (begin.objective, begin.direction):
        return "the objective"
    then, now = past.config, begin.config
    for name in ("epochs", "batch_size", "precision"):
        if then["training"].get(name) != now["training"][name]:
            return f"training.{name}"
    for name in ("model", "callbacks", "compile"):
        if name in then and then[name] != now[name]:
            return f"the configuration's {name}"
    modules = changed_modules(past, begin)
    return f"the module {modules[0]}" if modules else None


def _named(place: str, uri: str) -> History:
    """Read a search that the configuration names."""
    try:
        search = load_search(place) if Path(place).exists() else load_search(place, uri)
    except (ValueError, ConnectionError) as error:
        raise ConfigError(f"warm_start: {error}") from error
    return search.history


def _found(begin: SearchBegin, config: Config, told: list[str]) -> list[History]:
    """Return the searches of the same model that have a hyperparameter in common with this one.

    Those of the same data come first, then the newest; those of the same sweep are rivals.
    """
    here = {
        past.search: folder for folder, past in _kept(Path(config.storage)) if _fits(past, begin)
    }
    histories = [read(folder) for folder in here.values()]
    try:
        runs = runs_of_model(config.tracking.uri, config.tracking.experiment, begin.model)
        others = [run for search, run in runs if search not in here][:_MOST_SEARCHES]
        elsewhere = [history_of_run(run, config.tracking.uri) for run in others]
        histories += [past for past in elsewhere if _fits(past.begin, begin)]
    except (ValueError, ConnectionError) as error:
        told.append(f"warm_start=auto looked into {config.storage} alone: {error}")
    digest = begin.dataset_info["digest"]

    def worth(past: History) -> tuple[bool, float]:
        return past.begin.dataset_info["digest"] == digest, past.begin.time

    fit = [past for past in histories if past.ranked()]
    return sorted(fit, key=worth, reverse=True)[:_MOST_SEARCHES]


def _kept(storage: Path) -> Iterator[tuple[Path, SearchBegin]]:
    """Yield the searches of a storage; one that cannot be read is left out."""
    for journal in storage.glob(f"*/{FILE_NAME}"):
        try:
            begin = newest_beginning(journal.parent)
        except (JournalError, OSError):
            continue
        if begin is not None:
            yield journal.parent, begin


def _fits(past: SearchBegin, begin: SearchBegin) -> bool:
    """Whether an earlier search is of the same model, and its space overlaps with this one."""
    if begin.sweep is not None and past.sweep == begin.sweep:
        return False
    if past.config["model"].get("_target_") != begin.config["model"]["_target_"]:
        return False
    return bool(_searched(past.space) & _searched(begin.space))


def _searched(space: Sequence[Mapping[str, Any]]) -> set[str]:
    return {one["config"]["name"] for one in space if one["class_name"] != "Fixed"}
