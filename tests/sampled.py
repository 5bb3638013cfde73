"""Cases of which CI takes a few, as others have tested the same mechanism."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import pytest


def sampled(cases: Mapping[str, Any], *kept: str) -> list[Any]:
    """Return cases as a test's parameters: those that are named here, the rest as thorough.

    Args:
        cases: A parameter, or a tuple of several, by its name.
        kept: Names.

    Raises:
        AssertionError: There is no case of a name.
    """
    assert set(kept) <= cases.keys(), set(kept) - cases.keys()
    parameters = []
    for name, case in cases.items():
        values = case if isinstance(case, tuple) else (case,)
        marks = () if name in kept else pytest.mark.thorough
        parameters.append(pytest.param(*values, id=name, marks=marks))
    return parameters


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
