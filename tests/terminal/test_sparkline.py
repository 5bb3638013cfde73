import math

import pytest

from pipeline.terminal.sparkline import sparkline


@pytest.mark.parametrize(
    ("values", "blocks", "characters"),
    [
        ([], "", ""),
        ([3.0], "▁", "_"),
        ([2.0, 2.0], "▁▁", "__"),
        (list(range(8)), "▁▂▃▄▅▆▇█", "_.-==+*#"),
        ([1.0, math.nan, 0.0, math.inf, -math.inf], "█x▁xx", "#x_xx"),
        ([math.nan], "x", "x"),
        ([1e308, -1e308, 0.0], "█▁▅", "#_="),
    ],
)
def test_draws_a_character_a_value(values, blocks, characters):
    assert sparkline(values) == blocks
    assert sparkline(values, ascii_only=True) == characters
