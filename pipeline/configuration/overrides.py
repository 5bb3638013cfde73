"""Overrides: which of them decide what is searched."""

from collections.abc import Iterable

# They decide where it is told and what is continued, not what is searched.
_INDECISIVE = ("resume=", "tracking.uri=", "verbose=")


def decisive(overrides: Iterable[str]) -> list[str]:
    """Return the overrides that decide what is searched, whatever their order."""
    return sorted(item for item in overrides if not item.lstrip("+").startswith(_INDECISIVE))
