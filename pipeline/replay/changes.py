"""What is not as it was when a search trained its trials."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.configuration.config import Config
from pipeline.journal.callbacks import SearchBegin
from pipeline.search.identity import changed_modules, fingerprint, source_of
from pipeline.search.parts import Parts


def changes(then: SearchBegin, now: SearchBegin, config: Config, parts: Parts) -> list[str]:
    """Say what is not the same any more, of all that a training depends on.

    Args:
        then: How the search began.
        now: How it would begin.
        config: Its configuration.
        parts: What that names, built now.

    Returns:
        A sentence each, the most likely cause of a difference first.
    """
    return [*_data(then, now), *_model(then, now, config, parts), *_around(then, now)]


def _data(then: SearchBegin, now: SearchBegin) -> Iterator[str]:
    old, new = (begin.dataset_info["digest"] for begin in (then, now))
    if old != new:
        yield f"the dataset is not the one of then: its digest is {new}, and was {old}"


def _model(then: SearchBegin, now: SearchBegin, config: Config, parts: Parts) -> Iterator[str]:
    modules = changed_modules(then, now)
    if modules:
        are = "is not the module" if len(modules) == 1 else "are not the modules"
        yield f"{', '.join(modules)} {are} of then"
    declared = parts.space.declared.get_config()["space"]
    if names := _others(then.space, now.space) and _others(then.space, declared):
        yield f"the search space is not the one of then: {', '.join(names)}"
    elif not modules:
        digest, source = str(then.dataset_info["digest"]), source_of(parts.hypermodel)
        settings = fingerprint(config, digest, source, declared, then.fork_of)
        if settings != (then.settings or then.fingerprint):
            yield f"the hypermodel is not the one of then: the source of {now.model} has changed"


def _around(then: SearchBegin, now: SearchBegin) -> Iterator[str]:
    yield from _otherwise(then.versions, now.versions)
    if then.machine:
        yield from _otherwise(then.machine, now.machine)


def _otherwise(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in {**then, **now}:
        old, new = then.get(name), now.get(name)
        if old != new:
            yield f"{name} is {new or 'not there'}, and was {old or 'not there'}"


def _others(then: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[str]:
    """Return the names of hyperparameters that two spaces do not declare alike.

    Journals of before models were explored have what is declared alone.
    """
    old, new = _by_name(then), _by_name(now)
    return sorted(name for name in {**old, **new} if old.get(name) != new.get(name))


def _by_name(space: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return what a space has of each name, as a journal has it, which knows no tuples."""
    found: dict[str, list[Any]] = {}
    for declared in json.loads(json.dumps(space)):
        found.setdefault(declared["config"]["name"], []).append(declared)
    return found
