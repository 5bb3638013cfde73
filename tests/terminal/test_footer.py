"""What stays at the bottom of a terminal while lines are printed above it."""

import pytest

from tests.processes import ROOT
from tests.screen import Terminal

PROGRAM = """
import os, sys, time
from rich.console import Console
from rich.text import Text
from pipeline.terminal.footer import Footer

console = Console()
footer = Footer(console, lambda: Text("\\n".join(f"footer {{n}}" for n in range({rows}))))
footer.start()
{body}
footer.stop()
print("last")
"""


@pytest.fixture
def run(tmp_path):
    """Runs a program that shows a footer of so many lines; returns its terminal."""
    terminals = []

    def run(body: str, rows: int = 3, **size: int) -> Terminal:
        program = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        program += PROGRAM.format(rows=rows, body=body)
        terminals.append(Terminal("-c", program, directory=tmp_path, **size))
        assert terminals[-1].end() == 0
        return terminals[-1]

    yield run
    for terminal in terminals:
        terminal.close()


def seen(terminal):
    return [line for look in terminal.looks for line in look]


def test_whoever_prints_is_read_above_it(run):
    terminal = run(
        "print('printed')\n"
        "console.print('of the console')\n"
        "os.write(2, b'of a library\\n')\n"
        "time.sleep(0.4)\n"
        "console.print('x' * 100, soft_wrap=True)\n"
        "print('to the errors', file=sys.stderr)\n"
        "print('without an end', end='')\n"
    )
    assert "footer 2" in seen(terminal)
    assert terminal.lines() == [
        *("printed", "of the console", "of a library", "x" * 80, "x" * 20),
        *("to the errors", "without an end", "last"),
    ]
    assert not terminal.screen.cursor.hidden


def test_keys_that_are_pressed_leave_at_most_an_empty_line(run):
    terminal = run("os.write(1, b'^C'); time.sleep(0.4); os.write(1, b'\\r\\n'); time.sleep(0.4)")
    assert terminal.lines() == ["last"]


@pytest.mark.parametrize("rows", [23, 24, 25, 60])
def test_one_that_is_higher_than_the_screen_is_cut(run, rows):
    terminal = run("for n in range(30): console.print(f'line {n}')\ntime.sleep(0.4)", rows)
    assert "footer 22" in seen(terminal)
    assert "footer 23" not in seen(terminal)
    assert terminal.lines() == ["last"]  # the lines have been scrolled out
