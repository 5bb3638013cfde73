"""Cases of which CI takes a few, as others have tested the same mechanism."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest


def sampled(cases: Mapping[str, Any], *kept: str) -> Iterator[Any]:
    """Yield cases as a test's parameters: those that are named here, the rest as thorough.

    Args:
        cases: A parameter, or a tuple of several, by its name.
        kept: Names.

    Raises:
        AssertionError: There is no case of a name.
    """
    assert set(kept) <= cases.keys(), set(kept) - cases.keys()
    for name, case in cases.items():
        marks = () if name in kept else pytest.mark.thorough
        values = case if isinstance(case, tuple) else (case,)
        yield pytest.param(*values, id=name, marks=marks)
