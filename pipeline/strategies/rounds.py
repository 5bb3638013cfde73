"""The rounds of a bracket of successive halving, as numbers."""

from collections.abc import Sequence


def one_path(left: Sequence[tuple[int, int]], begun: int) -> list[tuple[int, int]]:
    """Return what leads one trial to the end of a bracket.

    Args:
        left: What is left of each round: trials, and epochs of each.
        begun: How many rounds have begun, at least 1.

    Returns:
        All that is left of those, and one trial of each later one.
    """
    return [
        (trials if number < begun else 1, epochs) for number, (trials, epochs) in enumerate(left)
    ]
