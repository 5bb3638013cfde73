"""Cases of which CI takes a few, as others have tested the same mechanism."""

from collections.abc import Mapping
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
