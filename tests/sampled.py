"""Cases of which CI takes a few, as others have tested the same mechanism."""

from collections.abc import Sequence
from itertools import groupby

import pytest


def mark_sampled(items: Sequence[pytest.Item]) -> None:
    """Mark as thorough all cases of tests that are `sampled`, but those that their mark names.

    `@pytest.mark.sampled("one", "another")` names cases as pytest does, `sampled(every=4)` takes
    every fourth of those that are collected.

    Args:
        items: All that is collected, in its order.

    Raises:
        AssertionError: There is no case of a name.
    """
    for _, cases in groupby(items, key=lambda item: item.nodeid.partition("[")[0]):
        test = list(cases)
        mark = test[0].get_closest_marker("sampled")
        if mark is None or len(test) == 1:  # which was asked for by its name
            continue
        names = [item.nodeid.partition("[")[2].removesuffix("]") for item in test]
        kept = mark.args or names[:: mark.kwargs["every"]]
        assert set(kept) <= set(names), f"{test[0].nodeid} is none of {set(kept) - set(names)}"
        for item, name in zip(test, names, strict=True):
            if name not in kept:
                item.add_marker(pytest.mark.thorough)
