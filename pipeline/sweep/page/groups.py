"""Which searches of a sweep can be compared, and how each stands."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.journal.callbacks import Status
from pipeline.sweep.standings import Row, Standing

COMPLETED, FAILED, NOT_ENDED = "completed", "failed", "not ended"


@dataclass(frozen=True)
class Group:
    """Searches of the same data and objective, whose scores can be compared.

    Attributes:
        searches: Those with a score, the best first.
        where: What tells it from the sweep's other groups; empty if there is no other.
    """

    searches: tuple[Standing, ...]
    where: str

    @property
    def rows(self) -> list[Row]:
        """What the searches achieved."""
        return [search.row for search in self.searches]

    @property
    def objective(self) -> str:
        """The metric that its searches optimise."""
        return str(self.searches[0].row.objective)

    @property
    def direction(self) -> str:
        """Whether the objective is minimised (`min`) or maximised (`max`)."""
        return str(self.searches[0].row.direction)


def groups_of(searches: Sequence[Standing]) -> list[Group]:
    """Return the groups of a sweep's searches; those without a score are in none.

    Args:
        searches: The searches, ranked.
    """
    members: dict[tuple[str, ...], list[Standing]] = {}
    for search in searches:
        if search.row.best_score is not None:
            members.setdefault(search.row.group, []).append(search)
    if len(members) == 1:
        return [Group(tuple(group), "") for group in members.values()]
    named = {key: _name(group[0].row) for key, group in members.items()}
    repeated = Counter(named.values())
    return [
        Group(
            tuple(group),
            named[key] if repeated[named[key]] == 1 else f"{named[key]}, {group[0].row.source}",
        )
        for key, group in members.items()
    ]


def scoreless(searches: Sequence[Standing]) -> list[Standing]:
    """Return the searches without a score."""
    return [search for search in searches if search.row.best_score is None]


def status_of(search: Standing) -> str:
    """Return how a search stands: `completed`, `failed`, `interrupted` or `not ended`."""
    if search.row.reason is not None:
        return FAILED
    if search.history is None:
        return COMPLETED
    end = search.history.end
    if end is None or (end.status is Status.COMPLETED and not search.history.finished):
        return NOT_ENDED
    return end.status.lower()


def _name(row: Row) -> str:
    return f"{row.dataset} by {row.objective} ({row.direction})"
