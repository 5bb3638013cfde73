"""What is printed when a search has ended."""

import io

from rich.console import Console

from pipeline.terminal.closing import tell_unfinished
from pipeline.tracking import Delivery
from tests.stories import Story


def test_a_configuration_that_was_trained_again_is_in_the_table_once(tmp_path):
    story = Story().begin()
    for number in range(7):  # the last one is the first one's promotion, and better
        story.trial(f"{number:04}", score=0.1 * (7 - number), units=number % 6)
    story.write(tmp_path)
    console = Console(file=io.StringIO(), width=200)
    tell_unfinished(console, tmp_path, "sqlite:///mlflow.db", Delivery(0, None, None, "1"))
    table = console.file.getvalue()
    assert [f"{number:04} " in table for number in range(7)] == [False, False, *[True] * 5]
    assert "See every trial: mlflow ui" in table
