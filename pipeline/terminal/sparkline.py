"""A curve in one line of text."""

import math
from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*#"
_NO_NUMBER = "x"


def sparkline(values: Sequence[float], *, ascii_only: bool = False) -> str:
    """Draw values as a line of characters, one a value.

    Args:
        values: What to draw; the lowest and the highest finite one span the characters' height.
        ascii_only: Whether to do without Unicode's block characters.

    Returns:
        The line; a value that is not finite is an `x`.

    Example:
        >>> sparkline([4.0, 2.0, 1.0, math.nan])
        '█▃▁x'
    """
    levels = _ASCII if ascii_only else _BLOCKS
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)

    def character(value: float) -> str:
        if not math.isfinite(value):
            return _NO_NUMBER
        # Halves, as the span of two large numbers may be infinite.
        height = (value / 2 - low / 2) / (high / 2 - low / 2) if high > low else 0.0
        return levels[round(height * (len(levels) - 1))]

    return "".join(map(character, values))
