"""What a search begins with: given values, stated defaults, the best of earlier searches."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipeline.configuration.config import Config, ConfigError, Resume
from pipeline.journal.callbacks import SearchBegin
from pipeline.journal.history import History
from pipeline.search.parts import Parts
from pipeline.search.past_searches import find_continued
from pipeline.search.targets import explained
from pipeline.search.warm_start import TakenOver, taken_over
from pipeline.seeds import derive_seed
from pipeline.strategies import Oracle
from pipeline.strategies.foreign_values import checked, fitted, with_stated
from pipeline.strategies.grids import Values, key


def opened(begin: SearchBegin, config: Config, parts: Parts, resume: Resume) -> SearchBegin:
    """Return how a search begins, with what its oracle begins with.

    Args:
        begin: How it begins otherwise.
        config: Its configuration.
        parts: What that names, built.
        resume: Whether it may continue an earlier one. What that has taken over stands in its
            journal; where it came from may be gone.

    Raises:
        ConfigError: `first_trials` has no values of this space, `warm_start` leads to no search,
            or the oracle cannot be told where to begin; one sentence says which.
    """
    oracle = parts.oracle
    if not isinstance(oracle, Oracle):
        for name in ("first_trials", "warm_start"):
            if getattr(config, name):
                raise ConfigError(
                    f"{name} needs a strategy that can be told where to begin; "
                    f"{type(oracle).__name__} is no pipeline.strategies.Oracle"
                )
        return begin
    earlier = TakenOver()
    if config.warm_start and not _goes_on(begin, config, resume):
        earlier = taken_over(begin, config, parts.space.explored, oracle)
    opening = _distinct(
        [
            *_given(begin, config, parts, oracle),
            *_defaults(parts, oracle, config.seed),
            *earlier.opening,
        ]
    )
    return dataclasses.replace(
        begin,
        opening=list(opening),
        measured=[dataclasses.asdict(one) for one in earlier.measured],
        taken_over=list(earlier.told),
    )


def as_begun(begin: SearchBegin, past: History | None) -> SearchBegin:
    """Return how a search goes on: with what it began with, whatever is found now."""
    if past is None:
        return begin
    first = past.begin
    return dataclasses.replace(
        begin, opening=first.opening, measured=first.measured, taken_over=first.taken_over
    )


def tell_oracle(oracle: object, begin: SearchBegin) -> None:
    """Tell an oracle what it begins with; it knows of no trial yet."""
    if isinstance(oracle, Oracle):
        measured = [(one["values"], one["score"]) for one in begin.measured]
        oracle.begin_with(begin.opening, measured)


def _goes_on(begin: SearchBegin, config: Config, resume: Resume) -> bool:
    if resume is Resume.never:
        return False
    return find_continued(Path(config.storage), begin) is not None


def _given(begin: SearchBegin, config: Config, parts: Parts, oracle: Oracle) -> Iterator[Values]:
    """Yield the values of `first_trials`; of a fork those nearest to the other trial's."""
    space = parts.space.explored
    for number, values in enumerate(config.first_trials):
        if not begin.fork_of:
            where = f"first_trials.{number}"
            yield explained("first_trials", checked, space, oracle.values_of, values, where)
            continue
        here = fitted(space, oracle.values_of, values)
        if here.values is None:
            raise ConfigError(f"the trial cannot be forked: {here.reason}")
        yield here.values


def _defaults(parts: Parts, oracle: Oracle, seed: int) -> Sequence[Values]:
    """Return one combination with the defaults that are stated; none where none matters."""
    if not oracle.begins_with_defaults:
        return []
    searched = {hp.name for hp in parts.space.explored.space if _is_searched(oracle.values_of(hp))}
    if not searched & parts.space.stated.keys():
        return []
    seed = derive_seed(seed, "defaults")
    return [with_stated(parts.space.explored, oracle.values_of, parts.space.stated, seed)]


def _is_searched(values: Sequence[object] | None) -> bool:
    return values is None or len(values) > 1


def _distinct(combinations: Iterable[Values]) -> Iterator[Values]:
    return iter({key(values): values for values in combinations}.values())
